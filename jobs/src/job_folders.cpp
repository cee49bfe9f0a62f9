#include <string>
#include <vector>

#include <fmt/format.h>
#include <jobs/job_folders.hpp>
#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <engine/job.hpp>
#include <engine/published.hpp>

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

/// Ids come from our database, but it is a path that is built.
fs::path below(const fs::path& folder, std::string_view name) {
    return folder / fs::path(name).filename();
}

/// Nothing when another job's presentation stands there.
Status remove_own(const Job& job, const fs::path& folder) {
    const auto published = engine::read_published(folder);
    if (!published) {
        if (published.error().code == Errc::kNotFound) return {};
        return published.error();
    }
    return published_by(job, published->plan) ? engine::remove_published(folder) : Status();
}

std::optional<engine::JobDocument> document_of(const Job& job) {
    std::vector<engine::JobFault> faults;
    return engine::read_job(job.document, engine::JobSyntax::kJson, faults);
}

}  // namespace

fs::path own_output_folder(const fs::path& data, std::string_view job) {
    return below(data / "outputs", job);
}

fs::path output_folder(const fs::path& data, const Job& job) {
    const auto document = document_of(job);
    if (document && fs::path(document->output).is_absolute()) return document->output;
    return own_output_folder(data, job.id);
}

fs::path work_folder(const fs::path& data, std::string_view job) {
    return below(data / "work", job);
}

fs::path fetched_input(const fs::path& data, std::string_view job, std::size_t input) {
    return work_folder(data, job) / "fetched" / fmt::format("{}", input);
}

std::vector<fs::path> unfinished_outputs(const fs::path& data,
                                         std::string_view job,
                                         JobState state,
                                         std::int64_t outputs_bytes,
                                         std::string_view result) {
    const auto own = own_output_folder(data, job);
    if (state == JobState::kSucceeded) return {};
    if (outputs_bytes == 0) return {own};
    std::vector<fs::path> out;
    const auto parsed = nlohmann::json::parse(result, nullptr, false);
    if (!parsed.is_object()) return out;
    for (const auto& input : parsed.value("inputs", nlohmann::json::array())) {
        const fs::path name = input.value("name", std::string());
        if (!input.value("ok", true) && !name.empty()) out.push_back(below(own, name.string()));
    }
    return out;
}

bool published_by(const Job& job, std::string_view plan) {
    return !plan.empty() && job.result.find(plan) != std::string::npos;
}

Status delete_outputs(const fs::path& data, const Job& job) {
    if (!ended(job.state)) {
        return Error{Errc::kMismatch,
                     fmt::format("delete outputs of {}: it is {}; cancel it first, or wait for its "
                                 "end",
                                 job.id,
                                 name_of(job.state))};
    }
    const auto own = own_output_folder(data, job.id);
    std::error_code ec;
    fs::remove_all(own, ec);
    if (ec) return errno_error(ec.value(), "remove " + own.string());
    const auto document = document_of(job);
    if (!document || !fs::path(document->output).is_absolute()) return {};
    const fs::path folder = document->output;
    if (document->inputs.size() == 1) return remove_own(job, folder);
    for (const auto& name : engine::output_names(*document)) SG_TRY(remove_own(job, folder / name));
    return {};
}

}  // namespace sg::jobs

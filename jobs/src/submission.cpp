#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <jobs/job_table.hpp>
#include <jobs/submission.hpp>

#include <base/ids.hpp>
#include <protocols/address_policy.hpp>

#include "document_presets.hpp"
#include "document_rules.hpp"

namespace sg::jobs {
namespace {

constexpr std::string_view kUpload = "upload:";

Millis millis(Clock::Wall time) {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// "rtmp" of "rtmp://host/app" (RFC 3986 §3.1).
std::string_view scheme_of(std::string_view uri) {
    const auto colon = uri.find(':');
    if (colon == std::string_view::npos || colon == 0) return {};
    for (std::size_t i = 0; i < colon; ++i) {
        const char c = uri[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other)) return {};
    }
    return uri.substr(0, colon);
}

bool below(const std::filesystem::path& path, const std::filesystem::path& folder) {
    const auto relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
    return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

struct Submissions::Impl {
    SubmissionPolicy policy;
    const AllowedRoots& roots;
    CheckUpload check_upload;
    const Clock& clock;
    DocumentPresets presets{};

    void check_path(const std::string& uri, const std::string& pointer, Faults& faults) const {
        const std::filesystem::path path(uri);
        if (!path.is_absolute()) {
            return add_fault(faults,
                             "invalid_value",
                             pointer,
                             "must be an absolute path, an http(s) address, or upload:ID");
        }
        const auto status = roots.check_input(path);
        if (status) return;
        const bool missing = status.error().code == Errc::kNotFound;
        add_fault(
            faults, missing ? "input_not_found" : "path_refused", pointer, status.error().message);
    }

    /// Whether it is at hand.
    bool check_uri(sql::Connection& db,
                   const std::string& owner,
                   const std::string& uri,
                   const std::string& pointer,
                   Faults& faults) const {
        if (uri.starts_with(kUpload)) {
            const auto id = std::string_view(uri).substr(kUpload.size());
            const auto whole = check_upload
                                   ? check_upload(db, owner, id)
                                   : Error{Errc::kNotFound, "this service takes no uploads"};
            if (whole) return *whole;
            add_fault(faults, "unknown_upload", pointer, whole.error().message);
        } else if (scheme_of(uri).empty()) {
            check_path(uri, pointer, faults);
        } else {
            check_address(uri, pointer, faults);
        }
        return true;
    }

    void check_address(const std::string& url, const std::string& pointer, Faults& faults) const {
        const auto status = protocols::check_http_url(url, {policy.allow_private_addresses});
        if (status) return;
        const bool refused = status.error().code == Errc::kPermission;
        add_fault(
            faults, refused ? "address_refused" : "invalid_url", pointer, status.error().message);
    }

    void check_output(const std::string& output, Faults& faults) const {
        if (output.empty()) return;
        const std::filesystem::path path(output);
        if (!path.is_absolute()) {
            return add_fault(faults,
                             "invalid_value",
                             "/output",
                             "must be an absolute path; without it the job gets a folder of its "
                             "own");
        }
        // Folders there belong to jobs, and so to their owners.
        if (below(path, policy.data)) {
            return add_fault(
                faults,
                "path_refused",
                "/output",
                "lies in the service's own folder; without it the job gets a folder there");
        }
        const auto status = roots.check_output(path);
        if (!status) add_fault(faults, "path_refused", "/output", status.error().message);
    }
};

Submissions::Submissions(SubmissionPolicy policy,
                         const AllowedRoots& roots,
                         CheckUpload check_upload,
                         const Clock& clock)
    : impl_(new Impl{std::move(policy), roots, std::move(check_upload), clock}) {}

Submissions::~Submissions() = default;

std::optional<Job> Submissions::prepare(sql::Connection& db,
                                        std::string_view text,
                                        engine::JobSyntax syntax,
                                        const Submitter& submitter,
                                        Faults& faults) const {
    auto document = engine::read_job(text, syntax, faults);
    if (!document) return std::nullopt;
    check_texts(*document, impl_->policy.max_inputs, faults);
    if (!faults.empty()) return std::nullopt;
    bool local = true;
    for (std::size_t i = 0; i < document->inputs.size(); ++i) {
        const auto at = fmt::format("/inputs/{}/uri", i);
        const auto& uri = document->inputs[i].uri;
        static_cast<void>(impl_->check_uri(db, submitter.owner, uri, at, faults));
        local = local && scheme_of(uri).empty();
    }
    for (std::size_t i = 0; i < document->notify.size(); ++i)
        impl_->check_address(document->notify[i], fmt::format("/notify/{}", i), faults);
    impl_->check_output(document->output, faults);
    impl_->presets.pin(db, submitter.owner, *document, faults);
    if (!faults.empty()) return std::nullopt;

    Job job;
    job.id = make_id("job", impl_->clock);
    job.owner = submitter.owner;
    job.document = engine::to_json(*document);
    job.preset = document->preset;
    job.external_id = document->external_id;
    job.tags = document->tags;
    job.priority = priority(document->priority).value_or(Priority::kNormal);
    if (const auto deadline = parse_rfc3339(document->deadline)) job.deadline = millis(*deadline);
    // Uploads and addresses are got by the worker first.
    job.state = local ? JobState::kQueued : JobState::kAccepted;
    if (!local) job.reason = "waiting_for_inputs";
    job.created = millis(impl_->clock.wall());
    job.traceparent = submitter.traceparent;
    return job;
}

Status Submissions::accept(sql::Connection& db, const Job& job) const {
    const auto most = static_cast<std::int64_t>(impl_->policy.open_jobs_per_owner);
    if (most > 0) {
        SG_TRY_ASSIGN(const auto open, open_jobs(db, job.owner));
        if (open >= most) {
            return Error{Errc::kLimit,
                         fmt::format("{} has {} jobs that have not ended, as many as it may; "
                                     "submit again when some have",
                                     job.owner,
                                     open)};
        }
    }
    return insert_job(db, job);
}

bool Submissions::check_input(sql::Connection& db,
                              const std::string& uri,
                              const std::string& pointer,
                              const std::string& owner,
                              Faults& faults) const {
    check_one_text(uri, pointer, faults);
    return faults.empty() && impl_->check_uri(db, owner, uri, pointer, faults);
}

}  // namespace sg::jobs

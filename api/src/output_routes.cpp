#include <algorithm>
#include <memory>
#include <utility>

#include <api/output_routes.hpp>
#include <fmt/format.h>
#include <jobs/job_folders.hpp>
#include <jobs/job_table.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "on_pool.hpp"
#include "output_answers.hpp"
#include "ready.hpp"

namespace sg::api {
namespace {

using server::Method;

constexpr std::string_view kTrash = ".deleted-";

std::string folder_url(std::string_view job) {
    return fmt::format("/v1/jobs/{}/outputs/", job);
}

Problem job_problem(const Error& error, std::string_view id) {
    return error.code == Errc::kNotFound ? not_found("job", id) : problem_of(error);
}

}  // namespace

struct OutputRoutes::Impl {
    Impl(sql::Database& store, const OutputRoutesOptions& settings, const Clock& time)
        : database(store), data(settings.data), clock(time), answers(settings, time) {
        boost::asio::post(answers.pool(), [this] { empty_trash(); });
    }

    sql::Database& database;
    const std::filesystem::path data;
    const Clock& clock;
    OutputAnswers answers;  ///< its threads use what stands before it

    [[nodiscard]] std::variant<jobs::Job, Problem> find(const Call& call,
                                                        std::string_view owner) const;
    [[nodiscard]] ServedOutputs served(const jobs::Job& job) const;
    void empty_trash() const;

    [[nodiscard]] server::Task<Reply> list(Call& call);
    [[nodiscard]] server::Task<Reply> download(Call& call);
    [[nodiscard]] server::Task<Reply> preflight(Call& call);
    [[nodiscard]] server::Task<Reply> sign(Call& call);
    [[nodiscard]] server::Task<Reply> remove(Call& call);
};

std::variant<jobs::Job, Problem> OutputRoutes::Impl::find(const Call& call,
                                                          std::string_view owner) const {
    const auto id = call.param("id");
    auto reader = database.read();
    if (!reader) return problem_of(reader.error());
    auto job = jobs::find_job(**reader, id, owner);
    if (!job) return job_problem(job.error(), id);
    return std::move(*job);
}

/// Media never changes under its name while the job stands; manifests do until it has ended.
ServedOutputs OutputRoutes::Impl::served(const jobs::Job& job) const {
    ServedOutputs out;
    out.url = folder_url(job.id);
    out.files = [this, job] { return OutputFiles::of(data, job); };
    out.final = jobs::ended(job.state);
    return out;
}

server::Task<Reply> OutputRoutes::Impl::list(Call& call) {
    auto job = find(call, call.principal.visible_owner());
    if (auto* refused = std::get_if<Problem>(&job)) co_return std::move(*refused);
    const auto& found = std::get<jobs::Job>(job);
    auto listing = answers.page(call, served(found));
    const auto page = co_await std::move(listing);
    if (const auto* refused = std::get_if<Problem>(&page)) co_return *refused;
    JsonWriter out;
    out.begin_object().member("job", found.id);
    OutputAnswers::write_page(std::get<OutputPage>(page), folder_url(found.id), out);
    out.key("deleted").time(found.outputs_deleted);
    out.end_object();
    co_return json_response(200, out.take());
}

server::Task<Reply> OutputRoutes::Impl::download(Call& call) {
    auto admitted = answers.admit(call, folder_url(call.param("id")), Role::kViewer, "outputs");
    if (auto* refused = std::get_if<Problem>(&admitted)) return ready(std::move(*refused));
    auto& token = std::get<std::string>(admitted);
    const auto owner = token.empty() ? call.principal.visible_owner() : std::string();
    auto job = find(call, owner);
    if (auto* refused = std::get_if<Problem>(&job)) return ready(std::move(*refused));
    return answers.send(
        call, served(std::get<jobs::Job>(job)), std::string(call.param("path")), std::move(token));
}

server::Task<Reply> OutputRoutes::Impl::preflight(Call& call) {
    return ready(answers.preflight(call));
}

server::Task<Reply> OutputRoutes::Impl::sign(Call& call) {
    auto job = find(call, call.principal.visible_owner());
    if (auto* refused = std::get_if<Problem>(&job)) return ready(std::move(*refused));
    return ready(answers.sign(call, folder_url(call.param("id"))));
}

server::Task<Reply> OutputRoutes::Impl::remove(Call& call) {
    const std::string id(call.param("id"));
    auto job = std::make_shared<jobs::Job>();
    auto renamed = std::make_shared<std::filesystem::path>();
    auto work = [this, &call, id, job, renamed](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(*job, jobs::find_job(db, id, call.principal.visible_owner()));
        if (!jobs::ended(job->state)) {
            return Error{Errc::kMismatch,
                         fmt::format("the job is {}: cancel it first, or wait for its end",
                                     jobs::name_of(job->state))};
        }
        SG_TRY(jobs::mark_outputs_deleted(
            db,
            id,
            std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
                .count()));
        // Within the transaction, so that no retry can begin to write there in between.
        const auto own = jobs::own_output_folder(data, id);
        *renamed = own.parent_path() / fmt::format("{}{}", kTrash, id);
        std::error_code error;
        std::filesystem::rename(own, *renamed, error);
        if (error && error != std::errc::no_such_file_or_directory) {
            return errno_error(error.value(), "remove the job's outputs");
        }
        return {};
    };
    auto status = co_await write(call, database, std::move(work));
    if (!status) co_return job_problem(status.error(), id);
    auto deleting = on_pool(answers.pool(), call.exchange, [this, job, renamed]() -> Status {
        std::error_code error;
        std::filesystem::remove_all(*renamed, error);
        if (error) return errno_error(error.value(), "remove " + renamed->string());
        if (jobs::output_folder(data, *job) == jobs::own_output_folder(data, job->id)) {
            return {};
        }
        return jobs::delete_outputs(data, *job);
    });
    auto deleted = co_await std::move(deleting);
    if (!deleted) co_return problem_of(deleted.error());
    server::Response response;
    response.status = 204;
    co_return response;
}

/// What an earlier process was killed over.
void OutputRoutes::Impl::empty_trash() const {
    std::error_code error;
    const auto folder = jobs::own_output_folder(data, "x").parent_path();
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        if (!at->path().filename().string().starts_with(kTrash)) continue;
        std::error_code failed;
        std::filesystem::remove_all(at->path(), failed);
        if (failed) {
            log::warn("outputs_not_removed folder={} reason=\"{}\"",
                      at->path().string(),
                      failed.message());
        }
    }
}

OutputRoutes::OutputRoutes(sql::Database& database,
                           const OutputRoutesOptions& options,
                           const Clock& clock)
    : impl_(std::make_unique<Impl>(database, options, clock)) {}

OutputRoutes::~OutputRoutes() = default;

void OutputRoutes::add_to(ApiRouter& router) {
    using Handler = server::Task<Reply> (Impl::*)(Call&);
    const auto add = [&](Operation operation, Handler handler) {
        operation.handler = [impl = impl_.get(), handler](Call& call) {
            return (impl->*handler)(call);
        };
        router.add(std::move(operation));
    };
    auto operations = output_operations("/v1/jobs/{id}/outputs", "Output", "outputs");
    operations.list.summary = "The files that a job has published";
    add(std::move(operations.list), &Impl::list);

    Operation remove;
    remove.method = Method::kDelete;
    remove.pattern = "/v1/jobs/{id}/outputs";
    remove.id = "deleteOutputs";
    remove.tag = "outputs";
    remove.summary = "Delete what a job has published";
    remove.success = 204;
    remove.least = Role::kSubmitter;
    remove.audited = true;
    add(std::move(remove), &Impl::remove);

    operations.sign.least = Role::kSubmitter;
    add(std::move(operations.sign), &Impl::sign);
    add(std::move(operations.download), &Impl::download);
    add(std::move(operations.preflight), &Impl::preflight);
}

}  // namespace sg::api

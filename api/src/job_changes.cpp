#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "field_reader.hpp"
#include "job_json.hpp"
#include "job_routes_impl.hpp"

namespace sg::api {
namespace {

/// A job after its change, or why there was none.
struct Changed {
    std::optional<jobs::Job> job;
    std::optional<Problem> refused;
};

using Change = std::function<Status(sql::Connection&, const jobs::Job&, jobs::Millis now)>;

/// Finds the caller's job, changes it and reads it again, in one transaction.
server::Task<Reply> change_job(
    Call& call, sql::Database& database, jobs::Millis now, std::int64_t version, Change change) {
    auto changed = std::make_shared<Changed>();
    auto work = [changed,
                 now,
                 version,
                 change = std::move(change),
                 id = std::string(call.param("id")),
                 owner = call.principal.visible_owner()](sql::Connection& db) -> Status {
        *changed = {};
        auto job = jobs::find_job(db, id, owner);
        if (!job) {
            changed->refused = job.error().code == Errc::kNotFound ? not_found("job", id)
                                                                   : problem_of(job.error());
            return job.error();
        }
        if (version != 0 && version != job->version) {
            changed->refused =
                problem("precondition_failed",
                        fmt::format("the job was changed: its ETag is {} by now, not {}",
                                    etag(job->version),
                                    etag(version)));
            return Error{Errc::kMismatch, "another version"};
        }
        SG_TRY(change(db, *job, now));
        SG_TRY_ASSIGN(changed->job, jobs::find_job(db, id, owner));
        return {};
    };
    call.audit.subject = call.param("id");
    const auto status = co_await write(call, database, std::move(work));
    if (changed->refused) co_return std::move(*changed->refused);
    if (!status) co_return problem_of(status.error());
    auto response = json_response(200, job_text(*changed->job, {}));
    response.add("ETag", etag(changed->job->version));
    co_return response;
}

}  // namespace

server::Task<Reply> JobRoutes::Impl::cancel(Call& call) {
    constexpr std::size_t kLongest = 500;
    std::string why = "asked for by " + call.principal.name;
    if (!call.request().body.empty()) {
        const auto body = read_object(call.request().body);
        if (const auto* refused = std::get_if<Problem>(&body)) co_return *refused;
        FieldReader fields(std::get<nlohmann::json>(body), {"reason"});
        why = fields.text("reason", kLongest).value_or(why);
        if (auto refused = fields.refused()) co_return std::move(*refused);
    }
    auto change = [why](sql::Connection& db, const jobs::Job& job, jobs::Millis now) -> Status {
        if (job.state == jobs::JobState::kCancelled) return {};
        return jobs::request_cancel(db, job.id, why, now);
    };
    auto reply = co_await change_job(call, database, now_of(clock), 0, std::move(change));
    co_return reply;
}

server::Task<Reply> JobRoutes::Impl::retry(Call& call) {
    auto change = [](sql::Connection& db, const jobs::Job& job, jobs::Millis now) {
        return jobs::retry_job(db, job.id, now);
    };
    auto reply = co_await change_job(call, database, now_of(clock), 0, std::move(change));
    co_return reply;
}

server::Task<Reply> JobRoutes::Impl::change(Call& call) {
    std::int64_t version = 0;
    if (auto refused = read_if_match(call.request().field("if-match"), version))
        co_return std::move(*refused);
    const auto parsed = read_object(call.request().body);
    if (const auto* refused = std::get_if<Problem>(&parsed)) co_return *refused;
    const auto& body = std::get<nlohmann::json>(parsed);
    FieldReader fields(body, {"priority", "deadline"});
    std::optional<jobs::Priority> priority;
    if (const auto name = fields.text("priority", 32)) {
        priority = jobs::priority(*name);
        if (!priority) {
            fields.fault(
                "invalid_value", "priority", "must be one of bulk, low, normal, high, urgent");
        }
    }
    std::optional<jobs::Millis> deadline;
    if (body.contains("deadline") && body["deadline"].is_null()) {
        deadline = 0;
    } else if (const auto text = fields.text("deadline", 64)) {
        if (const auto time = parse_rfc3339(*text)) {
            deadline =
                std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch()).count();
        } else {
            fields.fault("invalid_value",
                         "deadline",
                         "must be a time as in 2026-01-31T12:00:00Z (RFC 3339), or null");
        }
    }
    if (auto refused = fields.refused()) co_return std::move(*refused);
    if (!priority && !deadline) {
        co_return problem("missing_field",
                          "nothing is to be changed: give priority, deadline, or both");
    }
    auto change = [priority, deadline](
                      sql::Connection& db, const jobs::Job& job, jobs::Millis now) -> Status {
        return jobs::change_priority(db, job.id, priority.value_or(job.priority), deadline, 0, now);
    };
    auto reply = co_await change_job(call, database, now_of(clock), version, std::move(change));
    co_return reply;
}

}  // namespace sg::api

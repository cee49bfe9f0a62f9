#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <api/inquiry.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>

#include "field_reader.hpp"
#include "job_json.hpp"
#include "job_routes_impl.hpp"
#include "offload.hpp"

namespace sg::api {
namespace {

constexpr std::string_view kFaultsAreMalformed = "malformed";

/// What the writing thread gives back; shared with it, since the request may be gone before.
struct Written {
    std::optional<jobs::StoredAnswer> answer;
    bool replayed = false;
    std::optional<Problem> refused;
};

bool is_key(std::string_view key) {
    constexpr std::size_t kLongest = 255;
    return key.size() <= kLongest &&
           std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

server::Response created(const jobs::StoredAnswer& answer, bool replayed) {
    auto response = json_response(answer.status, answer.body);
    response.add("Location", "/v1/jobs/" + answer.job);
    response.add("ETag", etag(1));
    if (replayed) response.add("Idempotency-Replayed", "true");
    return response;
}

}  // namespace

Problem document_problem(const std::vector<engine::JobFault>& faults) {
    const auto& first = faults.front();
    if (first.code == kFaultsAreMalformed) return problem("malformed_json", first.message);
    if (faults.size() == 1) return problem(first.code, first.message, first.pointer);
    auto whole = problem("invalid_document",
                         fmt::format("{} (and {} more)", first.message, faults.size() - 1),
                         first.pointer);
    for (const auto& fault : faults)
        whole.errors.push_back(problem(fault.code, fault.message, fault.pointer));
    return whole;
}

Problem full_queue(const Error& error) {
    auto refused = problem("quota_exceeded", error.message);
    refused.retry_after = std::chrono::seconds(10);
    return refused;
}

Problem key_refused(const Error& error) {
    if (error.code == Errc::kMismatch) return problem("idempotency_key_reused", error.message);
    if (error.code != Errc::kAgain) return problem_of(error);
    auto refused = problem("request_in_progress", error.message);
    refused.retry_after = std::chrono::seconds(1);
    return refused;
}

std::optional<Problem> read_idempotency(const Call& call, jobs::IdempotentRequest& request) {
    const auto key = call.request().field("idempotency-key");
    if (!is_key(key)) {
        return problem("invalid_parameter",
                       "Idempotency-Key must be 1 to 255 printable ASCII characters");
    }
    request.owner = call.principal.owner;
    request.key = key;
    if (!key.empty()) {
        request.digest = sha256_hex(
            fmt::format("{} {}\n{}", call.operation->id, call.request().path, call.request().body));
    }
    return std::nullopt;
}

engine::JobSyntax syntax_of(const server::Request& request) {
    return request.field("content-type").find("yaml") == std::string_view::npos
               ? engine::JobSyntax::kJson
               : engine::JobSyntax::kYaml;
}

jobs::Millis now_of(const Clock& clock) {
    return std::chrono::floor<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
}

std::string new_job_text(const jobs::Job& job) {
    auto shown = job;
    shown.entered["accepted"] = job.created;
    if (job.state == jobs::JobState::kQueued) shown.entered["queued"] = job.created;
    return job_text(shown, {});
}

jobs::Submitter JobRoutes::Impl::submitter_of(const Call& call) const {
    return {call.principal.owner, call.traceparent};
}

std::function<PreparedJob()> JobRoutes::Impl::prepare(const Call& call,
                                                      std::string text,
                                                      engine::JobSyntax syntax) {
    return [this, text = std::move(text), syntax, submitter = submitter_of(call)] {
        PreparedJob prepared;
        auto db = database.read();
        if (!db) {
            prepared.failed = problem_of(db.error());
        } else {
            prepared.job = submissions.prepare(**db, text, syntax, submitter, prepared.faults);
        }
        return prepared;
    };
}

server::Task<Reply> JobRoutes::Impl::create(Call& call) {
    auto text = call.request().body;
    const auto dry = call.asked("dryRun").value_or("false");
    if (dry != "true" && dry != "false")
        co_return problem("invalid_parameter", "dryRun is true or false");
    if (dry == "true") {
        auto planned = co_await dry_run(call, std::move(text), syntax_of(call.request()));
        co_return planned;
    }
    auto reply = co_await submit(call, std::move(text), syntax_of(call.request()));
    co_return reply;
}

server::Task<Reply> JobRoutes::Impl::dry_run(Call& call,
                                             std::string text,
                                             engine::JobSyntax syntax) {
    call.audit.skip = true;
    if (options.inquiry == nullptr)
        co_return problem("unsupported", "this service does not plan ahead");
    auto work = prepare(call, std::move(text), syntax);
    auto prepared = co_await offload(call.exchange, pool, std::move(work));
    if (prepared.failed) co_return std::move(*prepared.failed);
    if (!prepared.job) co_return document_problem(prepared.faults);
    auto reply = co_await options.inquiry->dry_run(call, std::move(*prepared.job));
    co_return reply;
}

server::Task<Reply> JobRoutes::Impl::clone(Call& call) {
    std::string document;
    {
        auto db = database.read();
        if (!db) co_return problem_of(db.error());
        auto job = jobs::find_job(**db, call.param("id"), call.principal.visible_owner());
        if (!job) co_return not_found("job", call.param("id"));
        document = std::move(job->document);
    }
    if (!call.request().body.empty()) {
        const auto patch = read_object(call.request().body);
        if (const auto* refused = std::get_if<Problem>(&patch)) co_return *refused;
        auto patched = nlohmann::json::parse(document, nullptr, false);
        patched.merge_patch(std::get<nlohmann::json>(patch));
        document = patched.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
    auto reply = co_await submit(call, std::move(document), engine::JobSyntax::kJson);
    co_return reply;
}

server::Task<Reply> JobRoutes::Impl::submit(Call& call,
                                            std::string text,
                                            engine::JobSyntax syntax) {
    jobs::IdempotentRequest request;
    if (auto refused = read_idempotency(call, request)) co_return std::move(*refused);
    auto work = prepare(call, std::move(text), syntax);
    auto prepared = co_await offload(call.exchange, pool, std::move(work));
    if (prepared.failed) co_return std::move(*prepared.failed);
    // With a key the first answer counts, whatever has become of inputs and presets since.
    if (!prepared.job && request.key.empty()) co_return document_problem(prepared.faults);

    auto written = std::make_shared<Written>();
    auto job = std::make_shared<const std::optional<jobs::Job>>(std::move(prepared.job));
    call.audit.subject = *job ? (*job)->id : std::string();
    const auto now = now_of(clock);
    const auto* all = &submissions;
    auto store = [written, job, request, now, all, &call](sql::Connection& db) -> Status {
        *written = {};
        if (!request.key.empty()) {
            auto first = jobs::begin_request(db, request, now);
            if (!first) {
                written->refused = key_refused(first.error());
                return first.error();
            }
            if (*first) {
                written->answer = std::move(**first);
                written->replayed = true;
                call.audit.skip = true;
                return {};
            }
        }
        if (!*job) {
            call.audit.skip = true;
            return jobs::forget_request(db, request);
        }
        if (auto status = all->accept(db, **job); !status) {
            if (status.error().code == Errc::kLimit) written->refused = full_queue(status.error());
            return status;
        }
        written->answer = jobs::StoredAnswer{201, (*job)->id, new_job_text(**job)};
        if (request.key.empty()) return {};
        return jobs::finish_request(db, request, *written->answer, now);
    };
    const auto status = co_await write(call, database, std::move(store));
    if (written->refused) co_return std::move(*written->refused);
    if (!status) co_return problem_of(status.error());
    if (!written->answer) co_return document_problem(prepared.faults);
    co_return created(*written->answer, written->replayed);
}

}  // namespace sg::api

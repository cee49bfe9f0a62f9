#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>

#include "field_reader.hpp"
#include "job_json.hpp"
#include "job_routes_impl.hpp"
#include "json_body.hpp"
#include "json_items.hpp"
#include "offload.hpp"

namespace sg::api {
namespace {

constexpr std::size_t kMostItems = 1000;

/// One document of a batch: a job, or why it is none.
using Item = std::variant<jobs::Job, Problem>;

struct Prepared {
    std::vector<Item> items;
    std::optional<Problem> refused;
};

/// What the writing thread gives back; shared with it, since the request may be gone before.
struct Stored {
    std::vector<Item> items;
    std::string answer;
    bool replayed = false;
    std::optional<Problem> refused;
};

Prepared prepare_all(sql::Database& database,
                     const jobs::Submissions& submissions,
                     const std::string& text,
                     const jobs::Submitter& submitter) {
    Prepared prepared;
    const auto documents = json_items(text, "jobs", kMostItems);
    if (!documents) {
        prepared.refused = documents.error().code == Errc::kLimit
                               ? problem("limit_exceeded", documents.error().message, "/jobs")
                               : problem("malformed_json", documents.error().message);
        return prepared;
    }
    auto db = database.read();
    if (!db) {
        prepared.refused = problem_of(db.error());
        return prepared;
    }
    for (const auto& document : *documents) {
        std::vector<engine::JobFault> faults;
        auto job = submissions.prepare(**db, document, engine::JobSyntax::kJson, submitter, faults);
        if (job) {
            prepared.items.emplace_back(std::move(*job));
        } else {
            prepared.items.emplace_back(document_problem(faults));
        }
    }
    return prepared;
}

void write_problem(JsonWriter& out, const Problem& problem) {
    out.begin_object()
        .member("type", "/problems/" + problem.code)
        .member("status", problem.status)
        .member("code", problem.code)
        .member("detail", problem.detail)
        .member("retryable", problem.retryable);
    if (!problem.pointer.empty()) out.member("pointer", problem.pointer);
    if (!problem.errors.empty()) {
        out.key("errors").begin_array();
        for (const auto& error : problem.errors) {
            out.begin_object().member("code", error.code).member("detail", error.detail);
            out.member("pointer", error.pointer).end_object();
        }
        out.end_array();
    }
    out.end_object();
}

std::string batch_text(const std::vector<Item>& items) {
    constexpr std::size_t kItem = 160;
    JsonWriter out(items.size() * kItem);
    std::int64_t accepted = 0;
    out.begin_object().key("results").begin_array();
    for (const auto& item : items) {
        out.begin_object();
        if (const auto* job = std::get_if<jobs::Job>(&item)) {
            ++accepted;
            out.member("status", 201).member("id", job->id);
            out.member("external_id", job->external_id);
            out.member("state", jobs::name_of(job->state));
        } else {
            const auto& refused = std::get<Problem>(item);
            out.member("status", refused.status).key("problem");
            write_problem(out, refused);
        }
        out.end_object();
    }
    out.end_array().member("accepted", accepted);
    out.member("refused", static_cast<std::int64_t>(items.size()) - accepted).end_object();
    return out.take();
}

/// What a change of many jobs asks for: {"filter": {...}, "limit": 100, "cursor": "..."}.
std::optional<Problem> read_bulk(const Call& call, JobQuery& query, bool& named_states) {
    const auto parsed = read_object(call.request().body);
    if (const auto* refused = std::get_if<Problem>(&parsed)) return *refused;
    const auto& body = std::get<nlohmann::json>(parsed);
    FilterTexts texts;
    for (const auto& [name, value] : body.items()) {
        if (name == "limit" && value.is_number_integer()) {
            texts["limit"] = value.dump();
        } else if (name == "cursor" && value.is_string()) {
            texts["cursor"] = value.get<std::string>();
        } else if (name != "filter" || !value.is_object()) {
            const bool known = name == "limit" || name == "cursor" || name == "filter";
            return problem(known ? "wrong_type" : "unknown_field",
                           "known are filter (an object), limit (a number) and cursor (a text)",
                           "/" + pointer_token(name));
        }
    }
    if (!body.contains("filter") || body["filter"].empty()) {
        return problem("missing_field",
                       "say which jobs: state, tag, owner, external_id, created_from, created_to",
                       "/filter");
    }
    for (const auto& [name, value] : body["filter"].items()) {
        if (name == "limit" || name == "cursor")
            return problem(
                "unknown_field", "stands beside the filter", "/filter/" + pointer_token(name));
        if (!value.is_string())
            return problem(
                "wrong_type", "must be a text, as in a query", "/filter/" + pointer_token(name));
        texts[name] = value.get<std::string>();
    }
    auto refused = read_job_query(texts, call.principal, static_cast<int>(kMostItems), query);
    named_states = !query.filter.states.empty();
    return refused;
}

struct BulkOutcome {
    std::int64_t matched = 0;
    std::int64_t changed = 0;
    std::int64_t unchanged = 0;
    std::int64_t last_seq = 0;
};

using Change = std::function<Status(sql::Connection&, const jobs::Job&)>;

server::Task<Reply> change_many(Call& call,
                                sql::Database& database,
                                JobQuery query,
                                Change change) {
    auto outcome = std::make_shared<BulkOutcome>();
    auto work = [outcome, filter = query.filter, change = std::move(change)](
                    sql::Connection& db) -> Status {
        *outcome = {};
        SG_TRY_ASSIGN(const auto page, jobs::list_jobs(db, filter));
        for (const auto& job : page) {
            const auto status = change(db, job);
            if (!status && status.error().code != Errc::kMismatch) return status;
            ++(status ? outcome->changed : outcome->unchanged);
            outcome->last_seq = job.seq;
        }
        outcome->matched = static_cast<std::int64_t>(page.size());
        return {};
    };
    const auto status = co_await write(call, database, std::move(work));
    if (!status) co_return problem_of(status.error());
    JsonWriter out;
    out.begin_object()
        .member("matched", outcome->matched)
        .member("changed", outcome->changed)
        .member("unchanged", outcome->unchanged)
        .key("next_cursor");
    if (outcome->matched == query.filter.limit) {
        out.value(cursor_after(query, outcome->last_seq));
    } else {
        out.null();
    }
    out.end_object();
    co_return json_response(200, out.take());
}

}  // namespace

server::Task<Reply> JobRoutes::Impl::batch(Call& call) {
    auto work = [this, text = call.request().body, submitter = submitter_of(call)]() {
        return prepare_all(database, submissions, text, submitter);
    };
    auto prepared = co_await offload(call.exchange, pool, std::move(work));
    if (prepared.refused) co_return std::move(*prepared.refused);
    jobs::IdempotentRequest request;
    if (auto refused = read_idempotency(call, request)) co_return std::move(*refused);
    auto stored = std::make_shared<Stored>();
    stored->items = std::move(prepared.items);
    const auto now = now_of(clock);
    const auto* all = &submissions;
    auto store = [stored, request, now, all, &call](sql::Connection& db) -> Status {
        if (!request.key.empty()) {
            auto first = jobs::begin_request(db, request, now);
            if (!first) {
                stored->refused = key_refused(first.error());
                return first.error();
            }
            if (*first) {
                stored->answer = std::move((*first)->body);
                stored->replayed = true;
                call.audit.skip = true;
                return {};
            }
        }
        for (auto& item : stored->items) {
            const auto* job = std::get_if<jobs::Job>(&item);
            if (job == nullptr) continue;
            auto status = all->accept(db, *job);
            if (status) continue;
            // A full queue refuses the rest of a batch one by one; a broken database all of it.
            if (status.error().code != Errc::kLimit) return status;
            item = full_queue(status.error());
        }
        stored->answer = batch_text(stored->items);
        if (request.key.empty()) return {};
        return jobs::finish_request(db, request, {200, {}, stored->answer}, now);
    };
    const auto status = co_await write(call, database, std::move(store));
    if (stored->refused) co_return std::move(*stored->refused);
    if (!status) co_return problem_of(status.error());
    auto response = json_response(200, std::move(stored->answer));
    if (stored->replayed) response.add("Idempotency-Replayed", "true");
    co_return response;
}

server::Task<Reply> JobRoutes::Impl::cancel_many(Call& call) {
    JobQuery query;
    bool named_states = false;
    if (auto refused = read_bulk(call, query, named_states)) co_return std::move(*refused);
    if (!named_states) {
        query.filter.states = {jobs::JobState::kAccepted,
                               jobs::JobState::kQueued,
                               jobs::JobState::kPlanning,
                               jobs::JobState::kRunning,
                               jobs::JobState::kVerifying,
                               jobs::JobState::kPublishing};
    }
    auto why = "asked for by " + call.principal.name;
    const auto now = now_of(clock);
    auto change = [why, now](sql::Connection& db, const jobs::Job& job) -> Status {
        if (job.cancel_requested) return Error{Errc::kMismatch, "asked for already"};
        return jobs::request_cancel(db, job.id, why, now);
    };
    auto reply = co_await change_many(call, database, std::move(query), std::move(change));
    co_return reply;
}

server::Task<Reply> JobRoutes::Impl::retry_many(Call& call) {
    JobQuery query;
    bool named_states = false;
    if (auto refused = read_bulk(call, query, named_states)) co_return std::move(*refused);
    if (!named_states) query.filter.states = {jobs::JobState::kFailed};
    const auto now = now_of(clock);
    auto change = [now](sql::Connection& db, const jobs::Job& job) {
        return jobs::retry_job(db, job.id, now);
    };
    auto reply = co_await change_many(call, database, std::move(query), std::move(change));
    co_return reply;
}

}  // namespace sg::api

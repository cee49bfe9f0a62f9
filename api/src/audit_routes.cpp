#include <charconv>
#include <utility>

#include <api/audit_routes.hpp>
#include <fmt/format.h>

#include "json_writer.hpp"
#include "on_pool.hpp"

namespace sg::api {
namespace {

using server::Task;

constexpr std::int64_t kDefaultPage = 100;
constexpr std::int64_t kMaxPage = 1000;

std::variant<std::int64_t, Problem> number_of(const Call& call,
                                              std::string_view name,
                                              std::int64_t otherwise,
                                              std::int64_t most) {
    const auto text = call.asked(name);
    if (!text) return otherwise;
    std::int64_t value = 0;
    const auto* end = text->data() + text->size();
    const auto read = std::from_chars(text->data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value < 0 || value > most) {
        return problem(
            "invalid_parameter",
            fmt::format("query parameter '{}' must be a number from 0 to {}", name, most));
    }
    return value;
}

void write_entry(JsonWriter& out, const AuditEntry& entry) {
    auto line = to_json_line(entry);
    line.pop_back();
    out.raw(line);
}

Task<Reply> list(Call& call, const AuditLog& audit) {
    const auto after = number_of(call, "after", 0, INT64_MAX);
    if (const auto* bad = std::get_if<Problem>(&after)) co_return *bad;
    const auto limit = number_of(call, "limit", kDefaultPage, kMaxPage);
    if (const auto* bad = std::get_if<Problem>(&limit)) co_return *bad;
    const auto count = std::get<std::int64_t>(limit);
    const auto entries = audit.list(std::get<std::int64_t>(after), static_cast<std::size_t>(count));
    if (!entries) co_return problem_of(entries.error());
    JsonWriter out(4096);
    out.begin_object().key("items").begin_array();
    for (const auto& entry : *entries) write_entry(out, entry);
    out.end_array().key("next");
    if (count > 0 && static_cast<std::int64_t>(entries->size()) == count) {
        out.value(std::to_string(entries->back().seq));
    } else {
        out.null();
    }
    out.end_object();
    co_return json_response(200, out.take() + "\n");
}

Task<Reply> export_all(Call& call, const AuditLog& audit) {
    // The end first: what is added meanwhile lies behind it.
    const auto head = audit.head();
    if (!head) co_return problem_of(head.error());
    server::Response response;
    response.add("Content-Type", "application/x-ndjson");
    response.add("Cache-Control", "no-store");
    co_await call.exchange.begin(std::move(response));
    std::int64_t at = 0;
    while (at < head->seq && !call.exchange.lost()) {
        const auto page = audit.list(at, static_cast<std::size_t>(kMaxPage));
        if (!page || page->empty()) {
            call.exchange.abort();
            co_return std::monostate();
        }
        std::string text;
        for (const auto& entry : *page) {
            if (entry.seq <= head->seq) text += to_json_line(entry);
        }
        at = page->back().seq;
        std::vector<server::BodyPiece> pieces;
        pieces.push_back(
            server::BodyPiece::of(std::make_shared<const std::string>(std::move(text))));
        co_await call.exchange.write(std::move(pieces));
    }
    if (head->seq > 0) {
        std::vector<server::BodyPiece> pieces;
        pieces.push_back(
            server::BodyPiece::of(std::make_shared<const std::string>(to_json_line(*head))));
        co_await call.exchange.write(std::move(pieces));
    }
    co_await call.exchange.finish();
    co_return std::monostate();
}

Task<Reply> verify(Call& call, const AuditLog& audit, boost::asio::thread_pool& pool) {
    const auto work = [&audit] { return audit.verify(); };
    const auto report = co_await on_pool(pool, call.exchange, work);
    if (!report) co_return problem_of(report.error());
    co_return json_response(200, to_json(*report) + "\n");
}

std::string kind_json(const ProblemKind& kind) {
    JsonWriter out;
    out.begin_object()
        .member("type", fmt::format("/problems/{}", kind.code))
        .member("code", std::string(kind.code))
        .member("status", kind.status)
        .member("retryable", kind.retryable)
        .member("title", std::string(kind.title))
        .member("meaning", std::string(kind.meaning))
        .end_object();
    return out.take();
}

}  // namespace

void add_audit_routes(ApiRouter& router, AuditLog& audit) {
    const auto base = [](const char* pattern, const char* id, const char* summary) {
        Operation operation;
        operation.pattern = pattern;
        operation.id = id;
        operation.tag = "audit";
        operation.summary = summary;
        operation.least = Role::kAdmin;
        return operation;
    };
    auto page = base("/v1/audit", "listAudit", "Changes that were made or refused, oldest first");
    page.query = {{"after",
                   "Entries after this number: \"next\" of the page before",
                   R"({"type":"integer","minimum":0})"},
                  {"limit", "Entries a page", R"({"type":"integer","minimum":0,"maximum":1000})"}};
    page.response_schema = "AuditPage";
    page.handler = [&audit](Call& call) { return list(call, audit); };
    router.add(std::move(page));

    auto whole = base("/v1/audit/export",
                      "exportAudit",
                      "The whole audit log as NDJSON, to keep and to verify elsewhere");
    whole.streams = true;
    whole.handler = [&audit](Call& call) { return export_all(call, audit); };
    router.add(std::move(whole));

    // Reading a long log takes seconds: not on a thread that serves.
    auto pool = std::make_shared<boost::asio::thread_pool>(1);
    auto check =
        base("/v1/audit/verify",
             "verifyAudit",
             "Reads the whole audit log and tells what was edited, left out, moved or cut");
    check.response_schema = "AuditReport";
    check.handler = [&audit, pool](Call& call) -> Task<Reply> {
        return verify(call, audit, *pool);
    };
    router.add(std::move(check));
}

void add_problem_routes(ApiRouter& router) {
    Operation all;
    all.pattern = "/problems";
    all.id = "listProblems";
    all.tag = "problems";
    all.summary = "What the codes of problems mean";
    all.open = true;
    all.response_schema = "ProblemKindList";
    all.handler = [](Call&) -> Task<Reply> {
        JsonWriter out(16'384);
        out.begin_object().key("items").begin_array();
        for (const auto& kind : problem_kinds()) out.raw(kind_json(kind));
        out.end_array().end_object();
        co_return json_response(200, out.take() + "\n");
    };
    router.add(std::move(all));

    Operation one;
    one.pattern = "/problems/{code}";
    one.id = "getProblem";
    one.tag = "problems";
    one.summary = "What a code of problems means: where their \"type\" leads";
    one.open = true;
    one.response_schema = "ProblemKind";
    one.handler = [](Call& call) -> Task<Reply> {
        const auto* kind = problem_kind(call.param("code"));
        if (kind == nullptr) co_return not_found("code of problems", call.param("code"));
        co_return json_response(200, kind_json(*kind) + "\n");
    };
    router.add(std::move(one));
}

}  // namespace sg::api

#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include <api/gate.hpp>
#include <fmt/format.h>
#include <server/gzip.hpp>
#include <server/range_header.hpp>

#include <base/ids.hpp>
#include <base/log.hpp>

#include "admission.hpp"
#include "answering.hpp"
#include "audit_entry.hpp"
#include "cors.hpp"
#include "query.hpp"
#include "route_table.hpp"
#include "trace_context.hpp"

namespace sg::api {

using server::Task;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kGzipFrom = 1024;
constexpr std::size_t kStatusClasses = 6;

using Histograms = std::array<Histogram, kStatusClasses>;

Problem body_problem(server::BodyPart::State state, std::size_t max_bytes) {
    switch (state) {
        case server::BodyPart::State::kTooLarge:
            return problem("body_too_large",
                           fmt::format("the body may have {} bytes here", max_bytes));
        case server::BodyPart::State::kTimeout:
            return problem("request_timeout", "the body did not come in time");
        default:
            return problem("malformed_request", "the chunked coding of the body is broken");
    }
}

/// Compressed when the client takes that and it is worth it.
void compress(const server::Request& request, server::Response& response) {
    if (response.body.size() != 1 || response.body[0].file || response.body[0].bytes < kGzipFrom ||
        response.fields.find("Content-Encoding") != std::string::npos) {
        return;
    }
    response.add("Vary", "Accept-Encoding");
    if (!server::accepts_gzip(request.field("accept-encoding"))) return;
    const auto& piece = response.body[0];
    auto packed = server::gzip({reinterpret_cast<const char*>(piece.data), piece.bytes});
    if (packed.empty()) return;
    response.add("Content-Encoding", "gzip");
    response.body[0] =
        server::BodyPiece::of(std::make_shared<const std::string>(std::move(packed)));
}

}  // namespace

Operation operation(server::Method method,
                    std::string pattern,
                    std::string id,
                    std::string tag,
                    std::string summary,
                    std::string response_schema) {
    Operation made;
    made.method = method;
    made.pattern = std::move(pattern);
    made.id = std::move(id);
    made.tag = std::move(tag);
    made.summary = std::move(summary);
    made.response_schema = std::move(response_schema);
    return made;
}

struct ApiRouter::Impl {
    std::shared_ptr<Gate> gate;
    std::vector<Operation> operations;
    std::vector<Histograms> seconds;
    Histograms unknown;
    RouteTable routes;

    [[nodiscard]] Histograms histograms(const std::string& operation) const;
    [[nodiscard]] Task<> serve(server::Exchange& raw);
    [[nodiscard]] Task<Reply> run(Call& call, Answering& answer, const std::string& allow);
    [[nodiscard]] Task<> answer_with(Call& call, Answering& answer, Reply reply);
    void report(const Call& call, const Histograms& cells, steady_clock::time_point started) const;
};

Histograms ApiRouter::Impl::histograms(const std::string& operation) const {
    Histograms out;
    for (std::size_t i = 1; i < out.size(); ++i) {
        out[i] = gate->metrics.histogram(
            "streamgate_api_request_seconds",
            "Time from a request's header to the end of its answer.",
            {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
            {{"operation", operation}, {"class", fmt::format("{}xx", i)}});
    }
    return out;
}

ApiRouter::ApiRouter(std::shared_ptr<Gate> gate) : impl_(std::make_unique<Impl>()) {
    impl_->gate = std::move(gate);
    impl_->unknown = impl_->histograms("unknown");
}
ApiRouter::~ApiRouter() = default;

void ApiRouter::add(Operation operation) {
    impl_->seconds.push_back(impl_->histograms(operation.id));
    impl_->routes.add(operation.method, operation.pattern, impl_->operations.size());
    impl_->operations.push_back(std::move(operation));
}

const std::vector<Operation>& ApiRouter::operations() const {
    return impl_->operations;
}

void ApiRouter::mount(server::Router& router) {
    const server::Handler handler = [impl = impl_.get()](server::Exchange& exchange) {
        return impl->serve(exchange);
    };
    const server::RouteOptions options{.max_body_bytes = 0, .reads_body = true};
    router.add_prefix("/v1/", handler, options);
    for (const auto& operation : impl_->operations) {
        if (operation.pattern.starts_with("/v1/")) continue;
        const auto brace = operation.pattern.find('{');
        if (brace == std::string::npos) {
            router.add(operation.method, operation.pattern, handler, options);
        } else {
            router.add_prefix(operation.pattern.substr(0, brace), handler, options);
        }
    }
}

Task<> ApiRouter::Impl::serve(server::Exchange& raw) {
    const auto started = steady_clock::now();
    Answering answer(raw);
    Call call{answer, {}, {}, {}, {}, {}};
    const auto& request = raw.request();
    const auto given_id = request.field("x-request-id");
    call.request_id = is_request_id(given_id) ? std::string(given_id) : make_id("req", gate->clock);
    const auto given_trace = request.field("traceparent");
    call.traceparent = is_traceparent(given_trace) ? std::string(given_trace) : make_traceparent();
    call.audit_log = gate->audit;
    answer.add("X-Request-Id", call.request_id);

    auto match = routes.find(request.method, request.path);
    if (match.found) call.operation = &operations[match.index];
    call.path = std::move(match.parameters);
    const bool open = call.operation != nullptr && call.operation->open;
    if (!open) add_cors(request, gate->allowed_origins, answer);

    std::optional<Reply> reply;
    try {
        auto outcome = co_await run(call, answer, match.allow);
        reply = std::move(outcome);
    } catch (const std::exception& error) {
        log::error("api_handler_failed id={} path={} reason=\"{}\"",
                   call.request_id,
                   request.path,
                   error.what());
        reply = problem("internal", "the service failed to answer; its log says more");
    }
    auto settled = co_await settle_audit(call, std::move(*reply));
    co_await answer_with(call, answer, std::move(settled));
    report(call, match.found ? seconds[match.index] : unknown, started);
}

Task<Reply> ApiRouter::Impl::run(Call& call, Answering& answer, const std::string& allow) {
    const auto& request = call.request();
    if (auto refused = limit_address(call, *gate, answer)) co_return std::move(*refused);
    if (auto early = preflight(request, gate->allowed_origins)) {
        if (call.operation != nullptr && call.operation->open) {
            add_cors(request, gate->allowed_origins, answer);
        }
        co_return std::move(*early);
    }
    if (call.operation == nullptr) {
        if (allow.empty()) {
            co_return problem("not_found", "nothing is served under this path");
        }
        answer.add("Allow", allow + ", OPTIONS");
        if (request.method == server::Method::kOptions) {
            server::Response response;
            response.status = 204;
            co_return response;
        }
        co_return problem(
            "method_not_allowed",
            fmt::format("the path has {}, not {}", allow, server::method_name(request.method)));
    }
    const auto& operation = *call.operation;
    if (auto refused = admit(call, *gate, answer)) co_return std::move(*refused);
    if (auto refused = api::allow(call.principal, operation)) co_return std::move(*refused);
    if (auto refused = check_form(call, operation)) co_return std::move(*refused);
    if (!operation.streams) {
        const auto state = co_await call.exchange.buffer_body(operation.max_body_bytes);
        if (state == server::BodyPart::State::kLost) co_return std::monostate();
        if (state != server::BodyPart::State::kEnd) {
            co_return body_problem(state, operation.max_body_bytes);
        }
        if (request.body.empty() && !operation.request_schema.empty() && !operation.body_optional) {
            co_return problem(
                "missing_body",
                fmt::format("the operation needs a body: {}", operation.request_schema));
        }
    }
    auto reply = co_await operation.handler(call);
    co_return reply;
}

Task<> ApiRouter::Impl::answer_with(Call& call, Answering& answer, Reply reply) {
    if (answer.lost()) co_return;
    const bool answered = answer.status() != 0;
    if (std::holds_alternative<std::monostate>(reply)) {
        if (answered) co_return;
        reply = problem("internal", "the service gave no answer; its log says more");
    }
    if (answered) {
        answer.abort();  // a half answer must not look whole
        co_return;
    }
    server::Response response;
    if (const auto* failed = std::get_if<Problem>(&reply)) {
        response = to_response(*failed, call.request_id);
    } else {
        response = std::move(std::get<server::Response>(reply));
    }
    compress(call.request(), response);
    co_await answer.send(std::move(response));
}

void ApiRouter::Impl::report(const Call& call,
                             const Histograms& cells,
                             steady_clock::time_point started) const {
    const auto spent = std::chrono::duration<double>(steady_clock::now() - started);
    const auto status = call.exchange.status();
    const auto kind = static_cast<std::size_t>(status / 100);
    if (kind < cells.size()) cells[kind].observe(spent.count());
    // The path, never the query: signed addresses carry their secret there.
    log::info(
        "api_request id={} trace={} operation={} method={} path={} status={} principal={} "
        "client={} ms={:.1f} bytes={}{}",
        call.request_id,
        trace_id_of(call.traceparent),
        call.operation != nullptr ? call.operation->id : "unknown",
        server::method_name(call.request().method),
        escaped_path(call.request().path),
        status,
        call.principal.name.empty() ? "-" : call.principal.name,
        call.request().client,
        spent.count() * 1000,
        call.exchange.body_bytes_sent(),
        call.exchange.lost() ? " client_left=true" : "");
}

}  // namespace sg::api

#include <charconv>
#include <utility>

#include <api/event_routes.hpp>
#include <jobs/job_table.hpp>

#include "event_streams.hpp"
#include "ready.hpp"
#include "websocket_frames.hpp"

namespace sg::api {
namespace {

Problem too_many() {
    auto refused = problem("quota_exceeded",
                           "there are too many open event streams; close some, or come back later");
    refused.retry_after = std::chrono::seconds(5);
    return refused;
}

server::Response sse_head() {
    server::Response head;
    head.add("Content-Type", "text/event-stream");
    head.add("Cache-Control", "no-store");
    head.add("X-Accel-Buffering", "no");  // proxies must not hold events back
    return head;
}

std::vector<QueryParam> params_of_a_stream() {
    return {{"after",
             "number (seq) of the last event that is known; later ones come first",
             R"({"type":"integer","minimum":0})"},
            {"types", "types of events, separated by commas; \"job.*\" takes a family"},
            {"subject", "ids of jobs or names of channels, separated by commas"},
            {"job", "the same as subject"}};
}

bool same_site(const server::Request& request, const std::vector<std::string>& allowed) {
    const auto origin = request.field("origin");
    if (origin.empty()) return true;  // no browser
    for (const auto& entry : allowed) {
        if (entry == "*" || entry == origin) return true;
    }
    const auto scheme = origin.find("://");
    return scheme != std::string_view::npos && origin.substr(scheme + 3) == request.field("host");
}

/// Whether one of the fields of this name, which are lists, has the token.
bool has_token(const server::Request& request, std::string_view name, std::string_view token) {
    const auto lower = [](std::string_view text) {
        std::string out(text);
        for (char& c : out) {
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        }
        return out;
    };
    for (const auto& field : request.fields) {
        if (field.name != name) continue;
        for (const auto& part : split_list(field.value)) {
            const auto begin = part.find_first_not_of(" \t");
            if (begin == std::string::npos) continue;
            const auto end = part.find_last_not_of(" \t");
            if (lower(std::string_view(part).substr(begin, end + 1 - begin)) == token) return true;
        }
    }
    return false;
}

}  // namespace

std::optional<std::int64_t> event_number(std::string_view text) {
    std::int64_t value = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc() || result.ptr != end || value < 0) {
        return std::nullopt;
    }
    return value;
}

EventRoutes::Impl::Impl(sql::Database& store,
                        jobs::EventHub& hub,
                        EventRoutesOptions settings,
                        Metrics& metrics)
    : database(store),
      options(std::move(settings)),
      feed(hub, options.contexts, FeedLimits{options.kept_events, options.kept_bytes}),
      open_streams(metrics.gauge("streamgate_event_streams", "Open streams of events.")),
      overruns(metrics.counter("streamgate_event_stream_overruns_total",
                               "Streams that were cut off because their client was too slow.")) {}

EventRoutes::Impl::Place::Place(Impl& impl, std::string owner)
    : impl_(impl), owner_(std::move(owner)) {
    impl_.open_streams.add(1);
}

EventRoutes::Impl::Place::~Place() {
    impl_.open_streams.add(-1);
    const std::lock_guard lock(impl_.mutex_);
    --impl_.streams_;
    const auto found = impl_.per_owner_.find(owner_);
    if (--found->second == 0) impl_.per_owner_.erase(found);
}

std::unique_ptr<EventRoutes::Impl::Place> EventRoutes::Impl::admit(const std::string& owner) {
    {
        const std::lock_guard lock(mutex_);
        auto& of_owner = per_owner_[owner];
        if (streams_ >= options.max_streams || of_owner >= options.max_streams_per_owner) {
            if (of_owner == 0) per_owner_.erase(owner);
            return nullptr;
        }
        ++of_owner;
        ++streams_;
    }
    return std::make_unique<Place>(*this, owner);
}

EventRoutes::Impl::Asked EventRoutes::Impl::ask(const Call& call) {
    Asked out;
    auto types = split_list(call.asked("types").value_or(""));
    auto subjects = split_list(call.asked("subject").value_or(""));
    for (auto& job : split_list(call.asked("job").value_or(""))) subjects.push_back(std::move(job));
    const auto job = call.path.find("id");
    if (job != call.path.end()) {
        // The end of the job must be seen, whatever is shown.
        auto shown = EventFilter::make(std::exchange(types, {}), {});
        if (!shown) {
            out.problem = problem_of(shown.error());
            return out;
        }
        out.shown = std::move(*shown);
        subjects = {job->second};
    }
    auto filter = EventFilter::make(std::move(types), std::move(subjects));
    if (!filter) {
        out.problem = problem_of(filter.error());
        return out;
    }
    // A reconnecting EventSource repeats its URL: what it has seen since counts.
    std::optional<std::string> after = call.asked("after");
    if (const auto last = call.request().field("last-event-id"); !last.empty()) after = last;
    std::optional<std::int64_t> number;
    if (after) {
        number = event_number(*after);
        if (!number) {
            out.problem = problem("invalid_parameter",
                                  "the number of an event (after, Last-Event-ID) is an integer "
                                  "from 0");
            return out;
        }
    }
    out.place = admit(call.principal.owner);
    if (!out.place) {
        out.problem = too_many();
        return out;
    }
    out.cursor = std::make_unique<EventCursor>(database, feed, call.principal.visible_owner());
    const bool whole_job = !number && job != call.path.end();
    const auto started = whole_job ? out.cursor->from(0, std::move(*filter))
                         : number  ? out.cursor->from(*number, std::move(*filter))
                                   : out.cursor->from_now(std::move(*filter));
    if (!started) out.problem = problem_of(started.error());
    return out;
}

server::Task<Reply> EventRoutes::Impl::send_sse(Call& call,
                                                Asked asked,
                                                bool until_job_ends,
                                                bool job_has_ended) {
    co_await call.exchange.begin(sse_head());
    if (call.request().method != server::Method::kHead) {
        co_await stream_sse(*this, call.exchange, asked, until_job_ends, job_has_ended);
    }
    co_return std::monostate{};
}

server::Task<Reply> EventRoutes::Impl::serve_all(Call& call) {
    auto asked = ask(call);
    if (asked.problem) return ready(std::move(*asked.problem));
    return send_sse(call, std::move(asked), false, false);
}

server::Task<Reply> EventRoutes::Impl::serve_job(Call& call) {
    const std::string id(call.param("id"));
    bool has_ended = false;
    {
        auto reader = database.read();
        if (!reader) return ready(problem_of(reader.error()));
        const auto job = jobs::find_job(**reader, id, call.principal.visible_owner());
        if (!job) {
            return ready(job.error().code == Errc::kNotFound ? not_found("job", id)
                                                             : problem_of(job.error()));
        }
        has_ended = jobs::ended(job->state);
    }
    auto asked = ask(call);
    if (!asked.problem && has_ended && !call.request().field("last-event-id").empty()) {
        // An EventSource comes back after the end: 204 tells it to stop, when nothing is left.
        const auto step = asked.cursor->next();
        if (!step) return ready(problem_of(step.error()));
        if (step->items.empty() && asked.cursor->live()) {
            server::Response nothing;
            nothing.status = 204;
            return ready(std::move(nothing));
        }
        asked = ask(call);
    }
    if (asked.problem) return ready(std::move(*asked.problem));
    return send_sse(call, std::move(asked), true, has_ended);
}

server::Task<Reply> EventRoutes::Impl::serve_websocket(Call& call) {
    const auto& request = call.request();
    const auto accept = websocket_accept(request.field("sec-websocket-key"));
    if (!has_token(request, "upgrade", "websocket") ||
        !has_token(request, "connection", "upgrade")) {
        return ready(problem("upgrade_required",
                             "this address speaks WebSocket only; /v1/events has the same events "
                             "over plain HTTP"));
    }
    if (request.field("sec-websocket-version") != "13" || !accept) {
        return ready(problem("malformed_request",
                             "the WebSocket handshake needs version 13 and a key of 16 bytes"));
    }
    if (!same_site(request, options.allowed_origins)) {
        return ready(problem("cross_origin",
                             "pages of this origin may not open a WebSocket here; the "
                             "configuration names those that may"));
    }
    auto asked = ask(call);
    if (asked.problem) return ready(std::move(*asked.problem));
    return send_websocket(call, std::move(asked), *accept);
}

server::Task<Reply> EventRoutes::Impl::send_websocket(Call& call, Asked asked, std::string accept) {
    server::Response head;
    head.status = 101;
    head.add("Upgrade", "websocket");
    head.add("Sec-WebSocket-Accept", accept);
    co_await call.exchange.upgrade(std::move(head));
    co_await stream_websocket(*this, call.exchange, *asked.cursor);
    co_return std::monostate{};
}

EventRoutes::EventRoutes(sql::Database& database,
                         jobs::EventHub& hub,
                         EventRoutesOptions options,
                         Metrics& metrics)
    : impl_(std::make_unique<Impl>(database, hub, std::move(options), metrics)) {}

EventRoutes::~EventRoutes() = default;

void EventRoutes::add_to(ApiRouter& router) {
    Operation all;
    all.pattern = "/v1/events";
    all.id = "streamEvents";
    all.tag = "events";
    all.summary = "Events as they happen, as server-sent events";
    all.query = params_of_a_stream();
    all.headers = {{"Last-Event-ID", "the same as after, as an EventSource sends it"}};
    all.streams = true;
    all.handler = [impl = impl_.get()](Call& call) { return impl->serve_all(call); };
    router.add(std::move(all));

    Operation websocket;
    websocket.pattern = "/v1/events/ws";
    websocket.id = "openEventSocket";
    websocket.tag = "events";
    websocket.summary = "Events as they happen, over a WebSocket";
    websocket.success = 101;
    websocket.query = params_of_a_stream();
    websocket.streams = true;
    websocket.handler = [impl = impl_.get()](Call& call) { return impl->serve_websocket(call); };
    router.add(std::move(websocket));

    Operation job;
    job.pattern = "/v1/jobs/{id}/events";
    job.id = "streamJobEvents";
    job.tag = "jobs";
    job.summary = "All events of a job, until it has ended, as server-sent events";
    job.query = {{"after",
                  "number (seq) of the last event that is known; without it all are sent",
                  R"({"type":"integer","minimum":0})"},
                 {"types", "types of events, separated by commas; \"task.*\" takes a family"}};
    job.streams = true;
    job.handler = [impl = impl_.get()](Call& call) { return impl->serve_job(call); };
    router.add(std::move(job));
}

}  // namespace sg::api

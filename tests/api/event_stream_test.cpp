#include <atomic>
#include <string>
#include <vector>

#include <api/event_routes.hpp>

#include "running_api.hpp"
#include "websocket_frames.hpp"

namespace sg::api::test {
namespace {

struct EventsApi : RunningApi {
    explicit EventsApi(EventRoutesOptions options = {})
        : RunningApi({}, [options](RunningApi& api, ApiRouter& router) {
              auto settings = options;
              settings.contexts = kContexts;
              auto routes =
                  std::make_shared<EventRoutes>(*api.database, *api.hub, settings, api.metrics);
              routes->add_to(router);
              return routes;
          }) {}
};

/// A stream that is open: its head and hello have come.
TestClient open_stream(const EventsApi& api, const std::string& path, const std::string& lines) {
    auto client = api.connect();
    client.get(path, lines);
    const auto head = client.read_until("events follow");
    CHECK(head.find("200 OK") != std::string::npos);
    CHECK(head.find("text/event-stream") != std::string::npos);
    return client;
}

std::vector<std::string> ids_in(const std::string& text) {
    std::vector<std::string> out;
    for (auto at = text.find("\nid: "); at != std::string::npos; at = text.find("\nid: ", at + 1)) {
        out.push_back(text.substr(at + 5, text.find('\n', at + 5) - at - 5));
    }
    return out;
}

std::string masked(unsigned opcode, std::string_view payload) {
    std::string out{static_cast<char>(0x80U | opcode),
                    static_cast<char>(0x80U | (payload.size() < 126 ? payload.size() : 126U))};
    if (payload.size() >= 126) {
        out.push_back(static_cast<char>(payload.size() >> 8U));
        out.push_back(static_cast<char>(payload.size() & 255U));
    }
    out += std::string(4, '\0');
    return out.append(payload);
}

constexpr const char* kUpgrade =
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

TestClient open_socket(EventsApi& api, const std::string& path, const std::string& lines = {}) {
    auto client = api.connect();
    client.get(path, kUpgrade + lines + api.as("alice"));
    const auto head = client.read_until("\r\n\r\n");
    CHECK(head.find("101 ") != std::string::npos);
    CHECK(head.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    return client;
}

}  // namespace

TEST_CASE("events come as they happen, only the owner's", "[events]") {
    EventsApi api;
    auto alice = open_stream(api, "/v1/events", api.as("alice"));
    auto ops = open_stream(api, "/v1/events", api.as("ops", Role::kOperator));
    api.tell("job.queued", "job_1", "bob");
    api.tell("job.queued", "job_2", "alice");
    const auto seen = alice.read_until("job_2");
    CHECK(seen.find("job_1") == std::string::npos);
    CHECK(seen.find("event: job.queued\ndata: {\"seq\":2,") != std::string::npos);
    CHECK(ops.read_until("job_2").find("job_1") != std::string::npos);
}

TEST_CASE("a stream that comes back goes on behind its last event", "[events]") {
    EventsApi api;
    api.tell("job.queued", "job_1", "alice", 1'300);
    auto client =
        open_stream(api, "/v1/events?after=7", api.as("alice") + "Last-Event-ID: 100\r\n");
    api.tell("job.running", "job_last", "alice");
    const auto seen = ids_in(client.read_until("job_last"));
    REQUIRE(seen.size() == 1'201);
    for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i] == std::to_string(101 + i));
}

TEST_CASE("nothing is lost or told twice while events come and a stream is replayed", "[events]") {
    EventsApi api;
    api.tell("job.queued", "job_a", "alice", 1'000);
    std::jthread writer([&](const std::stop_token& stop) {
        for (int i = 0; i < 100 && !stop.stop_requested(); ++i) {
            api.tell("job.running", i == 99 ? "job_last" : "job_b", "alice", 2);
        }
    });
    auto client = open_stream(api, "/v1/events?after=0", api.as("alice"));
    auto text = client.read_until("job_last");
    text = client.read_until("id: 1200\n");
    const auto seen = ids_in(text);
    writer.join();
    REQUIRE(seen.size() == 1'200);
    for (std::size_t i = 0; i < seen.size(); ++i) REQUIRE(seen[i] == std::to_string(i + 1));
}

TEST_CASE("filters take types and subjects", "[events]") {
    EventsApi api;
    auto client =
        open_stream(api, "/v1/events?types=job.succeeded,task.*&job=job_1,job_2", api.as("alice"));
    api.tell("job.queued", "job_1", "alice");
    api.tell("job.succeeded", "job_3", "alice");
    api.tell("task.started", "job_2", "alice");
    api.tell("job.succeeded", "job_1", "alice");
    CHECK(ids_in(client.read_until("job.succeeded")) == std::vector<std::string>{"3", "4"});
}

TEST_CASE("progress is told without a number", "[events]") {
    EventsApi api;
    auto client = open_stream(api, "/v1/events", api.as("alice"));
    jobs::Event progress;
    progress.type = "job.progress";
    progress.subject = "job_1";
    progress.owner = "alice";
    progress.data = R"({"percent":50})";
    api.hub->tell(progress);
    const auto text = client.read_until("\"percent\":50");
    CHECK(ids_in(text).empty());
    CHECK(text.find("event: job.progress\n") != std::string::npos);
}

TEST_CASE("a job's stream shows its history and ends with the job", "[events]") {
    EventsApi api;
    const auto job = api.add_job("alice", "{}");
    auto client =
        open_stream(api, fmt::format("/v1/jobs/{}/events?types=job.*", job), api.as("alice"));
    api.tell("task.started", job, "alice");
    api.tell("job.running", job, "alice");
    api.tell("job.succeeded", job, "alice");
    const auto text = client.read_until("\r\n0\r\n\r\n");
    CHECK(text.find("event: job.accepted") != std::string::npos);
    CHECK(text.find("task.started") == std::string::npos);
    CHECK(text.find("event: job.succeeded") != std::string::npos);

    CHECK(api.ask("GET", fmt::format("/v1/jobs/{}/events", job), api.as("bob")).status == 404);
    CHECK(api.ask("GET", "/v1/jobs/job_none/events", api.as("alice")).status == 404);
}

TEST_CASE("heartbeats show that a quiet stream lives", "[events]") {
    EventRoutesOptions options;
    options.heartbeat = std::chrono::milliseconds(10);
    EventsApi api(options);
    auto client = open_stream(api, "/v1/events", api.as("alice"));
    CHECK(client.read_until("\r\n:\n\n").find("\r\n:\n\n") != std::string::npos);
}

TEST_CASE("a stream ends when its credentials do", "[events]") {
    std::atomic<bool> allowed = true;
    EventRoutesOptions options;
    options.heartbeat = std::chrono::milliseconds(10);
    options.still_allowed = [&](const server::Request&) { return allowed.load(); };
    EventsApi api(options);
    auto client = open_stream(api, "/v1/events", api.as("alice"));
    CHECK(client.read_until("\r\n:\n\n").find("\r\n:\n\n") != std::string::npos);
    allowed = false;
    const auto rest = client.read_until("\r\n0\r\n\r\n");
    CHECK(rest.find("not valid any more") != std::string::npos);
    CHECK(rest.find("\r\n0\r\n\r\n") != std::string::npos);
}

TEST_CASE("a client that is too slow is told where to resume, and cut off", "[events]") {
    EventRoutesOptions options;
    options.kept_events = 8;
    EventsApi api(options);
    auto client = open_stream(api, "/v1/events", api.as("alice"));
    // Far more than the socket's buffers hold, while nobody reads.
    for (int i = 0; i < 400; ++i) {
        REQUIRE(api.database->write_now([&](sql::Connection& db) -> Status {
            for (int k = 0; k < 4; ++k) {
                jobs::Event event;
                event.type = "job.queued";
                event.subject = "job_1";
                event.owner = "alice";
                event.time = 1;
                event.data = "{\"filler\":\"" + std::string(8'000, 'x') + "\"}";
                SG_TRY(jobs::append_event(db, event));
            }
            return {};
        }));
    }
    const auto text = client.read_until("\r\n0\r\n\r\n");
    const auto at = text.find("event: stream.overrun");
    REQUIRE(at != std::string::npos);
    // A busy machine may send it before the first event.
    const auto ids = ids_in(text);
    const auto last = ids.empty() ? "0" : ids.back();
    CHECK(text.find("\"resume_after\":" + last, at) != std::string::npos);
}

TEST_CASE("events that left the log are missed visibly", "[events]") {
    EventsApi api;
    api.tell("job.queued", "job_1", "alice", 5);
    REQUIRE(api.database->write_now([](sql::Connection& db) -> Status {
        SG_TRY(db.run("DELETE FROM job_events WHERE seq < 4"));
        return {};
    }));
    auto client = open_stream(api, "/v1/events?after=1", api.as("alice"));
    const auto text = client.read_until("id: 5");
    CHECK(text.find("event: stream.gap") < text.find("id: 4"));
}

TEST_CASE("bad questions for events are refused precisely", "[events]") {
    EventRoutesOptions options;
    options.max_streams_per_owner = 1;
    EventsApi api(options);
    const auto alice = api.as("alice");
    CHECK(api.ask("GET", "/v1/events?after=-1", alice).status == 400);
    CHECK(api.ask("GET", "/v1/events?after=x", alice).status == 400);
    CHECK(api.ask("GET", "/v1/events", alice + "Last-Event-ID: 1e3\r\n").status == 400);
    CHECK(api.ask("GET", "/v1/events?types=Job", alice).status == 422);
    CHECK(api.ask("GET", "/v1/events?nothing=1", alice).status == 400);
    CHECK(api.ask("GET", "/v1/events", "").status == 401);
    auto open = open_stream(api, "/v1/events", alice);
    const auto refused = api.ask("GET", "/v1/events", alice);
    CHECK(refused.status == 429);
    CHECK(refused.fields.contains("retry-after"));
    open.close();
    CHECK(eventually([&] {
        auto again = api.connect();
        again.get("/v1/events", alice);
        return again.read_until("\n\n").find("200 OK") != std::string::npos;
    }));
}

TEST_CASE("a WebSocket tells the same events and takes other filters", "[websocket]") {
    EventsApi api;
    for (int i = 1; i <= 3; ++i) api.tell("job.queued", fmt::format("job_{}", i), "alice");
    auto client = open_socket(api, "/v1/events/ws?after=1");
    const auto first = client.read_until("job_3");
    CHECK(first.find("{\"seq\":2,") != std::string::npos);
    CHECK(first.find("{\"seq\":1,") == std::string::npos);
    client.send(masked(1, R"({"type":"subscribe","types":["job.failed"],"after":3})"));
    CHECK(client.read_until("stream.subscribed").find("\"after\":3") != std::string::npos);
    api.tell("job.running", "job_quiet", "alice");
    api.tell("job.failed", "job_4", "alice");
    CHECK(client.read_until("job_4").find("job_quiet") == std::string::npos);
    client.send(masked(9, "are you there"));
    CHECK(client
              .read_until("\x8A\x0D"
                          "are you there")
              .find("\x8A\x0D") != std::string::npos);
    client.send(masked(8, std::string("\x03\xE8", 2)));
    CHECK(client.read_until(std::string("\x88\x02\x03\xE8", 4))
              .find(std::string("\x88\x02\x03\xE8", 4)) != std::string::npos);
    CHECK(client.at_end());
}

TEST_CASE("what breaks the WebSocket protocol is closed with a code", "[websocket]") {
    EventsApi api;
    const auto closes = [&](const std::string& bytes, std::uint16_t code) {
        auto client = open_socket(api, "/v1/events/ws");
        client.send(bytes);
        const std::string wanted{static_cast<char>(code >> 8U), static_cast<char>(code & 255U)};
        return client.read_until(wanted).find(wanted) != std::string::npos;
    };
    CHECK(closes(std::string("\x81\x02hi"), 1002));
    CHECK(closes(masked(2, "binary"), 1003));
    CHECK(closes(masked(1, "\xFF\xFF"), 1007));
    CHECK(closes(masked(1, "not json"), 1008));
    CHECK(closes(masked(1, R"({"type":"subscribe","bogus":1})"), 1008));
    CHECK(closes(masked(1, R"({"type":"subscribe","types":[1]})"), 1008));
    CHECK(closes(masked(1, R"({"type":"subscribe","after":-1})"), 1008));
    CHECK(closes(masked(1, std::string(20'000, ' ')), 1009));
    CHECK(closes(std::string("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10), 1009));
    std::string flood;
    for (int i = 0; i < 200; ++i) flood += masked(9, "x");
    CHECK(closes(flood, 1008));
}

TEST_CASE("only proper handshakes of proper origins open a WebSocket", "[websocket]") {
    EventRoutesOptions options;
    options.allowed_origins = {"https://watch.example"};
    EventsApi api(options);
    const auto alice = api.as("alice");
    CHECK(api.ask("GET", "/v1/events/ws", alice).status == 426);
    CHECK(api.ask("GET",
                  "/v1/events/ws",
                  alice + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
                          "12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
              .status == 400);
    auto foreign = api.connect();
    foreign.get("/v1/events/ws", kUpgrade + alice + "Origin: https://evil.example\r\n");
    CHECK(foreign.read().status == 403);
    open_socket(api, "/v1/events/ws", "Origin: https://watch.example\r\n");
    open_socket(api, "/v1/events/ws", "Origin: http://test\r\n");
}

TEST_CASE("a service that stops ends streams in order", "[events]") {
    EventsApi api;
    auto sse = open_stream(api, "/v1/events", api.as("alice"));
    auto socket = open_socket(api, "/v1/events/ws");
    std::jthread stopping([&] { api.stop(); });
    CHECK(sse.read_until("the server stops").find("the server stops") != std::string::npos);
    CHECK(socket.read_until(std::string("\x03\xE9", 2)).find(std::string("\x03\xE9", 2)) !=
          std::string::npos);
}

}  // namespace sg::api::test

#include <array>
#include <random>

#include <netinet/in.h>
#include <sys/socket.h>

#include <base/unique_fd.hpp>
#include <support/thread_limit.hpp>

#include "srt_harness.hpp"

using namespace sg;
using namespace sg::protocols;
using namespace sg::test;
using namespace std::chrono_literals;

namespace {

Buffer pattern(std::size_t size) {
    Buffer out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::byte>(i * 31 + i / 251);
    return out;
}

SrtCallSettings to(const Server& server, const std::string& stream_id) {
    SrtCallSettings settings;
    settings.port = server.listener->port();
    settings.stream_id = stream_id;
    return settings;
}

}  // namespace

TEST_CASE("SRT: a caller and a listener exchange bytes both ways, encrypted") {
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, [](const SrtStreamId& id, const std::string& ip) {
        CHECK(ip == "127.0.0.1");
        SrtDecision decision = SrtReject::kNotFound;
        if (id.resource == "live/one" && id.mode == SrtMode::kPublish)
            decision = SrtAccept{"a good passphrase", 32, 350ms};
        return decision;
    });
    SrtCallSettings settings = to(server, "#!::r=live/one,m=publish,u=me");
    settings.passphrase = "a good passphrase";
    settings.key_bytes = 32;
    settings.latency = 60ms;
    const CallResult answer = call(*service, loop, settings);
    INFO((*answer ? std::string() : answer->error().message));
    REQUIRE(*answer);
    Kept caller{**answer, {}, {}};
    caller.start(loop);
    REQUIRE(loop.run_until([&] { return server.kept.size() == 1; }));
    SrtConnection& accepted = *server.kept[0]->connection;
    CHECK(accepted.stream_id().user == "me");
    CHECK(accepted.latency() == 350ms);
    CHECK(accepted.encrypted());
    CHECK(accepted.peer().starts_with("127.0.0.1:"));

    const Buffer sent = pattern(200'000);
    CHECK(caller.connection->send(sent));
    const Buffer back = pattern(5000);
    CHECK(accepted.send(back));
    CHECK(loop.run_until([&] {
        return server.kept[0]->bytes.size() == sent.size() && caller.bytes.size() == back.size();
    }));
    CHECK(server.kept[0]->bytes == sent);
    CHECK(caller.bytes == back);
    const SrtStatistics statistics = accepted.statistics();
    CHECK(statistics.bytes_received >= sent.size());
    CHECK(statistics.rtt_ms > 0);
    CHECK(server.listener->counters().accepted == 1);

    caller.connection->close();
    CHECK(loop.run_until([&] { return server.kept[0]->ended.has_value(); }));
    CHECK(server.kept[0]->ended->code == Errc::kEndOfStream);
}

TEST_CASE("SRT: a refused caller is told why") {
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, [](const SrtStreamId& id, const std::string&) {
        SrtDecision decision = SrtAccept{"the right one", 0, {}};
        if (id.resource == "busy") decision = SrtReject::kConflict;
        if (id.resource == "none") decision = SrtReject::kNotFound;
        if (id.resource == "key") decision = SrtReject::kUnauthorized;
        return decision;
    });
    const auto refusal = [&](const std::string& id, const std::string& passphrase = "") {
        SrtCallSettings settings = to(server, id);
        settings.passphrase = passphrase;
        const CallResult answer = call(*service, loop, settings);
        REQUIRE_FALSE(*answer);
        CHECK(answer->error().code == Errc::kPermission);
        return answer->error().message;
    };
    CHECK(refusal("busy").find("in use already") != std::string::npos);
    CHECK(refusal("none").find("no such stream") != std::string::npos);
    CHECK(refusal("key").find("not authorised") != std::string::npos);
    CHECK(refusal("#!::r=a,m=shout").find("not understood") != std::string::npos);
    CHECK(refusal("#!::r=a,t=file").find("not acceptable") != std::string::npos);
    CHECK(refusal("a", "the wrong one").find("wrong passphrase") != std::string::npos);
    CHECK(refusal("a").find("passphrase") != std::string::npos);
    CHECK(server.kept.empty());
    CHECK(server.listener->counters().refused == 5);
}

TEST_CASE("SRT: a key that is too short for a stream is refused") {
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, [](const SrtStreamId&, const std::string&) {
        return SrtDecision(SrtAccept{"a good passphrase", 32, {}});
    });
    SrtCallSettings settings = to(server, "a");
    settings.passphrase = "a good passphrase";
    settings.key_bytes = 16;
    const CallResult answer = call(*service, loop, settings);
    // Key lengths are known when the handshake is over, so it may see a connection that ends.
    if (*answer) {
        Kept caller{**answer, {}, {}};
        caller.start(loop);
        CHECK(loop.run_until([&] { return caller.ended.has_value(); }));
    }
    CHECK(server.kept.empty());
    CHECK(server.listener->counters().refused == 1);
}

TEST_CASE("SRT: connections are limited, and their places free again") {
    Loop loop;
    const auto service = make_service();
    SrtListenerSettings limits;
    limits.connections_per_ip = 2;
    Server server(*service, loop, admit_all(), limits);
    CallResult first = call(*service, loop, to(server, "a"));
    CallResult second = call(*service, loop, to(server, "b"));
    REQUIRE(*first);
    REQUIRE(*second);
    const CallResult third = call(*service, loop, to(server, "c"));
    REQUIRE_FALSE(*third);
    CHECK(third->error().message.find("no room") != std::string::npos);
    first.reset();
    REQUIRE(loop.run_until([&] { return server.kept.size() == 2; }));
    CHECK(loop.run_until(
        [&] { return server.kept[0]->ended.has_value() || server.kept[1]->ended.has_value(); }));
    CHECK(*call(*service, loop, to(server, "d")));
}

TEST_CASE("SRT: who sends nothing is let go") {
    Loop loop;
    const auto service = make_service();
    SrtListenerSettings settings;
    settings.idle = 200ms;
    Server server(*service, loop, admit_all(), settings);
    const CallResult silent = call(*service, loop, to(server, "a"));
    REQUIRE(*silent);
    REQUIRE(loop.run_until([&] { return server.kept.size() == 1; }));
    CHECK(loop.run_until([&] { return server.kept[0]->ended.has_value(); }));
    CHECK(server.kept[0]->ended->code == Errc::kTimeout);
}

TEST_CASE("SRT: who sends too much for long is closed with a reason") {
    Loop loop;
    const auto service = make_service();
    SrtListenerSettings settings;
    settings.caller_rate = 10'000;
    Server server(*service, loop, admit_all(), settings);
    const CallResult caller = call(*service, loop, to(server, "a"));
    REQUIRE(*caller);
    REQUIRE(loop.run_until([&] { return server.kept.size() == 1; }));
    // What it may send in ten seconds, and more.
    REQUIRE((**caller)->send(pattern(90'000)));
    REQUIRE(loop.run_until([&] { return server.kept[0]->bytes.size() >= 90'000; }));
    CHECK_FALSE(server.kept[0]->ended);
    REQUIRE((**caller)->send(pattern(90'000)));
    CHECK(loop.run_until([&] { return server.kept[0]->ended.has_value(); }));
    CHECK(server.kept[0]->ended->code == Errc::kLimit);
}

TEST_CASE("SRT: an owner who does not take what came gets all of it later") {
    Loop loop;
    const auto service = make_service();
    SrtListenerSettings settings;
    settings.inbox_bytes = 32U << 10;
    Server server(*service, loop, admit_all(), settings);
    server.start_at_once = false;
    const CallResult caller = call(*service, loop, to(server, "a"));
    REQUIRE(*caller);
    REQUIRE(loop.run_until([&] { return server.kept.size() == 1; }));
    const Buffer sent = pattern(400'000);
    REQUIRE((**caller)->send(sent));
    // Everything has left the sender before the owner looks.
    REQUIRE(loop.run_until([&] { return (**caller)->statistics().bytes_sent >= sent.size(); }));
    server.kept[0]->start(loop);
    CHECK(loop.run_until([&] { return server.kept[0]->bytes.size() >= sent.size(); }));
    CHECK(server.kept[0]->bytes == sent);
}

TEST_CASE("SRT: a queue that is full takes nothing more") {
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, admit_all());
    SrtCallSettings settings = to(server, "a");
    settings.outbox_bytes = 10'000;
    const CallResult caller = call(*service, loop, settings);
    REQUIRE(*caller);
    CHECK_FALSE((**caller)->send(pattern(20'000)));
    CHECK((**caller)->send(pattern(5000)));
    (**caller)->close();
    CHECK_FALSE((**caller)->send(pattern(10)));
}

TEST_CASE("SRT: a call that nobody answers ends, as does one to no such name") {
    Loop loop;
    const auto service = make_service();
    SrtCallSettings settings;
    // A port that is bound but does not speak SRT.
    Server server(*service, loop, admit_all());
    settings.port = server.listener->port();
    server.listener.reset();
    settings.connect_timeout = 300ms;
    const CallResult answer = call(*service, loop, settings);
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().code == Errc::kTimeout);
    settings.host = "no such name";
    const CallResult unnamed = call(*service, loop, settings);
    REQUIRE_FALSE(*unnamed);
    CHECK(unnamed->error().code == Errc::kNotFound);
}

TEST_CASE("SRT: garbage on the port does not keep callers out") {
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, admit_all());
    const UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(server.listener->port());
    REQUIRE(::connect(udp.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    std::mt19937 random(7);
    for (std::size_t i = 0; i < 2000; ++i) {
        std::array<std::uint32_t, 64> words{};
        for (std::uint32_t& word : words) word = static_cast<std::uint32_t>(random());
        // Half of them look like control packets, a part of these like handshakes.
        if (i % 2 == 0) words[0] = i % 4 == 0 ? 0x80 : 0xff80;
        (void)!::send(udp.get(), words.data(), 16 + i % 240, 0);
    }
    SrtCallSettings settings = to(server, "live/name");
    settings.connect_timeout = 10s;
    CHECK(*call(*service, loop, settings));
}

TEST_CASE("SRT: a port in use is an error in words") {
    Loop loop;
    const auto service = make_service();
    const Server server(*service, loop, admit_all());
    SrtListenerSettings settings;
    settings.port = server.listener->port();
    const auto second =
        SrtListener::create(*service, settings, admit_all(), loop.executor(), [](auto) {});
    REQUIRE_FALSE(second);
    CHECK(second.error().message.find(std::to_string(settings.port)) != std::string::npos);
}

TEST_CASE("SRT: the service may end before what was made with it") {
    Loop loop;
    auto service = make_service();
    auto server = std::make_unique<Server>(*service, loop, admit_all());
    CallResult caller = call(*service, loop, to(*server, "a"));
    REQUIRE(*caller);
    REQUIRE(loop.run_until([&] { return server->kept.size() == 1; }));
    service.reset();
    CHECK(loop.run_until([&] { return server->kept[0]->ended.has_value(); }));
    CHECK(server->kept[0]->ended->code == Errc::kCancelled);
    CHECK_FALSE((**caller)->send(pattern(10)));
    (void)(**caller)->statistics();
}

TEST_CASE("SRT: without threads a call fails, and the listener waits until there are some") {
    where_threads_can_be_limited([]() -> std::string {
        Loop loop;
        auto service = SrtService::create();
        if (!service) return service.error().message;
        SrtListenerSettings settings;
        settings.port = 0;
        std::vector<std::shared_ptr<SrtConnection>> came;
        auto listener = SrtListener::create(
            **service, settings, admit_all(), loop.executor(), [&](auto connection) {
                came.push_back(std::move(connection));
            });
        if (!listener) return listener.error().message;
        CallResult answer;
        SrtCallSettings call;
        call.port = (*listener)->port();
        const auto ask = [&] {
            answer.reset();
            srt_call(
                **service, call, loop.executor(), [&](auto result) { answer = std::move(result); });
            return loop.run_until([&] { return answer.has_value(); });
        };
        static_cast<void>(limit_threads(true));
        for (const auto* host : {"127.0.0.1", "localhost"}) {
            call.host = host;
            if (!ask() || *answer) return "a call went out";
        }
        // The listener wakes and finds no threads, too.
        const UniqueFd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(call.port);
        const char byte = 0;
        (void)!::sendto(
            sender.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
        static_cast<void>(loop.run_until([] { return false; }, 1s));
        static_cast<void>(limit_threads(false));
        call.host = "127.0.0.1";
        call.connect_timeout = 10s;
        if (!ask() || !*answer) return "the next call did not come through";
        return loop.run_until([&] { return came.size() == 1; }) ? "" : "the listener is dead";
    });
}

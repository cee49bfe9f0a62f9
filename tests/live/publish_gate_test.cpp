#include <chrono>
#include <future>
#include <string>
#include <thread>

#include <unistd.h>

#include <arpa/inet.h>
#include <live/publish_rules.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include <base/digest.hpp>
#include <base/unique_fd.hpp>
#include <support/catch.hpp>
#include <support/thread_limit.hpp>

#include "publish_failures.hpp"

using namespace sg;
using namespace sg::live;
using namespace std::chrono_literals;

namespace {

class StillClock final : public Clock {
  public:
    Monotonic now() const override { return monotonic; }
    Wall wall() const override { return wall_time; }
    Monotonic monotonic{1h};
    Wall wall_time{std::chrono::seconds(1'800'000'000)};
};

PublishKey key(const std::string& text, const std::string& pattern = "*/*") {
    return {pattern, sha256_hex(text), {}, {}};
}

PublishClaim claim(const std::string& name, std::map<std::string, std::string> arguments = {}) {
    return {"rtmp", name, "192.0.2.1", "", std::move(arguments)};
}

struct Gate {
    explicit Gate(PublishRules rules) : gate(std::move(rules), clock, metrics) {}

    /// Waits for the answer.
    Status ask(PublishClaim with) {
        std::promise<Status> answer;
        gate.check(std::move(with),
                   [&answer](Status status) { answer.set_value(std::move(status)); });
        return answer.get_future().get();
    }
    bool allows(const std::string& name, std::map<std::string, std::string> arguments = {}) {
        return ask(claim(name, std::move(arguments))).has_value();
    }

    StillClock clock;
    NullMetrics metrics;
    RuledGate gate;
};

/// Answers one HTTP request after another with a status line, and keeps what it was asked.
class Service {
  public:
    explicit Service(std::string answer) : answer_(std::move(answer)) {
        socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 8) == 0);
        socklen_t size = sizeof address;
        REQUIRE(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        if (!answer_.empty()) thread_ = std::jthread([this] { serve(); });
    }
    ~Service() {
        ::shutdown(socket_.get(), SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
    }
    [[nodiscard]] PublishRules rules() const {
        PublishRules rules;
        rules.callback = {"http://127.0.0.1:" + std::to_string(port_) + "/ask?secret=x", 300ms};
        return rules;
    }
    std::string asked;

  private:
    void serve() {
        for (;;) {
            const UniqueFd client(::accept(socket_.get(), nullptr, nullptr));
            if (client.get() < 0) return;
            asked.clear();
            char bytes[4096];
            while (asked.find("}") == std::string::npos) {
                const auto got = ::read(client.get(), bytes, sizeof bytes);
                if (got <= 0) break;
                asked.append(bytes, static_cast<std::size_t>(got));
            }
            const auto text =
                "HTTP/1.1 " + answer_ + "\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
            (void)!::write(client.get(), text.data(), text.size());
        }
    }

    std::string answer_;
    UniqueFd socket_;
    std::uint16_t port_ = 0;
    std::jthread thread_;
};

}  // namespace

TEST_CASE("without rules everybody may publish") {
    Gate gate({});
    CHECK(gate.allows("live/a"));
    CHECK(gate.gate.check_now(claim("live/a")));
}

TEST_CASE("a stream key opens the channels of its pattern only") {
    Gate gate({{key("first-key", "live/a*"), key("second-key")}, {}, {}});
    CHECK(gate.allows("live/a1", {{"key", "first-key"}}));
    CHECK(gate.allows("live/a1+backup", {{"key", "first-key"}}));
    CHECK_FALSE(gate.allows("live/b", {{"key", "first-key"}}));
    CHECK(gate.allows("live/b", {{"key", "second-key"}}));
    CHECK_FALSE(gate.allows("live/b", {{"key", "second-kex"}}));
    CHECK_FALSE(gate.allows("live/b"));
}

TEST_CASE("keys overlap while they are rotated, each in its own time") {
    Gate gate({});
    auto before = key("old-stream-key");
    before.expires = gate.clock.wall_time + 1h;
    auto after = key("new-stream-key");
    after.not_before = gate.clock.wall_time - 1h;
    gate.gate.set_rules({{before, after}, {}, {}});
    CHECK(gate.allows("live/a", {{"key", "old-stream-key"}}));
    CHECK(gate.allows("live/a", {{"key", "new-stream-key"}}));
    gate.clock.wall_time += 1h;
    const auto expired = gate.ask(claim("live/a", {{"key", "old-stream-key"}}));
    REQUIRE_FALSE(expired);
    CHECK(expired.error().message == "publish: the stream key or token has expired");
    gate.clock.wall_time -= 3h;
    const auto early = gate.ask(claim("live/a", {{"key", "new-stream-key"}}));
    REQUIRE_FALSE(early);
    CHECK(early.error().message == "publish: this stream key is not valid yet");
}

TEST_CASE("a signed token holds for its name until its expiry") {
    Gate gate({{}, {"this-year's-secret", "last-year's-secret"}, {}});
    const auto good = sign_publish_token("last-year's-secret", "live/a", 1'800'000'060);
    CHECK(gate.allows("live/a", {{"token", good}}));
    CHECK_FALSE(gate.allows("live/b", {{"token", good}}));
    CHECK_FALSE(gate.allows("live/a", {{"token", "1800009999" + good.substr(10)}}));
    CHECK_FALSE(gate.allows("live/a", {{"token", "1800000060"}}));
    CHECK_FALSE(gate.allows("live/a", {{"token", ""}}));
    CHECK_FALSE(gate.allows("live/a", {{"token", std::string(10'000, '1')}}));
    gate.clock.wall_time += 61s;
    CHECK_FALSE(gate.allows("live/a", {{"token", good}}));
}

TEST_CASE("the token is what openssl makes of name and expiry") {
    // printf 'live/a:1800000060' | openssl dgst -sha256 -hmac sixteen-bytes-at-least
    CHECK(sign_publish_token("sixteen-bytes-at-least", "live/a", 1'800'000'060) ==
          "1800000060-" + hmac_sha256_hex("sixteen-bytes-at-least", "live/a:1800000060"));
    // RFC 4231 section 4.3
    CHECK(hmac_sha256_hex("Jefe", "what do ya want for nothing?") ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("an address that fails often has to wait, even with the right key") {
    Gate gate({{key("right-key")}, {}, {}});
    for (unsigned i = 0; i < PublishFailures::kMost; ++i)
        CHECK_FALSE(gate.allows("live/a", {{"key", "guess-" + std::to_string(i)}}));
    CHECK_FALSE(gate.allows("live/a", {{"key", "right-key"}}));
    auto elsewhere = claim("live/a", {{"key", "right-key"}});
    elsewhere.peer = "192.0.2.2";
    CHECK(gate.ask(elsewhere));
    gate.clock.monotonic += PublishFailures::kSpan;
    CHECK(gate.allows("live/a", {{"key", "right-key"}}));
}

TEST_CASE("the table of failures is bounded, and one IPv6 network is one address") {
    PublishFailures failures;
    Clock::Monotonic now{1h};
    for (unsigned i = 0; i < PublishFailures::kMost; ++i)
        failures.count("2001:db8::" + std::to_string(i + 1), now);
    CHECK(failures.must_wait("2001:db8::ffff", now));
    CHECK_FALSE(failures.must_wait("2001:db8:1::1", now));
    for (int i = 0; i < 10'000; ++i) failures.count("10.0." + std::to_string(i), now += 1ms);
    CHECK(failures.addresses() == PublishFailures::kMostAddresses);
}

TEST_CASE("the callback is asked with what the publisher brought, and its answer counts") {
    Service yes("204 No Content");
    Gate gate(yes.rules());
    const auto memory = gate.gate.check_now(claim("live/a"));
    REQUIRE_FALSE(memory);
    CHECK(memory.error().code == Errc::kAgain);
    CHECK(gate.allows("live/a", {{"key", "k\"1"}}));
    CHECK(yes.asked.starts_with("POST /ask?secret=x HTTP/1.1\r\n"));
    CHECK(yes.asked.find(R"("key":"k\"1","name":"live/a","peer":"192.0.2.1")") !=
          std::string::npos);

    Service no("403 Forbidden");
    gate.gate.set_rules(no.rules());
    const auto refused = gate.ask(claim("live/a"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "publish: not allowed for this name");
}

TEST_CASE("a callback that is silent or gone refuses") {
    Service silent("");
    Gate gate(silent.rules());
    const auto refused = gate.ask(claim("live/a"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kPermission);
    CHECK(refused.error().message.find("secret") == std::string::npos);
}

TEST_CASE("the callback is asked only after the key was right") {
    Service yes("200 OK");
    auto rules = yes.rules();
    rules.keys = {key("right-key")};
    Gate gate(rules);
    CHECK_FALSE(gate.allows("live/a", {{"key", "wrong-key"}}));
    CHECK(yes.asked.empty());
    CHECK(gate.allows("live/a", {{"key", "right-key"}}));
    CHECK_FALSE(yes.asked.empty());
}

TEST_CASE("a publisher is refused when no thread can be had to ask the callback on") {
    test::where_threads_can_be_limited([]() -> std::string {
        PublishRules rules;
        rules.callback = {"http://127.0.0.1:9/ask", 300ms};
        Gate gate(std::move(rules));
        static_cast<void>(test::limit_threads(true));
        bool refused = false;
        gate.gate.check(claim("live/a"), [&](const Status& status) { refused = !status; });
        return refused ? "" : "it was let in, or never answered";
    });
}

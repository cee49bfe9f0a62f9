#include <random>

#include <sys/socket.h>

#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

namespace {

bool serves(const RunningServer& server) {
    return TestClient(server.port()).fetch("/time").status == 200;
}

}  // namespace

TEST_CASE("garbage is answered with 400 or cut, and the server goes on") {
    RunningServer server;
    std::mt19937 random(1);
    for (int i = 0; i < 50; ++i) {
        std::string bytes(1 + random() % 3000, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        bytes += "\r\n\r\n";
        TestClient client(server.port());
        client.send(bytes);
        ::shutdown(client.fd(), SHUT_WR);
        const auto status = client.read().status;
        CHECK((status == 400 || status == 0));
    }
    for (const auto* text :
         {"GET\r\n\r\n",
          "GET / HTTP/9.9\r\n\r\n",
          "\x16\x03\x01\r\n\r\n",
          "GET / HTTP/1.1\r\n\r\n",
          "GET /live/one/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET /live/one/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
        INFO(text);
        TestClient client(server.port());
        client.send(text);
        const auto status = client.read().status;
        CHECK(status / 100 >= 4);
        CHECK(client.at_end());
    }
    CHECK(serves(server));
}

TEST_CASE("a header without an end is refused at the limit") {
    RunningServer server;
    TestClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    const std::string line = "X-Filler: " + std::string(900, 'x') + "\r\n";
    for (int i = 0; i < 40; ++i) client.send(line);
    CHECK(client.read().status == 431);
    CHECK(client.at_end());
    TestClient other(server.port());
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 200; ++i) many += "a: b\r\n";
    other.send(many + "\r\n");
    CHECK(other.read().status == 431);
    CHECK(serves(server));
}

TEST_CASE("a client that dribbles its header is cut off, whatever it sends in between") {
    HttpServerOptions options;
    options.header_timeout = std::chrono::milliseconds(200);
    RunningServer server(options);
    TestClient client(server.port());
    client.send("GET / HTTP/1.1\r\n");
    // Runs until the server gives up: every byte that comes late must not prolong the time.
    CHECK(eventually([&] {
        client.send("a");
        return server.server->connections() == 0;
    }));
    CHECK(serves(server));
}

TEST_CASE("a client that does not read is cut off") {
    HttpServerOptions options;
    options.write_timeout = std::chrono::milliseconds(200);
    RunningServer server(options);
    FakeView view;
    view.objects["a.m4s"] = segment(std::string(50'000'000, 'x'));
    server.channel().publish(std::move(view));
    TestClient client(server.port());
    client.get("/live/one/a.m4s");
    CHECK(eventually([&] { return server.server->connections() == 1; }));
    CHECK(eventually([&] { return server.server->connections() == 0; }));
    CHECK_FALSE(client.read().whole);
}

TEST_CASE("ten thousand rapid connections leave nothing behind") {
    RunningServer server;
    for (int i = 0; i < 10'000; ++i) {
        TestClient client(server.port());
        if (i % 3 == 0) client.send("GET /time HTT");
        if (i % 3 == 1) client.get("/time");
    }
    CHECK(eventually([&] { return server.server->connections() == 0; }));
    CHECK(serves(server));
}

#include <cstdlib>

#include <openssl/ssl.h>
#include <server/http_server.hpp>

#include <support/temp_folder.hpp>

#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

namespace {

void add_plain_routes(Router& router) {
    router.get("/healthz",
               [](const Request&) { return Response::text(200, "text/plain", "ok\n"); });
    router.get("/echo", [](const Request& request) {
        return Response::text(200, "text/plain", request.client + " " + request.query);
    });
    router.add(Method::kPost,
               "/post",
               [](Exchange& exchange) {
                   return exchange.send(Response::text(200, "text/plain", exchange.request().body));
               },
               {.max_body_bytes = 10});
    router.get("/throws", [](const Request&) -> Response { throw std::runtime_error("x"); });
}

}  // namespace

TEST_CASE("one connection serves requests one after the other and pipelined") {
    RunningServer server({}, {}, add_plain_routes);
    TestClient client(server.port());
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.fetch("/healthz");
        CHECK(answer.status == 200);
        CHECK(answer.body == "ok\n");
        CHECK(answer.fields.contains("date"));
    }
    client.send(
        "GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /echo?2 HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /echo?3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(client.read().body == "127.0.0.1 1");
    const auto head = client.read(true);
    CHECK(head.status == 200);
    CHECK(head.fields.at("content-length") == "11");
    CHECK(client.read().body == "127.0.0.1 3");
    CHECK(client.at_end());
}

TEST_CASE("a request may arrive byte by byte") {
    RunningServer server({}, {}, add_plain_routes);
    TestClient client(server.port());
    const std::string text = "\r\nGET /echo?slow HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const char c : text) client.send({&c, 1});
    CHECK(client.read().body == "127.0.0.1 slow");
}

TEST_CASE("HTTP/1.0 closes unless it is asked to stay") {
    RunningServer server({}, {}, add_plain_routes);
    TestClient client(server.port());
    client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(client.read().fields["connection"] == "keep-alive");
    client.send("GET /echo HTTP/1.0\r\n\r\n");
    CHECK(client.read().status == 200);
    CHECK(client.at_end());
}

TEST_CASE("unknown paths and methods are answered with what is wrong") {
    RunningServer server({}, {}, add_plain_routes);
    TestClient client(server.port());
    auto answer = client.fetch("/nothing");
    CHECK(answer.status == 404);
    CHECK(answer.fields["cache-control"] == "no-store");
    CHECK(answer.body.find("not_found") != std::string::npos);
    client.send("DELETE /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    answer = client.read();
    CHECK(answer.status == 405);
    CHECK(answer.fields["allow"] == "GET, HEAD");
    CHECK(client.fetch("/throws").status == 500);
    CHECK(client.fetch("/healthz").status == 200);
}

TEST_CASE("bodies are taken where a route wants them, up to its limit") {
    RunningServer server({}, {}, add_plain_routes);
    TestClient client(server.port());
    client.send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    client.send("lo");
    CHECK(client.read().body == "hello");
    client.send(
        "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.read(true).status == 100);
    client.send("ok");
    CHECK(client.read().body == "ok");
    client.send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901");
    CHECK(client.read().status == 413);
    CHECK(client.at_end());
    TestClient other(server.port());
    other.send("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    CHECK(other.read().status == 413);
}

TEST_CASE("the viewer's address comes from a trusted proxy only") {
    HttpServerOptions options;
    options.trusted_proxies = {"127.0.0.1"};
    RunningServer trusting(options, {}, add_plain_routes);
    CHECK(
        TestClient(trusting.port()).fetch("/echo", "X-Forwarded-For: 1.1.1.1, 10.0.0.7\r\n").body ==
        "10.0.0.7 ");
    // Proxies that add a field leave the client's own before it.
    CHECK(TestClient(trusting.port())
              .fetch("/echo", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 10.0.0.7\r\n")
              .body == "10.0.0.7 ");
    RunningServer wary({}, {}, add_plain_routes);
    CHECK(TestClient(wary.port()).fetch("/echo", "X-Forwarded-For: 10.0.0.7\r\n").body ==
          "127.0.0.1 ");
}

TEST_CASE("connections above a limit are refused and others go on") {
    HttpServerOptions options;
    options.max_connections_per_address = 2;
    RunningServer server(options, {}, add_plain_routes);
    TestClient one(server.port());
    auto two = std::make_unique<TestClient>(server.port());
    CHECK(one.fetch("/healthz").status == 200);
    CHECK(two->fetch("/healthz").status == 200);
    TestClient three(server.port());
    CHECK(three.read().status == 503);
    CHECK(three.at_end());
    CHECK(one.fetch("/healthz").status == 200);
    two.reset();
    CHECK(eventually([&] { return TestClient(server.port()).fetch("/healthz").status == 200; }));
}

TEST_CASE("a stopping server lets an idle connection go and ends") {
    RunningServer server({}, {}, add_plain_routes);
    TestClient client(server.port());
    CHECK(client.fetch("/healthz").status == 200);
    server.stop(std::chrono::seconds(20));
    CHECK(client.at_end());
    CHECK(server.server->connections() == 0);
    CHECK_FALSE(TestClient(server.port()).connected());
}

TEST_CASE("an address that is none, or a port in use, is an error that says so") {
    boost::asio::io_context context;
    Router router;
    sg::NullMetrics metrics;
    HttpServerOptions options;
    options.address = "nowhere";
    auto failed = HttpServer::start({&context}, router, options, metrics);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("nowhere") != std::string::npos);
    options.address = "127.0.0.1";
    options.tls = {"/nonexistent.pem", "/nonexistent.key"};
    options.port = 0;
    failed = HttpServer::start({&context}, router, options, metrics);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("/nonexistent.pem") != std::string::npos);
}

TEST_CASE("TLS serves the same") {
    const sg::test::TempFolder folder;
    const auto certificate = (folder.path() / "cert.pem").string();
    const auto key = (folder.path() / "key.pem").string();
    const auto command =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -out " +
        certificate + " -keyout " + key + " 2>/dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
    HttpServerOptions options;
    options.tls = {certificate, key};
    RunningServer server(options, {}, add_plain_routes);
    FakeView view;
    const std::string media(300'000, 'm');
    view.objects["a.m4s"] = segment(media);
    server.channel().publish(std::move(view));

    TestClient socket(server.port());
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL* tls = SSL_new(context);
    REQUIRE(SSL_set_fd(tls, socket.fd()) == 1);
    REQUIRE(SSL_connect(tls) == 1);
    const std::string request =
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /live/one/a.m4s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    REQUIRE(SSL_write(tls, request.data(), static_cast<int>(request.size())) > 0);
    std::string received;
    std::string buffer(65536, '\0');
    for (int got = 1; got > 0;) {
        got = SSL_read(tls, buffer.data(), static_cast<int>(buffer.size()));
        if (got > 0) received.append(buffer, 0, static_cast<std::size_t>(got));
    }
    SSL_free(tls);
    SSL_CTX_free(context);
    CHECK(received.find("ok\n") != std::string::npos);
    CHECK(received.ends_with(media));
    CHECK(server.server->reload_tls());
}

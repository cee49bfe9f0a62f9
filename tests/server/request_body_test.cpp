#include "body_decoder.hpp"
#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

namespace {

/// What a decoder makes of a text that comes in pieces of this size; "!" at the end of a bad one.
std::string decoded(BodyDecoder decoder, std::string_view text, std::size_t piece) {
    std::string inbox;
    std::string out;
    for (;;) {
        const auto step = decoder.next(inbox);
        out += step.bytes;
        inbox.erase(0, step.framing + step.bytes.size());
        if (step.state == BodyDecoder::Step::State::kEnd) return out + "|" + inbox;
        if (step.state == BodyDecoder::Step::State::kMalformed) return out + "!";
        if (step.state == BodyDecoder::Step::State::kBytes) continue;
        if (text.empty()) return out + "...";
        inbox += text.substr(0, piece);
        text.remove_prefix(std::min(text.size(), piece));
    }
}

void add_body_routes(Router& router) {
    const RouteOptions reads{.max_body_bytes = 0, .reads_body = true};
    router.add(
        Method::kPut,
        "/count",
        [](Exchange& exchange) -> Task<> {
            std::uint64_t bytes = 0;
            const auto declared = exchange.body_length();
            for (;;) {
                const auto part = co_await exchange.read_body(10'000'000);
                if (part.state == BodyPart::State::kEnd) break;
                if (part.state == BodyPart::State::kLost) co_return;
                if (part.state != BodyPart::State::kBytes) {
                    co_await exchange.send(Response::error(400, "malformed_request", "bad body"));
                    co_return;
                }
                bytes += part.bytes.size();
            }
            auto text = std::to_string(bytes) + (declared ? "" : " chunked");
            co_await exchange.send(Response::text(200, "text/plain", std::move(text)));
        },
        reads);
    router.add(
        Method::kPut,
        "/ignore",
        [](Exchange& exchange) { return exchange.send(Response::text(200, "text/plain", "no")); },
        reads);
    router.add(Method::kGet, "/echo", [](Exchange& exchange) -> Task<> {
        Response head;
        head.add("Upgrade", "echo");
        co_await exchange.upgrade(std::move(head));
        WaitList list;
        while (!exchange.lost()) {
            const auto text = std::make_shared<const std::string>(exchange.received());
            if (*text == "bye") co_return;
            if (text->empty()) {
                const auto outcome = co_await exchange.wait(list, std::chrono::seconds(20));
                if (outcome != WaitOutcome::kReadable) co_return;
                continue;
            }
            std::vector<BodyPiece> pieces{BodyPiece::of(text)};
            co_await exchange.write(std::move(pieces));
        }
    });
}

}  // namespace

TEST_CASE("a body's framing is understood however it is cut") {
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
        INFO(piece);
        CHECK(decoded(BodyDecoder::of_length(5), "helloNEXT", piece).starts_with("hello|"));
        CHECK(decoded(BodyDecoder::chunked(),
                      "5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
                      piece) == "hello0123456789|");
        CHECK(decoded(BodyDecoder::chunked(), "5\r\nhel", piece) == "hel...");
        CHECK(decoded(BodyDecoder::chunked(), "5\r\nhelloX\n", piece) == "hello!");
        CHECK(decoded(BodyDecoder::chunked(), "5\nhello", piece) == "!");
        CHECK(decoded(BodyDecoder::chunked(), "1000000000000000\r\n", piece) == "!");
    }
    CHECK(decoded(BodyDecoder(), "", 1) == "|");
}

TEST_CASE("a handler takes a long body in pieces, with a length or in chunks") {
    RunningServer server({}, {}, add_body_routes);
    TestClient client(server.port());
    const std::string media(3'000'000, 'm');
    client.send("PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client.send(media);
    CHECK(client.read().body == "3000000");
    client.send("PUT /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2dc6c0\r\n");
    client.send(media);
    client.send(
        "\r\n0\r\n\r\nPUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: "
        "100-continue\r\n\r\n");
    CHECK(client.read().body == "3000000 chunked");
    CHECK(client.read(true).status == 100);
    client.send("abc");
    CHECK(client.read().body == "3");
    client.send("PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10000001\r\n\r\n");
    CHECK(client.read().status == 400);
    CHECK(client.at_end());
}

TEST_CASE("a short body that nobody reads is read over, a long one ends the connection") {
    RunningServer server({}, {}, add_body_routes);
    TestClient client(server.port());
    client.send(
        "PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nGET /time HTTP/1.1\r\n");
    CHECK(client.read().body == "no");
    client.send("Host: hidden request");
    CHECK(client.fetch("/time").status == 200);
    client.send("PUT /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n");
    CHECK(client.read().fields.at("connection") == "close");
    CHECK(client.at_end());
    TestClient other(server.port());
    other.send(
        "PUT /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /time HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(other.read().fields.at("connection") == "close");
    CHECK(other.at_end());
}

TEST_CASE("a client that dribbles a body is cut off, whatever it sends in between") {
    HttpServerOptions options;
    options.write_timeout = std::chrono::milliseconds(200);
    RunningServer server(options, {}, add_body_routes);
    TestClient client(server.port());
    client.send("PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    CHECK(eventually([&] {
        client.send("a");
        return server.server->connections() == 0;
    }));
}

TEST_CASE("an upgraded connection carries bytes both ways until one end has enough") {
    RunningServer server({}, {}, add_body_routes);
    TestClient client(server.port());
    client.send(
        "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly");
    const auto head = client.read(true);
    CHECK(head.status == 101);
    CHECK(head.fields.at("connection") == "Upgrade");
    CHECK(head.fields.at("upgrade") == "echo");
    CHECK(client.read_until("early").find("early") != std::string::npos);
    client.send("and later");
    CHECK(client.read_until("and later").find("and later") != std::string::npos);
    client.send("bye");
    CHECK(client.at_end());
    TestClient other(server.port());
    other.send("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(other.read(true).status == 101);
    other.close();
    CHECK(eventually([&] { return server.server->connections() == 0; }));
}

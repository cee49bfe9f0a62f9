#include <api/conditional.hpp>
#include <nlohmann/json.hpp>
#include <server/range_header.hpp>
#include <sys/socket.h>

#include "gate_server.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;
using nlohmann::json;

namespace {

/// Things to send bad requests to.
void add_test_routes(ApiRouter& router, GateServer&) {
    Operation echo;
    echo.method = server::Method::kPost;
    echo.pattern = "/v1/things";
    echo.id = "createThing";
    echo.tag = "things";
    echo.max_body_bytes = 10'000;
    echo.request_schema = "Thing";
    echo.query = {{"dryRun", "", ""}};
    echo.handler = [](Call& call) -> server::Task<Reply> {
        co_return json_response(200, call.request().body);
    };
    router.add(std::move(echo));

    Operation get;
    get.pattern = "/v1/things/{id}";
    get.id = "getThing";
    get.tag = "things";
    get.response_schema = "Thing";
    get.handler = [](Call& call) -> server::Task<Reply> {
        if (call.param("id") == "throws") throw std::runtime_error("oops");
        if (call.param("id") == "nothing") co_return std::monostate();
        if (call.param("id") == "long")
            co_return json_response(200, '"' + std::string(5000, 'x') + '"');
        co_return with_etag(
            call,
            json_response(200, json{{"id", call.param("id")}, {"trace", call.traceparent}}.dump()),
            etag_of("1"));
    };
    router.add(std::move(get));

    Operation put;
    put.method = server::Method::kPut;
    put.pattern = "/v1/things/{id}";
    put.id = "putThing";
    put.tag = "things";
    put.streams = true;
    put.handler = [](Call& call) -> server::Task<Reply> {
        std::uint64_t bytes = 0;
        for (;;) {
            const auto part = co_await call.exchange.read_body(1'000'000);
            if (part.state == server::BodyPart::State::kEnd) break;
            if (part.state == server::BodyPart::State::kTooLarge)
                co_return problem("body_too_large", "at most 1000000 bytes");
            if (part.state != server::BodyPart::State::kBytes)
                co_return problem("malformed_request", "the body is broken");
            bytes += part.bytes.size();
        }
        co_return json_response(200, std::to_string(bytes));
    };
    router.add(std::move(put));
}

struct Fixture {
    explicit Fixture(GateSettings settings = {})
        : server(std::move(settings), add_test_routes), key(server.as(Role::kOperator)) {}
    /// "STATUS code" of the answer to these bytes.
    [[nodiscard]] std::string verdict(std::string_view bytes) const {
        return text_of(server.raw(bytes));
    }
    static std::string text_of(const Answer& answer) {
        const auto problem = json::parse(answer.body, nullptr, false);
        const auto code = problem.is_object() ? problem.value("code", "") : "";
        if (!code.empty()) {
            CHECK(answer.fields.at("content-type") == "application/problem+json");
            CHECK(problem.at("status") == answer.status);
            CHECK(problem.at("type") == "/problems/" + code);
            CHECK_FALSE(problem.at("detail").get<std::string>().empty());
            CHECK(problem_kind(code) != nullptr);
        }
        return std::to_string(answer.status) + " " + code;
    }
    [[nodiscard]] std::string post(const std::string& lines, const std::string& body) const {
        return verdict("POST /v1/things HTTP/1.1\r\nHost: localhost\r\n" + key + lines + "\r\n" +
                       body);
    }

    GateServer server;
    std::string key;
};

}  // namespace

TEST_CASE("requests that two servers could read differently are refused, and end the connection") {
    const Fixture fixture;
    const std::string json_type = "Content-Type: application/json\r\n";
    const std::string hidden = "GET /v1/keys HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const std::string chunks = "2\r\n{}\r\n0\r\n\r\n";
    CHECK(fixture.post(json_type + "Content-Length: 2\r\n", "{}") == "200 ");
    CHECK(fixture.post(json_type + "Transfer-Encoding: chunked\r\n", chunks) == "200 ");
    for (const std::string lines : {"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
                                    "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
                                    "Content-Length: 2\r\nContent-Length: 3\r\n",
                                    "Content-Length: 2\r\nContent-Length: 2\r\n",
                                    "Content-Length: 2, 2\r\n",
                                    "Content-Length: +2\r\n",
                                    "Content-Length: -2\r\n",
                                    "Content-Length: 0x2\r\n",
                                    "Content-Length: 2 \r\n 3\r\n",
                                    "Content-Length : 2\r\n",
                                    "Content-Length: 18446744073709551616\r\n",
                                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                    "Transfer-Encoding : chunked\r\n",
                                    "Host: other\r\n",
                                    "X-Folded: a\r\n b\r\n",
                                    "X-Bare: a\nContent-Length: 2\r\n",
                                    "X-Control: a\x01"
                                    "b\r\n",
                                    "X Y: a\r\n"}) {
        INFO(lines);
        auto client = fixture.server.connect();
        client.send("POST /v1/things HTTP/1.1\r\nHost: localhost\r\n" + fixture.key + json_type +
                    lines + "\r\n{}" + hidden);
        const auto answer = client.read();
        CHECK(Fixture::text_of(answer) == "400 malformed_request");
        CHECK(client.at_end());
    }
    for (const std::string lines : {"Transfer-Encoding: gzip, chunked\r\n",
                                    "Transfer-Encoding: identity\r\n",
                                    "Transfer-Encoding: chunked, chunked\r\n"}) {
        INFO(lines);
        const auto verdict = fixture.post(json_type + lines, chunks);
        CHECK((verdict == "501 unsupported_transfer_coding" || verdict == "400 malformed_request"));
    }
}

TEST_CASE("broken chunks are refused, and end the connection") {
    const Fixture fixture;
    const std::string head =
        "PUT /v1/things/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" +
        fixture.key + "\r\n";
    CHECK(fixture.verdict(head + "3;name=\"v\"\r\nabc\r\n00\r\nX-Trailer: a\r\n\r\n") == "200 ");
    for (const std::string body : {"3\nabc\r\n0\r\n\r\n",
                                   "3\r\nabcd\r\n0\r\n\r\n",
                                   "3\r\nabc0\r\n\r\n",
                                   "-3\r\nabc\r\n0\r\n\r\n",
                                   "0x3\r\nabc\r\n0\r\n\r\n",
                                   " 3\r\nabc\r\n0\r\n\r\n",
                                   "\r\n3\r\nabc\r\n0\r\n\r\n",
                                   "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
                                   "3 3\r\nabc\r\n0\r\n\r\n",
                                   "3\r\nabc\n0\r\n\r\n",
                                   "0\r\nbad trailer\r\n\r\n",
                                   "0\r\n folded: x\r\n\r\n"}) {
        INFO(body);
        auto client = fixture.server.connect();
        client.send(head + body);
        CHECK(Fixture::text_of(client.read()) == "400 malformed_request");
        CHECK(client.at_end());
    }
    CHECK(fixture.verdict(head + "3;" + std::string(5000, 'x')) == "400 malformed_request");
    CHECK(fixture.verdict(head + "fffffff\r\n" + std::string(1'100'000, 'x')) ==
          "413 body_too_large");
}

TEST_CASE("bodies of the wrong size or kind are refused before anybody reads them") {
    const Fixture fixture;
    const std::string json_type = "Content-Type: application/json\r\n";
    CHECK(fixture.post(json_type + "Content-Length: 99999999999\r\n", "") == "413 body_too_large");
    CHECK(fixture.post(json_type + "Transfer-Encoding: chunked\r\n",
                       "4e20\r\n" + std::string(20'000, ' ') + "\r\n0\r\n\r\n") ==
          "413 body_too_large");
    CHECK(fixture.post("Content-Length: 2\r\n", "{}") == "415 unsupported_media_type");
    CHECK(fixture.post("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}") ==
          "415 unsupported_media_type");
    CHECK(fixture.post("Content-Type: application/jsonx\r\nContent-Length: 2\r\n", "{}") ==
          "415 unsupported_media_type");
    CHECK(fixture.post("Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n",
                       "{}") == "415 unsupported_media_type");
    CHECK(fixture.post(json_type + "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}") ==
          "415 unsupported_media_type");
    CHECK(fixture.post("Content-Type: Application/JSON; charset=UTF-8\r\nContent-Length: 2\r\n",
                       "{}") == "200 ");
    CHECK(fixture.post(json_type, "") == "400 missing_body");
    CHECK(fixture.verdict("GET /v1/things/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n" +
                          fixture.key + "\r\nx") == "400 unexpected_body");
    CHECK(fixture.verdict("GET /v1/things/a HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n" +
                          fixture.key + "\r\n") == "406 not_acceptable");
}

TEST_CASE("paths with tricks in them lead nowhere") {
    const Fixture fixture;
    const auto get = [&](const std::string& path) {
        return fixture.verdict("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fixture.key +
                               "\r\n");
    };
    CHECK(get("/v1/things/caf%C3%A9") == "200 ");
    CHECK(get("/v1/things/%C0%AE%C0%AE") == "400 invalid_path");
    CHECK(get("/v1/things/%ED%A0%80") == "400 invalid_path");
    for (const auto* path : {"/v1/things/../keys",
                             "/v1/things/%2e%2e/keys",
                             "/v1/things/..%2fkeys",
                             "/v1/things/a%00b",
                             "/v1/things/a%0d%0aX:%20y",
                             "/v1//things",
                             "/v1/./things",
                             "/v1/things/..\\keys",
                             "/v1/things/%zz",
                             "/v1/things/%",
                             "*",
                             "//host/x",
                             "/v1/things/a#b"}) {
        INFO(path);
        CHECK(get(path) == "400 malformed_request");
    }
    CHECK(get("/v1/things/%252e%252e") == "200 ");  // decoded once: a name with percent signs
    CHECK(get("/V1/things/a") == "404 not_found");
    CHECK(get("/v1/things/a/") == "404 not_found");
    CHECK(get("/v1/nothing") == "404 not_found");
    CHECK(get("/v1/things/a?x=1") == "400 unknown_parameter");
    CHECK(fixture.post("Content-Length: 0\r\n", "").starts_with("400 "));
    const auto answer = fixture.server.ask("PATCH", "/v1/things/a", fixture.key);
    CHECK(Fixture::text_of(answer) == "405 method_not_allowed");
    CHECK(answer.fields.at("allow") == "GET, HEAD, PUT, OPTIONS");
    CHECK(fixture.server.ask("OPTIONS", "/v1/things/a", fixture.key).status == 204);
    CHECK(fixture.server.ask("BREW", "/v1/things/a", fixture.key).status == 405);
}

TEST_CASE("floods of header fields are refused") {
    const Fixture fixture;
    std::string many = "GET /v1/things/a HTTP/1.1\r\nHost: localhost\r\n";
    for (int i = 0; i < 200; ++i) many += "A" + std::to_string(i) + ": b\r\n";
    CHECK(fixture.verdict(many + "\r\n") == "431 header_too_large");
    CHECK(fixture.verdict("GET /v1/things/a HTTP/1.1\r\nHost: localhost\r\nX: " +
                          std::string(20'000, 'x') + "\r\n\r\n") == "431 header_too_large");
    CHECK(fixture.verdict("GET /v1/things/a?" + std::string(20'000, 'x') +
                          " HTTP/1.1\r\nHost: localhost\r\n\r\n") == "431 header_too_large");
}

TEST_CASE("clients that send too slowly are told so and cut off") {
    GateSettings settings;
    settings.http.header_timeout = std::chrono::milliseconds(200);
    settings.http.write_timeout = std::chrono::milliseconds(200);
    const Fixture fixture(settings);
    auto header = fixture.server.connect();
    header.send("GET /v1/things/a HTTP/1.1\r\nHost: loc");
    CHECK(Fixture::text_of(header.read()) == "408 request_timeout");
    CHECK(header.at_end());
    auto body = fixture.server.connect();
    body.send(
        "POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nContent-Length: 5000\r\n" +
        fixture.key + "\r\n{");
    CHECK(Fixture::text_of(body.read()) == "408 request_timeout");
    CHECK(body.at_end());
}

TEST_CASE("credentials come once, as a bearer's, and not in the address") {
    const Fixture fixture;
    const auto get = [&](const std::string& lines, const std::string& path = "/v1/things/a") {
        return Fixture::text_of(fixture.server.ask("GET", path, lines));
    };
    CHECK(get(fixture.key) == "200 ");
    CHECK(get("") == "401 unauthenticated");
    CHECK(get("Authorization: Basic YTpi\r\n") == "401 invalid_credentials");
    CHECK(get("Authorization: Bearer\r\n") == "401 invalid_credentials");
    CHECK(get("Authorization: Bearer sgk_x\r\n") == "401 invalid_credentials");
    CHECK(get("Authorization: Bearer a.b.c\r\n") == "401 invalid_credentials");
    CHECK(get(fixture.key + fixture.key) == "401 invalid_credentials");
    CHECK(get("Authorization: bearer " + fixture.key.substr(22)) == "200 ");
    CHECK(get("Authorization: Bearer " + std::string(10'000, 'a') + "\r\n") ==
          "401 invalid_credentials");
    CHECK(get("", "/v1/things/a?api_key=sgk_x") == "401 unauthenticated");
    CHECK(get(fixture.key, "/v1/things/a?api_key=sgk_x") == "400 unknown_parameter");
    const auto answer = fixture.server.ask("GET", "/v1/things/a");
    CHECK(answer.fields.at("www-authenticate") == "Bearer realm=\"streamgate\"");
    CHECK(fixture.server.ask("GET", "/problems/rate_limited").status == 200);
    CHECK(fixture.server.ask("GET", "/problems/x").status == 404);
}

TEST_CASE("without authentication no web site of others gets in") {
    GateSettings settings;
    settings.authentication = false;
    const GateServer server(settings, add_test_routes);
    const auto get = [&](const std::string& lines) {
        return Fixture::text_of(server.raw("GET /v1/things/a HTTP/1.1\r\n" + lines + "\r\n"));
    };
    CHECK(get("Host: localhost\r\n") == "200 ");
    CHECK(get("Host: 127.0.0.1:8080\r\nOrigin: http://localhost:3000\r\n") == "200 ");
    CHECK(get("Host: evil.example\r\n") == "403 cross_origin");
    CHECK(get("Host: localhost\r\nOrigin: https://evil.example\r\n") == "403 cross_origin");
    CHECK(get("Host: localhost\r\nOrigin: null\r\n") == "403 cross_origin");
    CHECK(get("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n") == "403 cross_origin");
}

TEST_CASE("ids and traces come back, long answers are packed, tags save them") {
    const Fixture fixture;
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    auto answer =
        fixture.server.ask("GET",
                           "/v1/things/a",
                           fixture.key + "X-Request-Id: my-1\r\ntraceparent: " + trace + "\r\n");
    CHECK(answer.fields.at("x-request-id") == "my-1");
    CHECK(json::parse(answer.body).at("trace") == trace);
    const auto tag = answer.fields.at("etag");
    answer = fixture.server.ask(
        "GET", "/v1/things/a", fixture.key + "X-Request-Id: a b\r\ntraceparent: x\r\n");
    CHECK(answer.fields.at("x-request-id").starts_with("req_"));
    CHECK(json::parse(answer.body).at("trace") != "x");
    CHECK(fixture.server.ask("GET", "/v1/things/a", fixture.key + "If-None-Match: " + tag + "\r\n")
              .status == 304);
    answer =
        fixture.server.ask("GET", "/v1/things/long", fixture.key + "Accept-Encoding: gzip\r\n");
    CHECK(answer.fields.at("content-encoding") == "gzip");
    CHECK(server::test::gunzip(answer.body).size() == 5002);
    CHECK_FALSE(fixture.server.ask("GET", "/v1/things/long", fixture.key)
                    .fields.contains("content-encoding"));
    answer = fixture.server.ask("HEAD", "/v1/things/long", fixture.key);
    CHECK(answer.status == 200);
    answer = fixture.server.ask("GET", "/v1/things/throws", fixture.key);
    CHECK(Fixture::text_of(answer) == "500 internal");
    CHECK(answer.body.find("oops") == std::string::npos);
    CHECK(json::parse(answer.body).at("instance") == answer.fields.at("x-request-id"));
    CHECK(Fixture::text_of(fixture.server.ask("GET", "/v1/things/nothing", fixture.key)) ==
          "500 internal");
}

TEST_CASE("a fault of the service's own is not told in its words") {
    const auto failed =
        problem_of(Error{Errc::kInternal, "write /srv/data.db: NOT NULL constraint failed: t.x"});
    CHECK(failed.status == 500);
    CHECK(failed.detail.find("/srv") == std::string::npos);
    CHECK(failed.detail.find("NULL") == std::string::npos);
    CHECK(problem_of(Error{Errc::kNotFound, "no such film"}).detail == "no such film");
}

TEST_CASE("every code of problems is one, and open listeners need a word") {
    std::set<std::string_view> codes;
    for (const auto& kind : problem_kinds()) {
        CHECK(codes.insert(kind.code).second);
        CHECK(kind.status >= 400);
        CHECK(server::status_text(kind.status) != "Status");
        CHECK_FALSE(kind.meaning.empty());
    }
    const std::vector<std::string> local{"127.0.0.1", "::1"};
    const std::vector<std::string> open{"127.0.0.1", "0.0.0.0"};
    using Mode = AuthenticationMode;
    CHECK(*decide_authentication(Mode::kAuto, local, false, false) == false);
    CHECK(*decide_authentication(Mode::kAuto, local, true, false) == true);
    CHECK(*decide_authentication(Mode::kAuto, open, false, false) == true);
    CHECK(*decide_authentication(Mode::kOn, local, false, false) == true);
    CHECK_FALSE(decide_authentication(Mode::kOff, open, false, false));
    CHECK(*decide_authentication(Mode::kOff, open, false, true) == false);
}

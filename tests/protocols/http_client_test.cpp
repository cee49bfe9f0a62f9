#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <protocols/http_client.hpp>
#include <support/catch.hpp>
#include <support/raw_server.hpp>

using namespace sg;
using namespace sg::protocols;
using sg::test::http_reply;
using sg::test::RawReply;
using sg::test::RawServer;

namespace {

constexpr AddressPolicy kPublicOnly{false};

const char* special4(const char* text) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    REQUIRE(::inet_pton(AF_INET, text, &v4.sin_addr) == 1);
    return special_address(reinterpret_cast<const sockaddr&>(v4));
}

const char* special6(const char* text) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    REQUIRE(::inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
    return special_address(reinterpret_cast<const sockaddr&>(v6));
}

Result<HttpReply> ask(const HttpClient& client, HttpRequest request) {
    if (request.max_bytes == 0) request.max_bytes = 1000;
    return client.exchange(request, {});
}

HttpRequest to(std::string url) {
    HttpRequest request;
    request.url = std::move(url);
    return request;
}

RawServer greeting() {
    return RawServer([](const std::string&) { return RawReply{http_reply(200, {}, "hello")}; });
}

}  // namespace

TEST_CASE("addresses that are not on the public internet are told from those that are") {
    for (const auto* text :
         {"0.0.0.0",         "0.1.2.3",        "10.1.2.3",        "100.64.0.1",
          "100.127.255.255", "127.0.0.1",      "127.255.255.255", "169.254.169.254",
          "172.16.0.1",      "172.31.255.255", "192.0.0.1",       "192.0.2.1",
          "192.168.1.1",     "198.18.0.1",     "198.19.255.255",  "198.51.100.1",
          "203.0.113.1",     "224.0.0.1",      "239.255.255.255", "240.0.0.1",
          "255.255.255.255"}) {
        INFO(text);
        CHECK(special4(text) != nullptr);
    }
    for (const auto* text : {"1.1.1.1",
                             "9.255.255.255",
                             "11.0.0.0",
                             "100.63.255.255",
                             "100.128.0.0",
                             "126.255.255.255",
                             "128.0.0.1",
                             "172.15.255.255",
                             "172.32.0.0",
                             "192.167.255.255",
                             "198.17.255.255",
                             "223.255.255.255"}) {
        INFO(text);
        CHECK(special4(text) == nullptr);
    }
    for (const auto* text : {"::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "::ffff:169.254.169.254",
                             "::127.0.0.1",
                             "64:ff9b::7f00:1",
                             "64:ff9b::a9fe:a9fe",
                             "64:ff9b:1::1",
                             "100::1",
                             "2001::1",
                             "2001:db8::1",
                             "2002:7f00:1::1",
                             "2002:a00:1::",
                             "3fff::1",
                             "fc00::1",
                             "fd12:3456::1",
                             "fe80::1",
                             "fec0::1",
                             "ff02::1"}) {
        INFO(text);
        CHECK(special6(text) != nullptr);
    }
    for (const auto* text :
         {"2606:4700::1", "2a00:1450::1", "2001:4860::1", "::ffff:1.1.1.1", "64:ff9b::101:101"}) {
        INFO(text);
        CHECK(special6(text) == nullptr);
    }
}

TEST_CASE("URLs that name this host are refused in every spelling, before anything is connected") {
    for (const auto* url : {"http://127.0.0.1/",
                            "http://127.1/",
                            "http://2130706433/",
                            "http://0x7f000001/",
                            "http://0x7f.1/",
                            "http://0177.0.0.1/",
                            "http://017700000001/",
                            "http://0/",
                            "http://[::1]/",
                            "http://[::ffff:127.0.0.1]/",
                            "http://[::ffff:7f00:1]/",
                            "http://[fe80::1%25eth0]/",
                            "http://169.254.169.254/latest/meta-data",
                            "http://localhost/",
                            "http://LOCALHOST./",
                            "http://a.localhost/",
                            "http://user:password@127.0.0.1/",
                            "http://example.com@127.0.0.1/",
                            "https://10.0.0.1:8443/x"}) {
        INFO(url);
        const auto checked = check_http_url(url, kPublicOnly);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().code == Errc::kPermission);
        CHECK(check_http_url(url, {}));
    }
    for (const auto* url : {"file:///etc/passwd",
                            "ftp://example.com/",
                            "gopher://127.0.0.1/",
                            "//example.com/",
                            "example.com",
                            "http://",
                            "",
                            "http://exa mple.com/"}) {
        INFO(url);
        const auto checked = check_http_url(url, kPublicOnly);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().code == Errc::kInvalidArgument);
    }
    CHECK(check_http_url("https://example.com/film.mov?token=1", kPublicOnly));
    CHECK(check_http_url("http://1.1.1.1/", kPublicOnly));
}

TEST_CASE("an address is checked when it is connected to, whatever name or spelling led there") {
    const auto server = greeting();
    const HttpClient careful({}, kPublicOnly);
    const auto port = std::to_string(server.port());
    for (const auto* host :
         {"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0"}) {
        const auto reply = ask(careful, to("http://" + std::string(host) + ":" + port + "/"));
        INFO(host);
        REQUIRE_FALSE(reply);
        INFO(reply.error().message);
        CHECK(reply.error().code == Errc::kPermission);
    }
    CHECK(server.requests().empty());
    const auto reply = ask(HttpClient(), to(server.url()));
    REQUIRE(reply);
    CHECK(reply->body == "hello");
}

TEST_CASE("no proxy of the environment is used") {
    const RawServer proxy(
        [](const std::string&) { return RawReply{http_reply(200, {}, "from the proxy")}; });
    const auto server = greeting();
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    ::setenv("ALL_PROXY", proxy.url().c_str(), 1);
    const auto reply = ask(HttpClient(), to(server.url()));
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
    REQUIRE(reply);
    CHECK(reply->body == "hello");
    CHECK(proxy.requests().empty());
}

TEST_CASE("redirects are followed between http addresses only, and a few of them") {
    const auto server = greeting();
    const auto leading_to = [](const std::string& where) {
        return [where](const std::string&) {
            return RawReply{http_reply(302, {"Location: " + where}, "")};
        };
    };
    const RawServer moved(leading_to(server.url()));
    const auto reply = ask(HttpClient(), to(moved.url()));
    REQUIRE(reply);
    CHECK(reply->body == "hello");

    HttpLimits limits;
    limits.redirects = 0;
    const auto kept = ask(HttpClient(limits), to(moved.url()));
    REQUIRE(kept);
    CHECK(kept->head.status == 302);

    for (const auto* where : {"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/x"}) {
        const RawServer out(leading_to(where));
        const auto refused = ask(HttpClient(), to(out.url()));
        INFO(where);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::kInvalidArgument);
    }
    const RawServer loop(leading_to("/again"));
    const auto endless = ask(HttpClient(), to(loop.url()));
    REQUIRE_FALSE(endless);
    CHECK(endless.error().code == Errc::kLimit);
}

TEST_CASE("a body of any bytes is posted with its own headers") {
    const RawServer server(
        [](const std::string&) { return RawReply{http_reply(202, {"X-Answer: 42"}, "taken")}; });
    auto request = to(server.url("/hook?x=1"));
    request.body = std::string("a\0b", 3);
    request.headers = {{"Content-Type", "application/x-protobuf"}, {"webhook-id", "msg_1"}};
    const auto reply = ask(HttpClient(), std::move(request));
    REQUIRE(reply);
    CHECK(reply->head.status == 202);
    REQUIRE(find_header(reply->head.headers, "x-answer") != nullptr);
    CHECK(*find_header(reply->head.headers, "x-answer") == "42");
    const auto seen = server.requests().at(0);
    CHECK(seen.starts_with("POST /hook?x=1 HTTP/1.1\r\n"));
    CHECK(seen.find("webhook-id: msg_1\r\n") != std::string::npos);
    CHECK(seen.find("Content-Type: application/x-protobuf\r\n") != std::string::npos);
    CHECK(seen.find("Expect") == std::string::npos);
    CHECK(seen.ends_with(std::string("\r\n\r\na\0b", 7)));
}

TEST_CASE("an answer of any status comes with its body, cut where there is too much") {
    const RawServer server([](const std::string&) {
        return RawReply{http_reply(503, {"Retry-After: 7"}, std::string(5000, 'x'))};
    });
    const auto reply = ask(HttpClient(), to(server.url()));
    REQUIRE(reply);
    CHECK(reply->head.status == 503);
    CHECK(reply->body == std::string(1000, 'x'));
    CHECK(reply->body_cut);
    auto whole = to(server.url());
    whole.max_bytes = 5000;
    const auto all = ask(HttpClient(), whole);
    REQUIRE(all);
    CHECK(all->body.size() == 5000);
    CHECK_FALSE(all->body_cut);
}

TEST_CASE("endless headers end a request") {
    const RawServer server([](const std::string&) {
        std::string text = "HTTP/1.1 200 OK\r\n";
        for (int i = 0; i < 5000; ++i) text += "X-Filler: " + std::string(50, 'x') + "\r\n";
        return RawReply{text + "\r\nbody"};
    });
    const auto reply = ask(HttpClient(), to(server.url()));
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code == Errc::kBadData);
}

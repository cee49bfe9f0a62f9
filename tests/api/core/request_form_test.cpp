#include <support/catch.hpp>

#include "admission.hpp"
#include "query.hpp"
#include "route_table.hpp"
#include "trace_context.hpp"
#include "utf8.hpp"

using namespace sg::api;
using sg::server::Method;

TEST_CASE("a query is decoded, and its faults are told") {
    const std::vector<QueryParam> known{{"state", "", ""}, {"limit", "", ""}};
    const auto fault = [&](std::string_view raw) {
        Query query;
        const auto problem = read_query(raw, known, query);
        return problem ? problem->code + ": " + problem->detail : "";
    };
    Query query;
    CHECK_FALSE(read_query("state=a%20b+c&limit=5&", known, query));
    CHECK(query["state"] == "a b c");
    CHECK(query["limit"] == "5");
    CHECK(fault("stat=x").find("did you mean 'state'?") != std::string::npos);
    CHECK(fault("limit=1&limit=2").starts_with("repeated_parameter"));
    CHECK(fault("limit=1&%6cimit=2").starts_with("repeated_parameter"));
    CHECK(fault("state=%zz").starts_with("invalid_parameter"));
    CHECK(fault("state=%c0%af").starts_with("invalid_parameter"));
    CHECK(fault("state=a%00b").starts_with("invalid_parameter"));
    CHECK(fault("state=a%0d%0aX: y").starts_with("invalid_parameter"));
    CHECK(fault("api_key=sgk_x").find("do not go into an address") != std::string::npos);
}

TEST_CASE("the most literal route answers, whatever the order in which they came") {
    RouteTable table;
    table.add(Method::kGet, "/v1/jobs/{id}", 1);
    table.add(Method::kGet, "/v1/files/{path...}", 4);
    table.add(Method::kPost, "/v1/jobs/{id}/cancel", 3);
    table.add(Method::kGet, "/v1/jobs/batch", 2);
    table.add(Method::kDelete, "/v1/jobs/{id}", 5);
    CHECK(table.find(Method::kGet, "/v1/jobs/batch").index == 2);
    auto match = table.find(Method::kHead, "/v1/jobs/7");
    CHECK(match.index == 1);
    CHECK(match.parameters["id"] == "7");
    CHECK(table.find(Method::kDelete, "/v1/jobs/7").index == 5);
    match = table.find(Method::kGet, "/v1/files/a/b.mp4");
    CHECK(match.found);
    CHECK(match.parameters["path"] == "a/b.mp4");
    CHECK(table.find(Method::kPut, "/v1/jobs/7").allow == "GET, HEAD, DELETE");
    for (const auto* path :
         {"/v1/jobs", "/v1/jobs/", "/v1/jobs/7/", "/v1/jobs/7/cancel/x", "/v1/files/"}) {
        INFO(path);
        CHECK_FALSE(table.find(Method::kGet, path).found);
        CHECK(table.find(Method::kGet, path).allow.empty());
    }
}

TEST_CASE("request ids and traces are taken over only when they are well-formed") {
    CHECK(is_request_id("a.B_3-x:1"));
    for (const std::string text : {"", "a b", "a\nb", "a\"b", "\xc3\xa9"})
        CHECK_FALSE(is_request_id(text));
    CHECK_FALSE(is_request_id(std::string(129, 'a')));
    CHECK(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    CHECK(is_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
    for (const auto* text : {"",
                             "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                             "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"}) {
        CHECK_FALSE(is_traceparent(text));
    }
    CHECK(is_traceparent(make_traceparent()));
    CHECK(trace_id_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") ==
          "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_CASE("only well-formed UTF-8 passes, and names have nothing that hides") {
    CHECK(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xac"));
    for (const std::string text :
         {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3", "\x80", "\xff"}) {
        CHECK_FALSE(is_utf8(text));
    }
    CHECK(is_plain_text("Caf\xc3\xa9"));
    CHECK_FALSE(
        is_plain_text("a\xe2\x80\xae"
                      "b"));
    CHECK_FALSE(
        is_plain_text("a\xe2\x80\x8b"
                      "b"));
    CHECK_FALSE(is_plain_text("a\x1b[0m"));
}

TEST_CASE("names of this machine are told from others") {
    for (const auto* host : {"localhost",
                             "LOCALHOST:8080",
                             "127.0.0.1",
                             "127.8.9.1:1",
                             "[::1]",
                             "[::1]:80",
                             "a.localhost"}) {
        INFO(host);
        CHECK(is_loopback_host(host));
    }
    for (const auto* host : {"",
                             "example.org",
                             "localhost.example.org",
                             "127.0.0.1.nip.io",
                             "127.0.0.1.2",
                             "[::2]",
                             "[::1]x",
                             "128.0.0.1",
                             "0.0.0.0"}) {
        INFO(host);
        CHECK_FALSE(is_loopback_host(host));
    }
}

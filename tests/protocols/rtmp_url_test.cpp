#include <protocols/rtmp_url.hpp>
#include <support/catch.hpp>

using namespace sg::protocols;

TEST_CASE("RTMP addresses are taken apart") {
    const auto url = parse_rtmp_url("rtmps://live.example:4430/app/inst/key?a=b/c");
    REQUIRE(url);
    CHECK(url->secure);
    CHECK(url->host == "live.example");
    CHECK(url->port == 4430);
    CHECK(url->app == "app/inst");
    CHECK(url->stream == "key?a=b/c");
    CHECK(url->tc_url() == "rtmps://live.example:4430/app/inst");
    CHECK(url->shown().find("key") == std::string::npos);

    const auto v6 = parse_rtmp_url("rtmp://[::1]/live/x");
    REQUIRE(v6);
    CHECK(v6->host == "::1");
    CHECK(v6->port == 1935);
    CHECK(v6->tc_url() == "rtmp://[::1]/live");
    CHECK(parse_rtmp_url("rtmps://h/live/x")->port == 443);
}

TEST_CASE("addresses that lead nowhere are refused without showing their key") {
    for (const char* text : {"http://h/live/secret",
                             "rtmp://h",
                             "rtmp://h/secret",
                             "rtmp:///live/secret",
                             "rtmp://h:0/live/secret",
                             "rtmp://h:99999/live/secret",
                             "rtmp://[::1/live/secret",
                             "rtmp://user:pw@h/live/secret",
                             "rtmp://h/live/"}) {
        const auto url = parse_rtmp_url(text);
        REQUIRE_FALSE(url);
        CHECK(url.error().message.find("secret") == std::string::npos);
    }
}

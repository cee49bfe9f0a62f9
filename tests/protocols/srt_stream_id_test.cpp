#include <protocols/srt_stream_id.hpp>
#include <support/catch.hpp>

using namespace sg::protocols;

namespace {

SrtStreamId parsed(std::string_view text) {
    auto id = parse_srt_stream_id(text);
    INFO(text);
    REQUIRE(id);
    return *id;
}

}  // namespace

TEST_CASE("SRT stream id: the access-control form") {
    const SrtStreamId id =
        parsed("#!::r=live/one,m=publish,u=admin,s=t0ken,h=example.org,t=stream,x=1");
    CHECK(id.resource == "live/one");
    CHECK(id.mode == SrtMode::kPublish);
    CHECK(id.user == "admin");
    CHECK(id.session == "t0ken");
    CHECK(id.host == "example.org");
    CHECK(id.type == "stream");
    CHECK(id.others.at("x") == "1");
    CHECK(parsed("#!::m=request,r=/a").resource == "a");
    CHECK(parsed("#!::r=a").mode == SrtMode::kUnsaid);
    CHECK(parsed("#!::r=a=b,m=bidirectional").resource == "a=b");
}

TEST_CASE("SRT stream id: the plain forms") {
    CHECK(parsed("").resource.empty());
    CHECK(parsed("live/name").resource == "live/name");
    CHECK(parsed("live/name").mode == SrtMode::kUnsaid);
    CHECK(parsed("publish:live/name").mode == SrtMode::kPublish);
    CHECK(parsed("publish:/live/name").resource == "live/name");
    CHECK(parsed("read:name").mode == SrtMode::kRequest);
    // A colon that belongs to the name.
    CHECK(parsed("studio:1").resource == "studio:1");
    const SrtStreamId id = parsed("name?key=abc&m=publish&token=x=y");
    CHECK(id.resource == "name");
    CHECK(id.mode == SrtMode::kPublish);
    CHECK(id.others.at("key") == "abc");
    CHECK(id.others.at("token") == "x=y");
}

TEST_CASE("SRT stream id: what cannot be understood is refused, and not repeated") {
    for (const std::string_view text : {"#!::r=a,m=shout",
                                        "#!::secret",
                                        "#!::=x",
                                        "#!:{r=a}",
                                        "name?m=shout",
                                        "name?secret",
                                        "a\nb"}) {
        INFO(text);
        const auto id = parse_srt_stream_id(text);
        REQUIRE_FALSE(id);
        CHECK(id.error().message.find("secret") == std::string::npos);
    }
    CHECK_FALSE(parse_srt_stream_id(std::string(513, 'a')));
    CHECK(parse_srt_stream_id(std::string(512, 'a')));
    std::string many = "#!::";
    for (int i = 0; i < 20; ++i) many += "k" + std::to_string(i) + "=1,";
    CHECK_FALSE(parse_srt_stream_id(many));
}

TEST_CASE("SRT stream id: what is shown holds no secret") {
    const std::string shown = parsed("#!::r=live/one,m=publish,u=me,s=hidden,key=hidden").shown();
    CHECK(shown == "resource=live/one mode=publish user=me");
    CHECK(parsed("#!::r=a code=1 peer=\"x\"").shown() == "resource=a?code?1?peer??x? mode=unsaid");
    CHECK(parsed(std::string(500, 'a')).shown().size() < 120);
}

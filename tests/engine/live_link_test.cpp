#include <engine/live_link.hpp>
#include <support/catch.hpp>

using namespace sg;

namespace {

template <class T, class Decode>
T there_and_back(const T& value, Decode decode) {
    auto message = decode(engine::encode(value));
    REQUIRE(message);
    REQUIRE(std::holds_alternative<T>(*message));
    return std::get<T>(*message);
}

}  // namespace

TEST_CASE("live link: what is sent is what arrives", "[engine]") {
    ingest::TimedUnit unit;
    unit.track = 3;
    unit.pts_ns = -5;
    unit.dts_ns = -40'000'000;
    unit.key = true;
    unit.data = {std::byte{1}, std::byte{0xff}};
    const auto got = there_and_back(unit, engine::decode_live_input);
    CHECK(got.track == 3);
    CHECK(got.pts_ns == -5);
    CHECK(got.dts_ns == -40'000'000);
    CHECK(got.key);
    CHECK_FALSE(got.damaged);
    CHECK(got.data == unit.data);
    const auto past = there_and_back(engine::LivePast{unit}, engine::decode_live_input).unit;
    CHECK(past.dts_ns == -40'000'000);
    CHECK(past.data == unit.data);

    engine::LiveSourceTrack track;
    track.id = 1;
    track.codec = formats::Codec::kHevc;
    track.language = "de";
    track.extradata = {std::byte{0}, std::byte{200}};
    track.video.width = 1920;
    track.video.height = 1080;
    track.video.frame_rate_num = 30000;
    track.video.frame_rate_den = 1001;
    track.video.transfer = 16;
    const auto same = there_and_back(track, engine::decode_live_input);
    CHECK(same.codec == formats::Codec::kHevc);
    CHECK(same.language == "de");
    CHECK(same.extradata == track.extradata);
    CHECK(same.video.height == 1080);
    CHECK(same.video.frame_rate_den == 1001);
    CHECK(same.video.transfer == 16);

    CHECK(there_and_back(engine::LiveBreak{7}, engine::decode_live_input).at_ns == 7);
    CHECK(there_and_back(engine::LiveTrackEnd{2}, engine::decode_live_input).track == 2);

    there_and_back(engine::LiveDropped{}, engine::decode_live_output);
    engine::LiveEncodedSample sample{4, 90, 80, true, {std::byte{9}}};
    CHECK(there_and_back(sample, engine::decode_live_output).rendition == 4);
    engine::LiveRenditionInfo info;
    info.name = "720p";
    info.peak = 5'000'000;
    const auto all =
        there_and_back(engine::LiveRenditions{{info}}, engine::decode_live_output).renditions;
    REQUIRE(all.size() == 1);
    CHECK(all[0].name == "720p");
    CHECK(all[0].peak == 5'000'000);
}

TEST_CASE("live link: what a broken child sends is refused", "[engine]") {
    const std::vector<std::string> broken{
        "", "\x07", "\x07short", "\x06{\"renditions\":1}", "\x06[{}]", "\x01{}", "\x63"};
    for (const auto& text : broken) {
        INFO(text);
        CHECK_FALSE(engine::decode_live_output(text));
    }
    auto whole = engine::encode(engine::LiveEncodedSample{0, 0, 0, true, {std::byte{1}}});
    CHECK(engine::decode_live_output(whole));
    whole.pop_back();
    CHECK_FALSE(engine::decode_live_output(whole));
    const engine::LiveEncodedSample never{0, INT64_MAX, INT64_MIN, true, {std::byte{1}}};
    CHECK_FALSE(engine::decode_live_output(engine::encode(never)));
    engine::LiveRenditionInfo info;
    info.peak = UINT64_MAX;
    CHECK_FALSE(engine::decode_live_output(engine::encode(engine::LiveRenditions{{info}})));
    auto text = engine::encode(engine::LiveRenditions{{engine::LiveRenditionInfo{}}});
    REQUIRE(engine::decode_live_output(text));
    text.replace(text.find("\"codec\":0"), 9, "\"codec\":1e300");
    CHECK_FALSE(engine::decode_live_output(text));
}

#include <string>
#include <string_view>

#include <ingest/flv_depacketizer.hpp>
#include <support/catch.hpp>

#include "../formats/hex_bytes.hpp"
#include "live_collector.hpp"

using namespace sg;
using namespace sg::tests;
using formats::Codec;
using ingest::FlvDepacketizer;

namespace {

const std::string kAvcC =
    "0164000cffe1001b677a000cb6cd941419f8dc05b2000003000200000300641e28532c01000668ebe3cb22c0fefafa"
    "0"
    "0";
const std::string kOtherAvcC =
    "0164000dffe1001867"
    "64000dacd941419f9f011000003e90000ea600f142996001000668ebe3cb22c0fdf8f800";

struct Input {
    LiveCollector out;
    FlvDepacketizer flv{out};

    bool video(std::uint32_t time, const std::string& digits) {
        return flv.push(9, time, formats::from_hex(digits)).has_value();
    }
    bool audio(std::uint32_t time, const std::string& digits) {
        return flv.push(8, time, formats::from_hex(digits)).has_value();
    }
};

}  // namespace

TEST_CASE("legacy H.264 and AAC become tracks and units with raw times") {
    Input in;
    CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK(in.audio(0, "af001190"));
    CHECK(in.video(4294967290U,
                   "1701000050"
                   "0000000265aa"));
    CHECK(in.audio(7, "af01210a"));
    CHECK(in.video(20,
                   "2701ffffd8"
                   "0000000241aa"));
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[0].id == 0);
    CHECK(in.out.tracks[0].config.codec == Codec::kH264);
    CHECK(in.out.tracks[0].config.nal_length_size == 4);
    CHECK_FALSE(in.out.tracks[0].annex_b);
    CHECK(in.out.tracks[1].id == 1);
    CHECK(in.out.tracks[1].config.audio.sample_rate == 48000);
    REQUIRE(in.out.units.size() == 3);
    CHECK(in.out.units[0].key);
    CHECK(in.out.units[0].dts == 4294967290);
    CHECK(in.out.units[0].pts == 4294967290 + 80);
    CHECK(formats::to_hex(in.out.units[1].data) == "210a");
    CHECK_FALSE(in.out.units[2].key);
    CHECK(in.out.units[2].pts == 20 - 40);
}

TEST_CASE("headers that repeat are silent, others change the track") {
    Input in;
    for (int i = 0; i < 3; ++i) CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK(in.out.tracks.size() == 1);
    CHECK(in.video(0, "1700000000" + kOtherAvcC));
    CHECK(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[1].config.codecs != in.out.tracks[0].config.codecs);
}

TEST_CASE("a key frame flag on a picture that is none does not count") {
    Input in;
    CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK(in.video(0,
                   "1701000000"
                   "0000000241aa"));
    CHECK(in.video(40,
                   "2701000000"
                   "0000000265aa"));
    REQUIRE(in.out.units.size() == 2);
    CHECK_FALSE(in.out.units[0].key);
    CHECK(in.out.units[1].key);
}

TEST_CASE("units before their configuration are dropped and counted") {
    Input in;
    CHECK(in.video(0,
                   "1701000000"
                   "0000000265aa"));
    CHECK(in.audio(0, "af01210a"));
    CHECK(in.out.units.empty());
    CHECK(in.flv.counters().without_config == 2);
}

TEST_CASE("MP3 frames describe themselves, once") {
    Input in;
    for (unsigned i = 0; i < 3; ++i) CHECK(in.audio(i * 24, "2ffffb9064000000"));
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kMp3);
    CHECK(in.out.units.size() == 3);
}

TEST_CASE("Enhanced RTMP brings HEVC, Opus and several tracks") {
    Input in;
    // Sequence start of hvc1: hvcC of Main 10 as in the configuration tests.
    const std::string hvcc =
        "01022000000000000000000099f000fcfdfafa00000f03a00001001840010c01ffff0220000003000003000003"
        "0"
        "0000300992c09a10001002842010102200000030000030000030000030099a003c0801107cada2d2bb04bb9a84"
        "8"
        "904815c50a40a20001000a4401c06670c8640cc640";
    CHECK(in.video(0,
                   "90"
                   "68766331" +
                       hvcc));
    CHECK(in.audio(0,
                   "90"
                   "4f707573"
                   "4f707573486561640102380180bb0000000000"));
    CHECK(in.audio(0,
                   "91"
                   "4f707573"
                   "fc00"));
    CHECK(in.video(0,
                   "93"
                   "68766331"
                   "000000032601aa"));
    // Track 1 of a multitrack message, one track in it.
    CHECK(in.audio(0,
                   "95"
                   "00"
                   "4f707573"
                   "01"
                   "4f707573486561640102380180bb0000000000"));
    CHECK(in.audio(20,
                   "95"
                   "01"
                   "4f707573"
                   "01"
                   "fc00"));
    REQUIRE(in.out.tracks.size() == 3);
    CHECK(in.out.tracks[0].config.codec == Codec::kHevc);
    CHECK(in.out.tracks[1].config.codec == Codec::kOpus);
    CHECK(in.out.tracks[2].id == 3);
    REQUIRE(in.out.units.size() == 3);
    CHECK(in.out.units[0].track == 1);
    CHECK(in.out.units[1].track == 0);
    CHECK(in.out.units[1].key);
    CHECK(in.out.units[2].track == 3);
}

TEST_CASE("a track that ended starts again with its next unit") {
    Input in;
    CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK(in.video(0,
                   "1701000000"
                   "0000000265aa"));
    CHECK(in.video(40, "1702000000"));
    CHECK(in.out.ended == std::vector<int>{0});
    CHECK(in.video(80,
                   "1701000000"
                   "0000000265aa"));
    CHECK(in.out.tracks.size() == 2);
    CHECK(in.out.units.size() == 2);
}

TEST_CASE(
    "metadata and captions are markers, with and without @setDataFrame and in AMF3 messages") {
    Input in;
    const auto text = [](std::string_view name) {
        std::vector<std::byte> out{std::byte{2}, std::byte{0}, static_cast<std::byte>(name.size())};
        for (const char c : name) out.push_back(static_cast<std::byte>(c));
        return out;
    };
    auto set = text("@setDataFrame");
    const auto meta = text("onMetaData");
    set.insert(set.end(), meta.begin(), meta.end());
    CHECK(in.flv.push(18, 5, set));
    auto amf3 = text("onCaptionInfo");
    amf3.insert(amf3.begin(), std::byte{0});
    CHECK(in.flv.push(15, 6, amf3));
    CHECK(in.flv.push(18, 6, text("somethingElse")));
    REQUIRE(in.out.markers.size() == 2);
    CHECK(in.out.markers[0].data == meta);
    CHECK(in.out.markers[1].kind == ingest::LiveMarker::Kind::kCaptions);
    CHECK_FALSE(in.flv.push(18, 6, formats::from_hex("02ffff41")));
}

TEST_CASE("broken messages are errors in words and change nothing") {
    Input in;
    CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK_FALSE(in.audio(0, "af00ff"));
    CHECK_FALSE(in.video(0, "9f"));
    CHECK(in.video(0,
                   "1701000000"
                   "0000000265aa"));
    CHECK(in.out.units.size() == 1);
    CHECK(in.flv.counters().bad_messages == 2);
}

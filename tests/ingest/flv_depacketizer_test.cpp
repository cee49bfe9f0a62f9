#include <string>
#include <string_view>

#include <formats/amf0.hpp>
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

/// The sets of kAvcC and kOtherAvcC, with lengths of four bytes, and an IDR slice.
const std::string kSets =
    "0000001b677a000cb6cd941419f8dc05b2000003000200000300641e28532c0000000668ebe3cb22c0";
const std::string kOtherSets =
    "000000186764000dacd941419f9f011000003e90000ea600f14299600000000668ebe3cb22c0";
const std::string kIdr = "0000000265aa";
const std::string kAv1Sequence = "0a0b0000000cc4ff6700be0010";

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

TEST_CASE("parameter sets inside the stream change the track with their key frame") {
    Input in;
    CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK(in.video(0, "1701000000" + kSets + kIdr));
    CHECK(in.out.tracks.size() == 1);
    CHECK(in.video(40, "1701000000" + kOtherSets + kIdr));
    CHECK(in.video(80, "1701000000" + kOtherSets + kIdr));
    // The header again is that of the beginning, and the stream is not.
    CHECK(in.video(120, "1700000000" + kAvcC));
    CHECK(in.video(120, "1701000000" + kOtherSets + kIdr));
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[1].config.codecs != in.out.tracks[0].config.codecs);
    CHECK(in.out.tracks[1].config.parameter_sets.size() == 2);
    CHECK(in.out.tracks[1].config.nal_length_size == 4);
    CHECK_FALSE(in.out.tracks[1].annex_b);
    CHECK(in.out.units.size() == 4);
}

TEST_CASE("a changed track keeps the length size of its samples") {
    Input in;
    std::string two = kAvcC;
    two.replace(8, 2, "fd");
    CHECK(in.video(0, "1700000000" + two));
    const auto shorter = [](std::string digits) {
        for (std::size_t at = 0; at < digits.size();) {
            const std::size_t length = std::stoul(digits.substr(at, 8), nullptr, 16);
            digits.erase(at, 4);
            at += 4 + 2 * length;
        }
        return digits;
    };
    CHECK(in.video(0, "1701000000" + shorter(kOtherSets + kIdr)));
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[1].config.nal_length_size == 2);
    CHECK(in.out.tracks[1].config.payload[4] == std::byte{0xfd});
    REQUIRE(in.out.units.size() == 1);
    CHECK(in.out.units[0].key);
}

TEST_CASE("colour told beside the pictures fills in what the bitstream leaves open") {
    Input in;
    const auto metadata = [](const formats::Amf0Value& value) {
        std::vector<std::byte> body = formats::from_hex("8461766331");
        formats::write_amf0("colorInfo", body);
        formats::write_amf0(value, body);
        return body;
    };
    using Object = formats::Amf0Value::Object;
    Object config;
    config.properties = {{"bitDepth", 10.0},
                         {"colorPrimaries", 9.0},
                         {"transferCharacteristics", 16.0},
                         {"matrixCoefficients", 9.0}};
    Object display;
    display.properties = {{"redX", 0.708},
                          {"redY", 0.292},
                          {"greenX", 0.17},
                          {"greenY", 0.797},
                          {"blueX", 0.131},
                          {"blueY", 0.046},
                          {"whitePointX", 0.3127},
                          {"whitePointY", 0.329},
                          {"maxLuminance", 1000.0},
                          {"minLuminance", 0.005}};
    Object light;
    light.properties = {{"maxFall", 400.0}, {"maxCLL", 1000.0}};
    Object info;
    info.properties = {{"colorConfig", config}, {"hdrMdcv", display}, {"hdrCll", light}};
    // Before the sequence header, as it should be.
    CHECK(in.flv.push(9, 0, metadata(info)));
    CHECK(in.video(0, "1700000000" + kAvcC));
    CHECK(in.flv.push(9, 0, metadata(info)));
    REQUIRE(in.out.tracks.size() == 1);
    const formats::VideoFacts& video = in.out.tracks[0].config.video;
    CHECK(video.colour_primaries == 9);
    CHECK(video.transfer == 16);
    CHECK(video.matrix == 9);
    REQUIRE(video.mastering);
    CHECK(video.mastering->primaries[0] == formats::MasteringDisplay::Point{8500, 39850});
    CHECK(video.mastering->primaries[2] == formats::MasteringDisplay::Point{35400, 14600});
    CHECK(video.mastering->max_luminance == 10'000'000);
    CHECK(video.mastering->min_luminance == 50);
    CHECK(video.content_light == formats::ContentLight{1000, 400});
    // Undefined takes it back.
    CHECK(in.flv.push(9, 40, metadata({})));
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[1].config.video.transfer == 2);
    CHECK_FALSE(in.out.tracks[1].config.video.mastering);
    CHECK_FALSE(in.video(40,
                         "8461766331"
                         "0200"));
}

TEST_CASE("mastering display and content light are read from the messages of key frames") {
    Input in;
    CHECK(in.video(0, "1700000000" + kAvcC));
    const std::string display =
        "0000001d068918"
        "33c28638"
        "1d4c0bb8"
        "844a3908"
        "3d134042"
        "00989680"
        "0000030032"
        "80";
    const std::string light =
        "00000008069004"
        "03e80190"
        "80";
    CHECK(in.video(0, "1701000000" + display + light + kIdr));
    CHECK(in.video(40, "1701000000" + kIdr));
    REQUIRE(in.out.tracks.size() == 2);
    const formats::VideoFacts& video = in.out.tracks[1].config.video;
    REQUIRE(video.mastering);
    CHECK(video.mastering->primaries[0] == formats::MasteringDisplay::Point{0x33c2, 0x8638});
    CHECK(video.mastering->max_luminance == 10'000'000);
    CHECK(video.content_light == formats::ContentLight{1000, 400});
    CHECK(in.out.units.size() == 2);
}

TEST_CASE("VP9 gets its size from the first key frame and its colour from the record") {
    Input in;
    // As encoders send it: no version and flags in front. PQ, BT.2020, profile 2, 10 bits.
    CHECK(in.video(0,
                   "90"
                   "76703039"
                   "02 1f a2 09 10 09 0000"));
    CHECK(in.video(0,
                   "a1"
                   "76703039"
                   "86"));
    CHECK(in.out.tracks.empty());
    CHECK(in.flv.counters().without_config == 1);
    // Profile 2, key frame, shown, 10 bits, BT.2020, 640x360.
    CHECK(in.video(40,
                   "91"
                   "76703039"
                   "92 498342 50 13 f8 0b 38"));
    REQUIRE(in.out.tracks.size() == 1);
    const formats::VideoFacts& video = in.out.tracks[0].config.video;
    CHECK(video.bit_depth == 10);
    CHECK(video.transfer == 16);
    CHECK(video.level == 31);
    CHECK(video.width == 640);
    CHECK(video.height == 360);
    CHECK(in.out.units.size() == 1);
}

TEST_CASE("Opus without a header is stereo, or what a multichannel configuration says") {
    Input in;
    CHECK(in.audio(0,
                   "90"
                   "4f707573"));
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.audio.channels == 2);
    CHECK(in.audio(0,
                   "94"
                   "4f707573"
                   "01"
                   "06"
                   "0000060f"));
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[1].config.audio.channels == 6);
    CHECK(in.audio(20,
                   "91"
                   "4f707573"
                   "fc00"));
    CHECK(in.out.units.size() == 1);
}

TEST_CASE("E-AC-3 whose frames differ in size by rounding is one stream") {
    Input in;
    // 44.1 kHz, stereo, 834 and 836 bytes.
    const auto frame = [](const std::string& size, std::size_t bytes) {
        return "91"
               "65632d33"
               "0b77" +
               size + "7487c0002084" + std::string(2 * (bytes - 10), '0');
    };
    CHECK(in.audio(0, frame("01a0", 834)));
    CHECK(in.audio(35, frame("01a1", 836)));
    CHECK(in.audio(70, frame("01a0", 834)));
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kEac3);
    CHECK(in.out.tracks[0].config.audio.sample_rate == 44100);
    CHECK(in.out.units.size() == 3);
}

TEST_CASE("tracks of different codecs come in one message, with times finer than a millisecond") {
    Input in;
    const std::string opus = "4f707573486561640102380180bb0000000000";
    CHECK(in.audio(0,
                   "95"
                   "20"
                   "4f707573"
                   "00"
                   "000013" +
                       opus +
                       "6d703461"
                       "01"
                       "000002"
                       "1190"));
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.tracks[0].id == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kOpus);
    CHECK(in.out.tracks[1].id == 3);
    CHECK(in.out.tracks[1].config.codec == Codec::kAac);
    // ModEx of three bytes, 333333 ns, then multitrack with coded frames.
    CHECK(in.audio(21,
                   "97"
                   "02"
                   "051615"
                   "05"
                   "21"
                   "4f707573"
                   "00"
                   "000002"
                   "fc00"
                   "6d703461"
                   "01"
                   "000003"
                   "210a00"));
    REQUIRE(in.out.units.size() == 2);
    CHECK(in.out.units[0].fine_ns == 333'333);
    CHECK(in.out.units[1].track == 3);
    CHECK(in.out.units[1].data.size() == 3);
}

TEST_CASE("AV1 may bring its sequence header with the first key frame") {
    Input in;
    CHECK(in.video(0,
                   "90"
                   "61763031"
                   "81010c00"));
    CHECK(in.out.tracks.empty());
    CHECK(in.video(0,
                   "91"
                   "61763031"
                   "1200" +
                       kAv1Sequence + "32020000"));
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kAv1);
    CHECK(in.video(40,
                   "91"
                   "61763031"
                   "1200" +
                       kAv1Sequence + "32020000"));
    CHECK(in.out.tracks.size() == 1);
    CHECK(in.out.units.size() == 2);
}

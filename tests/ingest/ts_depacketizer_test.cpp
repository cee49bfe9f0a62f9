#include <string>

#include <ingest/ts_depacketizer.hpp>
#include <support/catch.hpp>

#include "../formats/hex_bytes.hpp"
#include "../formats/ts_builder.hpp"
#include "live_collector.hpp"

using namespace sg;
using namespace sg::test;
using namespace sg::tests;
using formats::Codec;
using formats::from_hex;
using ingest::TsDepacketizer;

namespace {

constexpr unsigned kVideoPid = 0x100;
constexpr unsigned kAudioPid = 0x101;

const std::string kSets =
    "00000001 6764000dacd941419f9f011000003e90000ea600f1429960 00000001 68ebe3cb22c0";
const std::string kOtherSets =
    "00000001 677a000cb6cd941419f8dc05b2000003000200000300641e28532c 00000001 68ebe3cb22c0";
const std::string kDelimiter = "00000001 09f0";
const std::string kIdr = "00000001 658884aabbccddee";
const std::string kPicture = "00000001 419a22aabbccddee";

/// ADTS, LC, 48 kHz, stereo.
Buffer adts(std::size_t payload) {
    const std::size_t size = payload + 7;
    Buffer frame = bytes_of({0xFF,
                             0xF1,
                             0x4C,
                             static_cast<unsigned>(0x80U | (size >> 11U)),
                             static_cast<unsigned>(size >> 3U & 0xFFU),
                             static_cast<unsigned>((size & 7U) << 5U | 0x1FU),
                             0xFC});
    frame.resize(size, std::byte{0x21});
    return frame;
}

struct Input {
    LiveCollector out;
    TsDepacketizer ts{out};

    void video(TsBuilder& to, std::int64_t pts, const std::string& digits) {
        to.pes(kVideoPid, pts, from_hex(kDelimiter + digits), false, pts);
    }
    void feed(const TsBuilder& from) {
        ts.push(from.out);
        ts.flush();
    }
    [[nodiscard]] std::vector<ingest::LiveUnit> units(unsigned pid) const {
        std::vector<ingest::LiveUnit> found;
        for (const auto& unit : out.units) {
            if (unit.track == static_cast<int>(pid)) found.push_back(unit);
        }
        return found;
    }
};

}  // namespace

TEST_CASE("H.264 starts at its first key frame with parameter sets") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}});
    in.video(to, 1000, kPicture);
    in.video(to, 4000, kIdr);
    in.video(to, 7000, kSets + kIdr);
    in.video(to, 10000, kPicture);
    in.feed(to);
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kH264);
    CHECK(in.out.tracks[0].annex_b);
    CHECK(in.out.tracks[0].program == 1);
    REQUIRE(in.out.units.size() == 2);
    CHECK(in.out.units[0].key);
    CHECK(in.out.units[0].dts == 7000);
    CHECK_FALSE(in.out.units[1].key);
    CHECK(in.ts.counters().before_key == 2);
}

TEST_CASE("parameter sets that repeat are silent, others change the track before their key frame") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}});
    in.video(to, 0, kSets + kIdr);
    in.video(to, 3000, kSets + kIdr);
    in.video(to, 6000, kIdr);
    in.video(to, 9000, kOtherSets + kIdr);
    in.feed(to);
    REQUIRE(in.out.tracks.size() == 2);
    CHECK(in.out.units.size() == 4);
    CHECK(in.out.tracks[0].config.codecs != in.out.tracks[1].config.codecs);
    CHECK(in.out.tracks[1].config.parameter_sets.size() == 2);
}

TEST_CASE("AAC loses its ADTS headers and is described by them") {
    Input in;
    TsBuilder to;
    const Buffer language = bytes_of({0x0A, 4, 'd', 'e', 'u', 0});
    to.tables({{0x0f, kAudioPid, language}});
    to.pes(kAudioPid, 9000, adts(20) + adts(30));
    to.pes(kAudioPid, 9000 + 3840, adts(20) + adts(30));
    in.feed(to);
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kAac);
    CHECK(in.out.tracks[0].config.audio.sample_rate == 48000);
    CHECK(in.out.tracks[0].config.audio.channels == 2);
    CHECK(in.out.tracks[0].language == "de");
    REQUIRE(in.out.units.size() == 4);
    CHECK(in.out.units[0].data.size() == 20);
    CHECK(in.out.units[1].data.size() == 30);
    CHECK(in.out.units[1].pts == 9000 + 1920);
}

TEST_CASE("pictures wait at the start for the sound that the table promises") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}, {0x0f, kAudioPid, {}}});
    in.video(to, 0, kSets + kIdr);
    for (int n = 1; n < 6; ++n) in.video(to, n * 3600, kPicture);
    in.ts.push(to.out);
    CHECK(in.out.tracks.size() == 1);
    CHECK(in.out.units.empty());
    to.out.clear();
    to.pes(kAudioPid, 0, adts(20), true);
    to.pes(kAudioPid, 1920, adts(20), true);
    in.ts.push(to.out);
    CHECK(in.out.tracks.size() == 2);
    REQUIRE(in.out.units.size() >= 6);
    CHECK(in.out.units[0].track == static_cast<int>(kVideoPid));
    CHECK(in.out.units[0].dts == 0);
}

TEST_CASE("pictures wait half a second for sound that never comes") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}, {0x0f, kAudioPid, {}}});
    in.video(to, 0, kSets + kIdr);
    for (int n = 1; n < 12; ++n) in.video(to, n * 3600, kPicture);
    in.ts.push(to.out);
    CHECK(in.out.units.empty());
    to.out.clear();
    for (int n = 12; n < 16; ++n) in.video(to, n * 3600, kPicture);
    in.ts.push(to.out);
    CHECK(in.out.units.size() >= 13);
}

TEST_CASE("one program is taken: the first with media, or the one asked for") {
    TsBuilder to;
    to.pat({{1, 0x20}, {2, 0x30}});
    to.pmt(0x20, 1, 0x1fff, {{0x0f, kAudioPid, {}}});
    to.pmt(0x30, 2, 0x1fff, {{0x0f, 0x201, {}}});
    for (int i = 0; i < 4; ++i) {
        to.pes(kAudioPid, 9000 + i * 1920, adts(20));
        to.pes(0x201, 9000 + i * 1920, adts(25));
    }
    Input first;
    first.feed(to);
    CHECK(first.ts.program() == 1);
    CHECK(first.units(0x101).size() == 4);
    CHECK(first.units(0x201).empty());
    LiveCollector out;
    TsDepacketizer second(out, TsDepacketizer::Options{2});
    second.push(to.out);
    second.flush();
    REQUIRE(out.units.size() == 4);
    CHECK(out.units[0].track == 0x201);
    CHECK(out.tracks.at(0).program == 2);
    CHECK(second.counters().other_programs == 4);
}

TEST_CASE("a track that leaves the tables ends") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}, {0x0f, kAudioPid, {}}});
    in.video(to, 0, kSets + kIdr);
    to.pes(kAudioPid, 0, adts(20));
    to.pes(kAudioPid, 1920, adts(20));
    to.pmt(0x20, 1, kVideoPid, {{0x1b, kVideoPid, {}}});
    in.video(to, 3000, kPicture);
    in.feed(to);
    // Whether the table counts depends on its version, which the builder never raises.
    CHECK(in.out.tracks.size() == 2);
    CHECK(in.out.ended.size() <= 1);
    CHECK(in.units(kVideoPid).size() == 2);
}

TEST_CASE("SCTE-35 sections are markers") {
    Input in;
    TsBuilder to;
    const Buffer registration = bytes_of({0x05, 4, 'C', 'U', 'E', 'I'});
    to.tables({{0x1b, kVideoPid, {}}, {0x86, 0x1f0, registration}});
    in.video(to, 90000, kSets + kIdr);
    // splice_null with its CRC.
    Buffer section = from_hex("fc30110000000000000000fff000000000");
    section[2] = static_cast<std::byte>(section.size() + 4 - 3);
    const std::uint32_t crc = formats::ts::section_crc(section);
    for (int shift = 24; shift >= 0; shift -= 8) {
        section.push_back(static_cast<std::byte>(crc >> static_cast<unsigned>(shift) & 0xFFU));
    }
    to.section(0x1f0, section);
    in.video(to, 93000, kPicture);
    in.feed(to);
    REQUIRE(in.out.markers.size() == 1);
    CHECK(in.out.markers[0].kind == ingest::LiveMarker::Kind::kScte35);
    CHECK(in.out.markers[0].data == section);
}

TEST_CASE("Opus channel codes give mono, stereo and surround configurations") {
    for (const unsigned channels : {1U, 2U, 6U}) {
        Input in;
        TsBuilder to;
        const Buffer descriptors = bytes_of({0x05, 4, 'O', 'p', 'u', 's', 0x7f, 2, 0x80, channels});
        to.tables({{0x06, kAudioPid, descriptors}});
        const Buffer packet = from_hex("7fe0") + bytes_of({4}) + from_hex("fc112233");
        to.pes(kAudioPid, 9000, packet);
        to.pes(kAudioPid, 9000 + 1800, packet);
        in.feed(to);
        REQUIRE(in.out.tracks.size() == 1);
        CHECK(in.out.tracks[0].config.codec == Codec::kOpus);
        CHECK(in.out.tracks[0].config.audio.channels == channels);
        CHECK(formats::to_hex(in.out.units.at(0).data) == "fc112233");
    }
}

TEST_CASE("what cannot be delivered is told") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}, {0x42, 0x150, {}}});
    in.video(to, 0, kSets + kIdr);
    in.feed(to);
    to.out.clear();
    to.tables({{0x1b, kVideoPid, {}}, {0x42, 0x150, {}}, {0x42, 0x151, {}}});
    in.feed(to);
    REQUIRE(in.out.left_out.size() == 2);
    CHECK(in.out.left_out[0].find("0x150") != std::string::npos);
    CHECK(in.out.left_out[1].find("0x151") != std::string::npos);
}

TEST_CASE("of several programs the first in the table counts, whichever is described first") {
    const bool described = GENERATE(true, false);
    Input in;
    TsBuilder to;
    to.pat({{1, 0x20}, {2, 0x30}});
    to.pmt(0x30, 2, 0x200, {{0x1b, 0x200, {}}});
    const auto second = [&](std::int64_t pts) {
        to.pes(0x200, pts, from_hex(kDelimiter + kOtherSets + kIdr), false, pts);
    };
    second(0);
    in.ts.push(to.out);
    CHECK(in.ts.program() == 0);
    to.out.clear();
    if (described) to.pmt(0x20, 1, kVideoPid, {{0x1b, kVideoPid, {}}});
    for (int n = 1; n < 20; ++n) {
        second(n * 3600);
        in.video(to, n * 3600, kSets + kIdr);
    }
    in.feed(to);
    // One that is never described is not waited for.
    CHECK(in.ts.program() == (described ? 1 : 2));
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].id == static_cast<int>(described ? kVideoPid : 0x200));
    CHECK(in.out.units.size() >= 5);
}

TEST_CASE("a program that is asked for is taken, and one that is not there is told") {
    LiveCollector out;
    TsDepacketizer second(out, {2});
    LiveCollector none;
    TsDepacketizer third(none, {3});
    TsBuilder to;
    to.pat({{1, 0x20}, {2, 0x30}});
    to.pmt(0x20, 1, kVideoPid, {{0x1b, kVideoPid, {}}});
    to.pmt(0x30, 2, 0x200, {{0x1b, 0x200, {}}});
    to.pes(0x200, 0, from_hex(kDelimiter + kSets + kIdr), false, 0);
    second.push(to.out);
    second.flush();
    third.push(to.out);
    CHECK(second.program() == 2);
    CHECK(out.units.size() == 1);
    CHECK(out.left_out.empty());
    CHECK(none.tracks.empty());
    REQUIRE(none.left_out.size() == 1);
    CHECK(none.left_out[0].find("program 3") != std::string::npos);
}

TEST_CASE("where every key frame has lost bytes, sets that agree in two are believed") {
    Input in;
    TsBuilder to;
    to.tables({{0x1b, kVideoPid, {}}});
    const std::string slice = "00000001 6588" + std::string(1200, 'a');
    for (int n = 0; n < 4; ++n) {
        const std::size_t begin = to.out.size();
        in.video(to, n * 3600, kSets + slice);
        // The last packet but one.
        const auto at = static_cast<std::ptrdiff_t>(to.out.size()) - 2 * 188;
        REQUIRE(static_cast<std::size_t>(at) > begin);
        to.out.erase(to.out.begin() + at, to.out.begin() + at + 188);
    }
    in.feed(to);
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.parameter_sets.size() == 2);
    REQUIRE_FALSE(in.out.units.empty());
    CHECK(in.out.units[0].dts == 3600);
    CHECK(in.out.units[0].damaged);
}

TEST_CASE("AAC in LATM is described by its multiplex") {
    Input in;
    TsBuilder to;
    to.tables({{0x11, kAudioPid, {}}});
    // AudioSyncStream: StreamMuxConfig of AAC LC, 48 kHz, stereo, and a frame of three bytes.
    const Buffer element = from_hex("56e00a 200011901fe019085058");
    to.pes(kAudioPid, 9000, element + element);
    to.pes(kAudioPid, 9000 + 3840, element + element);
    in.feed(to);
    REQUIRE(in.out.tracks.size() == 1);
    CHECK(in.out.tracks[0].config.codec == Codec::kAac);
    CHECK(in.out.tracks[0].config.audio.sample_rate == 48000);
    CHECK(in.out.tracks[0].config.audio.channels == 2);
    REQUIRE(in.out.units.size() == 4);
    CHECK(in.out.units[1].pts == 9000 + 1920);
    CHECK(formats::to_hex(in.out.units[0].data) == "210a0b");
}

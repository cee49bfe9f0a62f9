#include <formats/adts.hpp>
#include <support/catch.hpp>

#include "ts_builder.hpp"

using namespace sg::formats;
using namespace sg::formats::ts;
using namespace sg::test;

namespace {

constexpr unsigned kPid = 0x100;

TsBuilder with_track(unsigned type, Buffer descriptors = {}) {
    TsBuilder ts;
    ts.tables({{type, kPid, std::move(descriptors)}});
    return ts;
}

using Times = std::vector<std::int64_t>;

/// SPS of an interlaced stream (frame_mbs_only_flag 0, frame_num of 4 bits), then a PPS.
const Buffer kInterlaced = bytes_of({0, 0, 1, 0x67, 0x4d, 0x40, 0x1e, 0xf4, 0x0f, 0x09, 0x24}) +
                           bytes_of({0, 0, 1, 0x68, 0xce, 0x3c, 0x80});

/// A slice that begins a field: first_mb 0, slice_type 7, pps 0, frame_num, field, bottom.
Buffer field_slice(unsigned frame_num, bool bottom) {
    // 1 | 0001000 | 1 | ffff | 1 | b
    const unsigned bits =
        1U << 14 | 0x08U << 7 | 1U << 6 | frame_num << 2 | 2U | (bottom ? 1U : 0U);
    Buffer out = bytes_of({0, 0, 1, 0x41, bits >> 7, (bits << 1 & 0xff) | 1});
    out.insert(out.end(), 60, std::byte{0x99});
    return out;
}

}  // namespace

TEST_CASE("ts video: one PES packet may hold several pictures") {
    TsBuilder ts = with_track(0x1b);
    ts.pes(kPid, 1000, h264_picture(true, 50));
    ts.pes(kPid, 4000, h264_picture(false, 50) + h264_picture(false, 60) + h264_picture(false, 70));
    ts.pes(kPid, 13'000, h264_picture(false, 50));
    const KeepingSink sink = demuxed(ts.out);
    CHECK(sink.times(kPid) == Times{1000, 4000, 7000, 10'000, 13'000});
    CHECK(sink.units[3].bytes == h264_picture(false, 70));
    CHECK(sink.units[2].facts.estimated);
    CHECK_FALSE(sink.units[4].facts.estimated);
}

TEST_CASE("ts video: pictures without delimiters are told apart by their first slices") {
    TsBuilder ts = with_track(0x1b);
    // Two slices of one picture: the second does not begin at the first macroblock.
    const Buffer second_slice = bytes_of({0, 0, 1, 0x41, 0x42, 0x80, 1, 2, 3});
    ts.pes(kPid, 1000, h264_picture(true, 50, false) + second_slice, false);
    ts.pes(kPid, 4000, h264_picture(false, 50, false) + second_slice, false);
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.times(kPid) == Times{1000, 4000});
    CHECK(sink.units[1].bytes == h264_picture(false, 50, false) + second_slice);
}

TEST_CASE("ts video: a picture may span PES packets") {
    TsBuilder ts = with_track(0x1b);
    ts.pes(kPid, 1000, h264_picture(true, 20));
    Buffer all;
    for (int i = 0; i < 6; ++i) all = all + h264_picture(false, 900);
    // Cut at odd places: a packet's time is that of the first picture that begins in it.
    for (std::size_t at = 0, i = 0; at < all.size(); at += 700, ++i) {
        const std::size_t end = std::min(all.size(), at + 700);
        ts.pes(kPid,
               4000 + static_cast<std::int64_t>((at + 912) / 913) * 3000,
               Buffer(all.begin() + static_cast<std::ptrdiff_t>(at),
                      all.begin() + static_cast<std::ptrdiff_t>(end)),
               false);
    }
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.units.size() == 7);
    for (std::size_t i = 1; i < 7; ++i) CHECK(sink.units[i].bytes == h264_picture(false, 900));
    CHECK(sink.units[1].facts.pts == 4000);
}

TEST_CASE("ts video: two fields of one frame make one unit") {
    TsBuilder ts = with_track(0x1b);
    const Buffer delimiter = bytes_of({0, 0, 1, 9, 0xf0});
    for (unsigned i = 0; i < 3; ++i) {
        ts.pes(kPid,
               1000 + 3600 * i,
               delimiter + (i == 0 ? kInterlaced : Buffer{}) + field_slice(i, false));
        ts.pes(kPid, 2800 + 3600 * i, delimiter + field_slice(i, true));
    }
    const KeepingSink sink = demuxed(ts.out);
    CHECK(sink.times(kPid) == Times{1000, 4600, 8200});
    CHECK(sink.units[1].bytes ==
          delimiter + field_slice(1, false) + delimiter + field_slice(1, true));
}

TEST_CASE("ts video: with a known length a picture is out before the next begins") {
    TsBuilder ts = with_track(0x1b);
    ts.pes(kPid, 1000, h264_picture(true, 700));
    KeepingSink sink;
    TsDemuxer demuxer(sink);
    demuxer.push(ts.out);
    CHECK(sink.times(kPid) == Times{1000});
}

TEST_CASE("ts video: without lengths, stuffing that always ends pictures is learnt to do so") {
    TsBuilder ts = with_track(0x1b);
    KeepingSink sink;
    TsDemuxer demuxer(sink);
    for (int i = 0; i < 20; ++i) {
        ts.pes(kPid, 1000 + 3000 * i, h264_picture(i == 0, 700), false);
        demuxer.push(ts.out);
        ts.out.clear();
    }
    CHECK(sink.units.size() == 20);
    // A writer that fills up in the midst of a picture is found out, and no picture is cut again.
    for (int i = 20; i < 40; ++i) {
        const Buffer picture = h264_picture(false, 700);
        const auto half = picture.begin() + 300;
        ts.pes(kPid, 1000 + 3000 * i, Buffer(picture.begin(), half), false);
        Buffer rest(half, picture.end());
        for (std::size_t at = 0; at < rest.size(); at += 100)
            ts.packet(kPid,
                      false,
                      std::span(rest).subspan(at, std::min<std::size_t>(100, rest.size() - at)));
        demuxer.push(ts.out);
        ts.out.clear();
    }
    demuxer.flush();
    CHECK(sink.units.back().bytes == h264_picture(false, 700));
    CHECK(demuxer.counters().damaged_units <= 1);
    CHECK(sink.units.size() <= 41);
}

TEST_CASE("ts video: HEVC pictures of several slices stay together") {
    TsBuilder ts = with_track(0x24);
    const Buffer first = bytes_of({0, 0, 0, 1, 0x02, 1, 0xd0, 1, 2, 3, 4});
    const Buffer next = bytes_of({0, 0, 1, 0x02, 1, 0x50, 1, 2, 3, 4});
    ts.pes(kPid, 1000, first + next + first + next + next, false);
    const KeepingSink sink = demuxed(ts.out + ts.out);
    REQUIRE(sink.units.size() >= 2);
    CHECK(sink.units[0].bytes == first + next);
    CHECK(sink.units[1].bytes == first + next + next);
}

TEST_CASE("ts audio: frames may cross PES packets; times follow the samples") {
    TsBuilder ts = with_track(0x0f);
    Buffer all;
    for (unsigned i = 0; i < 12; ++i) all = all + adts_frame(200 + i, 4, i);
    constexpr std::int64_t kStart = (std::int64_t{1} << 33) - 5000;
    // Only the first packet has a time.
    for (std::size_t at = 0; at < all.size(); at += 333) {
        const std::size_t end = std::min(all.size(), at + 333);
        ts.pes(kPid,
               at == 0 ? std::optional(kStart) : std::nullopt,
               Buffer(all.begin() + static_cast<std::ptrdiff_t>(at),
                      all.begin() + static_cast<std::ptrdiff_t>(end)));
    }
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.units.size() == 12);
    for (unsigned i = 0; i < 12; ++i) {
        CHECK(sink.units[i].bytes == adts_frame(200 + i, 4, i));
        const std::int64_t time = (kStart + 1024 * 90'000 * std::int64_t{i} / 44'100);
        CHECK(sink.units[i].facts.pts == (time & ((std::int64_t{1} << 33) - 1)));
    }
    CHECK(sink.units[0].facts.samples == 1024);
    CHECK(sink.units[0].facts.sample_rate == 44'100);
}

TEST_CASE("ts audio: bytes that are no frame are skipped, and said") {
    TsBuilder ts = with_track(0x0f);
    ts.pes(kPid, 1000, bytes_of({1, 2, 0xff, 0xf1, 0x4c}) + adts_frame(100) + adts_frame(100));
    ts.pes(kPid, 10'000, adts_frame(100) + bytes_of({9, 9, 9, 9, 9, 9, 9, 9}) + adts_frame(100));
    ts.pes(kPid, 20'000, adts_frame(100));
    DemuxCounters counters;
    const KeepingSink sink = demuxed(ts.out, 188, &counters);
    CHECK(counters.audio_resyncs == 1);
    REQUIRE(sink.units.size() >= 4);
    CHECK(sink.units[0].bytes == adts_frame(100));
    CHECK(sink.units.back().facts.pts == 20'000);
}

TEST_CASE("ts audio: Opus packets lose their control header, and tell what to trim") {
    TsBuilder ts = with_track(0x06, bytes_of({5, 4, 'O', 'p', 'u', 's', 0x7f, 2, 0x80, 2}));
    // 20 ms of CELT, 300 bytes; the first with 312 samples to trim.
    Buffer packet = bytes_of({0xfc});
    packet.resize(300, std::byte{7});
    const Buffer first = bytes_of({0x7f, 0xf0, 255, 45, 0x01, 0x38}) + packet;
    const Buffer next = bytes_of({0x7f, 0xe0, 255, 45}) + packet;
    ts.pes(kPid, 1000, first + next);
    ts.pes(kPid, 4600, next);
    const KeepingSink sink = demuxed(ts.out);
    CHECK(sink.times(kPid) == Times{1000, 2800, 4600});
    REQUIRE(sink.units.size() == 3);
    CHECK(sink.units[0].bytes == packet);
    CHECK(sink.units[0].facts.trim_start == 312);
    CHECK(sink.units[1].facts.trim_start == 0);
    CHECK(sink.units[1].facts.samples == 960);
}

TEST_CASE("ts audio: an E-AC-3 unit is six blocks with its dependent substreams") {
    TsBuilder ts = with_track(0x87);
    // strmtyp, substream, 64 words, 48 kHz, blocks code.
    const auto frame = [](unsigned type, unsigned blocks_code) {
        Buffer out = bytes_of({0x0b, 0x77, type << 6, 63, blocks_code << 4 | 0x0e, 0x80});
        out.resize(128, std::byte{0x33});
        return out;
    };
    const Buffer whole = frame(0, 3) + frame(1, 3);
    const Buffer of_parts = frame(0, 1) + frame(0, 1) + frame(0, 1);
    ts.pes(kPid, 1000, whole + of_parts);
    ts.pes(kPid, 1000 + 5760, whole);
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.units.size() == 3);
    CHECK(sink.units[0].bytes == whole);
    CHECK(sink.units[1].bytes == of_parts);
    CHECK(sink.units[1].facts.samples == 1536);
    CHECK(sink.times(kPid) == Times{1000, 3880, 6760});
}

TEST_CASE("ts audio: AC-3 and MPEG audio frames have the lengths their headers say") {
    TsBuilder ts = with_track(0x81);
    // 44.1 kHz, 32 kbit/s: 138 or 140 bytes.
    Buffer ac3 = bytes_of({0x0b, 0x77, 0, 0, 0x40, 0x40});
    ac3.resize(138, std::byte{1});
    Buffer longer = bytes_of({0x0b, 0x77, 0, 0, 0x41, 0x40});
    longer.resize(140, std::byte{2});
    ts.pes(kPid, 1000, ac3 + longer + ac3);
    const KeepingSink sink = demuxed(ts.out + ts.out);
    REQUIRE(sink.units.size() >= 3);
    CHECK(sink.units[0].bytes == ac3);
    CHECK(sink.units[1].bytes == longer);

    TsBuilder mpeg = with_track(0x03);
    // Layer II, 48 kHz, 192 kbit/s: 576 bytes.
    Buffer layer2 = bytes_of({0xff, 0xfd, 0xa4, 0});
    layer2.resize(576, std::byte{3});
    mpeg.pes(kPid, 1000, layer2 + layer2);
    const KeepingSink heard = demuxed(mpeg.out);
    REQUIRE(heard.units.size() == 2);
    CHECK(heard.units[1].facts.pts == 1000 + 2160);
}

TEST_CASE("ADTS headers give the configuration of their frames") {
    const Buffer frame = adts_frame(100);
    const auto header = parse_adts_header(frame);
    REQUIRE(header);
    CHECK(header->sample_rate == 48'000);
    CHECK(header->channel_configuration == 2);
    CHECK(header->frame_bytes == 107);
    CHECK(header->header_bytes == 7);
    // AAC-LC, 48 kHz, stereo.
    const auto config = header->audio_specific_config();
    CHECK(config[0] == std::byte{0x11});
    CHECK(config[1] == std::byte{0x90});
    CHECK_FALSE(parse_adts_header(std::span(frame).first(6)));
    CHECK_FALSE(parse_adts_header(bytes_of({0xff, 0xf1, 0x7c, 0x80, 0x0d, 0x7f, 0xfc})));
}

#include <support/catch.hpp>

#include "ts_builder.hpp"

using namespace sg::formats;
using namespace sg::formats::ts;
using namespace sg::test;

namespace {

constexpr unsigned kVideo = 0x100;
constexpr unsigned kAudio = 0x101;

std::vector<MadeTrack> video_and_audio() {
    return {{0x1b, kVideo, {}}, {0x0f, kAudio, bytes_of({0x0a, 4, 'd', 'e', 'u', 0})}};
}

/// Ten pictures with two sound frames each.
Buffer sample_stream() {
    TsBuilder ts;
    ts.tables(video_and_audio());
    for (int i = 0; i < 10; ++i) {
        ts.clock(kVideo, 90'000 + i * 3600);
        ts.pes(kVideo, 93'600 + i * 3600, h264_picture(i == 0, 500 + 37U * unsigned(i)), false);
        ts.pes(kAudio, 93'600 + i * 3840, adts_frame(100) + adts_frame(50));
    }
    return ts.out;
}

void check_same(const KeepingSink& a, const KeepingSink& b) {
    REQUIRE(a.units.size() == b.units.size());
    for (std::size_t i = 0; i < a.units.size(); ++i) {
        CHECK(a.units[i].bytes == b.units[i].bytes);
        CHECK(a.units[i].facts.pts == b.units[i].facts.pts);
        CHECK(a.units[i].facts.pid == b.units[i].facts.pid);
    }
}

}  // namespace

TEST_CASE("ts demuxer: tracks, pictures and sound frames come out whole, with their times") {
    DemuxCounters counters;
    const KeepingSink sink = demuxed(sample_stream(), 1316, &counters);
    REQUIRE(sink.programs.size() == 1);
    REQUIRE(sink.programs[0].tracks.size() == 2);
    CHECK(sink.programs[0].clock_pid == kVideo);
    CHECK(sink.programs[0].tracks[0].format == TrackFormat::kH264);
    CHECK(sink.programs[0].tracks[1].format == TrackFormat::kAac);
    CHECK(sink.programs[0].tracks[1].language == "deu");
    CHECK(sink.clocks.size() == 10);
    CHECK(sink.clocks[1] == 93'600 * 300);
    const auto video = sink.times(kVideo);
    REQUIRE(video.size() == 10);
    CHECK(video[9] == 93'600 + 9 * 3600);
    const auto audio = sink.times(kAudio);
    REQUIRE(audio.size() == 20);
    CHECK(audio[1] == 93'600 + 1920);
    CHECK(audio[2] == 93'600 + 3840);
    // The sound's packets say their length, the picture's do not.
    CHECK(sink.units[2].bytes == h264_picture(true, 500));
    CHECK(sink.units[2].facts.random_access == RandomAccess::kClosed);
    CHECK(counters.continuity_errors == 0);
    CHECK(counters.damaged_units == 0);
    CHECK(counters.skipped_bytes == 0);
}

TEST_CASE("ts demuxer: how the bytes are split makes no difference") {
    const Buffer stream = sample_stream();
    const KeepingSink whole = demuxed(stream, stream.size());
    for (const std::size_t step : {1U, 3U, 187U, 188U, 189U, 1000U}) {
        INFO(step);
        check_same(demuxed(stream, step), whole);
    }
}

TEST_CASE("ts demuxer: packets of 192 and 204 bytes are found") {
    const Buffer stream = sample_stream();
    for (const std::size_t extra : {4U, 16U}) {
        Buffer longer;
        for (std::size_t at = 0; at < stream.size(); at += 188) {
            longer.insert(longer.end(),
                          stream.begin() + static_cast<std::ptrdiff_t>(at),
                          stream.begin() + static_cast<std::ptrdiff_t>(at + 188));
            longer.resize(longer.size() + extra, std::byte{0x12});
        }
        check_same(demuxed(longer), demuxed(stream));
    }
}

TEST_CASE("ts demuxer: garbage between packets is skipped, and packets are found again") {
    const Buffer stream = sample_stream();
    Buffer broken = bytes_of({0x47, 1, 2, 0x47, 0x47});
    const std::ptrdiff_t middle = 188 * 20;
    broken.insert(broken.end(), stream.begin(), stream.begin() + middle);
    broken.insert(broken.end(), 77, std::byte{0x47});
    broken.insert(broken.end(), stream.begin() + middle, stream.end());
    for (const std::size_t step : {1U, 188U, 100000U}) {
        DemuxCounters counters;
        const KeepingSink sink = demuxed(broken, step, &counters);
        CHECK(counters.sync_losses >= 1);
        CHECK(counters.skipped_bytes >= 5);
        CHECK(sink.units.size() >= 27);
    }
}

TEST_CASE("ts demuxer: a lost packet damages its picture and no other") {
    Buffer stream = sample_stream();
    // The second packet of the third picture.
    std::size_t starts = 0;
    for (std::size_t at = 0; at < stream.size(); at += 188) {
        const bool video =
            stream[at + 2] == std::byte{0} && (stream[at + 1] & std::byte{0x1f}) == std::byte{1};
        if (video && (stream[at + 1] & std::byte{0x40}) != std::byte{0} && ++starts == 3) {
            const auto from = stream.begin() + static_cast<std::ptrdiff_t>(at + 188);
            stream.erase(from, from + 188);
            break;
        }
    }
    DemuxCounters counters;
    const KeepingSink sink = demuxed(stream, 1316, &counters);
    CHECK(counters.continuity_errors == 1);
    CHECK(counters.damaged_units == 1);
    REQUIRE(sink.times(kVideo).size() == 10);
    std::size_t video = 0;
    for (const KeptUnit& unit : sink.units)
        if (unit.facts.pid == kVideo) CHECK(unit.facts.damaged == (++video == 3));
}

TEST_CASE("ts demuxer: a packet sent twice counts once") {
    const Buffer stream = sample_stream();
    Buffer doubled;
    for (std::size_t at = 0; at < stream.size(); at += 188)
        for (int i = 0; i < 2; ++i)
            doubled.insert(doubled.end(),
                           stream.begin() + static_cast<std::ptrdiff_t>(at),
                           stream.begin() + static_cast<std::ptrdiff_t>(at + 188));
    DemuxCounters counters;
    check_same(demuxed(doubled, 1316, &counters), demuxed(stream));
    CHECK(counters.continuity_errors == 0);
    CHECK(counters.duplicates > 50);
}

TEST_CASE("ts demuxer: new tables end tracks and begin others; the rest goes on") {
    TsBuilder ts;
    ts.tables(video_and_audio());
    ts.pes(kVideo, 1000, h264_picture(true, 300), false);
    ts.pes(kAudio, 1000, adts_frame(60));
    ts.pmt(0x20, 1, kVideo, {{0x1b, kVideo, {}}, {0x81, 0x102, {}}});
    ts.pes(kVideo, 4600, h264_picture(false, 300), false);
    ts.pes(kAudio, 2920, adts_frame(60));
    DemuxCounters counters;
    const KeepingSink sink = demuxed(ts.out, 188, &counters);
    CHECK(sink.changes == 3);
    CHECK(sink.programs[0].tracks[1].format == TrackFormat::kAc3);
    CHECK(sink.times(kVideo) == std::vector<std::int64_t>{1000, 4600});
    CHECK(sink.times(kAudio) == std::vector<std::int64_t>{1000});
}

TEST_CASE("ts demuxer: a table with a wrong checksum is not believed") {
    TsBuilder ts;
    ts.tables(video_and_audio());
    ts.pmt(0x20, 1, kVideo, {{0x24, kVideo, {}}});
    ts.out[ts.out.size() - 188 + 20] ^= std::byte{1};
    DemuxCounters counters;
    const KeepingSink sink = demuxed(ts.out + sample_stream(), 1316, &counters);
    CHECK(counters.bad_sections == 1);
    CHECK(sink.programs[0].tracks[0].format == TrackFormat::kH264);
}

TEST_CASE("ts demuxer: several programs stand beside each other") {
    TsBuilder ts;
    ts.pat({{0, 0x10}, {1, 0x20}, {7, 0x30}});
    ts.pmt(0x20, 1, kVideo, {{0x1b, kVideo, {}}});
    ts.pmt(0x30, 7, 0x200, {{0x24, 0x200, {}}, {0x11, 0x201, {}}, {0x42, 0x202, {}}});
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.programs.size() == 2);
    CHECK(sink.programs[1].number == 7);
    REQUIRE(sink.programs[1].tracks.size() == 3);
    CHECK(sink.programs[1].tracks[0].format == TrackFormat::kHevc);
    CHECK(sink.programs[1].tracks[1].name == "AAC in LATM");
    CHECK(sink.programs[1].tracks[2].name == "stream type 0x42");
}

TEST_CASE("ts demuxer: formats that descriptors tell") {
    TsBuilder ts;
    ts.tables({{0x06, 0x101, bytes_of({5, 4, 'O', 'p', 'u', 's', 0x7f, 2, 0x80, 2})},
               {0x06, 0x102, bytes_of({0x6a, 1, 0})},
               {0x06, 0x103, bytes_of({0x7a, 1, 0})},
               {0x06, 0x104, bytes_of({0x59, 0})},
               {0x06, 0x105, bytes_of({5, 4, 'H', 'E', 'V', 'C'})},
               {0x86, 0x106, bytes_of({5, 4, 'C', 'U', 'E', 'I'})},
               {0x04, 0x107, bytes_of({0x0a, 4, 'E', 'N', 'G', 3})}});
    ts.section(0x20, {});
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.programs.size() == 1);
    const auto& tracks = sink.programs[0].tracks;
    REQUIRE(tracks.size() == 7);
    CHECK(tracks[0].format == TrackFormat::kOpus);
    CHECK(tracks[0].opus_channels == 2);
    CHECK(tracks[1].format == TrackFormat::kAc3);
    CHECK(tracks[2].format == TrackFormat::kEac3);
    CHECK(tracks[3].format == TrackFormat::kOther);
    CHECK(tracks[3].name == "DVB subtitles");
    CHECK(tracks[4].format == TrackFormat::kHevc);
    CHECK(tracks[5].format == TrackFormat::kScte35);
    CHECK(tracks[6].format == TrackFormat::kMpegAudio);
    CHECK(tracks[6].language == "eng");
    CHECK(tracks[6].audio_type == 3);
}

TEST_CASE("ts demuxer: splice sections come whole, with the time they stand at") {
    TsBuilder ts;
    ts.tables({{0x1b, kVideo, {}}, {0x86, 0x1f0, {}}});
    ts.clock(kVideo, 900'000);
    ts.pes(kVideo, 909'000, h264_picture(true, 300), false);
    Buffer splice = bytes_of({0xfc, 0x30, 0});
    splice.resize(300, std::byte{0x5a});
    splice[1] = static_cast<std::byte>(0x30 | (splice.size() + 4 - 3) >> 8);
    splice[2] = static_cast<std::byte>(splice.size() + 4 - 3);
    ByteWriter(splice).u32(section_crc(splice));
    ts.section(0x1f0, splice);
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.sections.size() == 1);
    CHECK(sink.sections[0].second == splice);
    CHECK(sink.sections[0].first.pts == 909'000);
    CHECK(sink.sections[0].first.clock == 900'000);
}

TEST_CASE("ts demuxer: an announced jump is told, and belongs to what follows") {
    TsBuilder ts;
    ts.tables(video_and_audio());
    ts.pes(kVideo, 1000, h264_picture(true, 300));
    ts.clock(kVideo, 5'000'000, true);
    ts.pes(kVideo, 5'000'000, h264_picture(true, 300));
    const KeepingSink sink = demuxed(ts.out);
    REQUIRE(sink.units.size() == 2);
    CHECK_FALSE(sink.units[0].facts.discontinuity);
    CHECK(sink.units[1].facts.discontinuity);
    CHECK(sink.clock_jumps == 1);
}

TEST_CASE("ts demuxer: packets flagged as damaged or scrambled are counted, not read") {
    Buffer stream = sample_stream();
    stream[188 * 5 + 1] |= std::byte{0x80};
    stream[188 * 9 + 3] |= std::byte{0x80};
    DemuxCounters counters;
    (void)demuxed(stream, 1316, &counters);
    CHECK(counters.transport_errors == 1);
    CHECK(counters.scrambled == 1);
}

TEST_CASE("ts demuxer: nothing bounded by the limits is exceeded by an endless picture") {
    TsBuilder ts;
    ts.tables(video_and_audio());
    ts.pes(kVideo, 1000, h264_picture(true, 3'000'000), false);
    ts.pes(kVideo, 4600, h264_picture(true, 300), false);
    KeepingSink sink;
    DemuxLimits limits;
    limits.video_unit_bytes = 1U << 20;
    TsDemuxer demuxer(sink, limits);
    demuxer.push(ts.out);
    demuxer.flush();
    CHECK(demuxer.counters().dropped_units == 1);
    CHECK(sink.times(kVideo) == std::vector<std::int64_t>{4600});
}

TEST_CASE("ts demuxer: what our writer writes reads back") {
    Writer writer({{StreamType::kHevc, ""}, {StreamType::kEac3, "fr"}});
    Buffer out;
    writer.begin_segment(out);
    const Buffer picture = bytes_of({0, 0, 0, 1, 0x46, 1, 0x50, 0, 0, 1, 0x26, 1, 0xaf, 1, 2, 3});
    for (int i = 0; i < 3; ++i)
        writer.write({0, 900'000 + i * 3000, 900'000, i == 0, picture}, out);
    const KeepingSink sink = demuxed(out);
    REQUIRE(sink.units.size() == 3);
    CHECK(sink.units[2].bytes == picture);
    CHECK(sink.units[2].facts.pts == 906'000);
    CHECK(sink.units[2].facts.dts == 900'000);
}

#include <formats/bmff_writer.hpp>
#include <formats/ts_reader.hpp>
#include <packagers/cmaf_init.hpp>
#include <packagers/cmaf_track_writer.hpp>
#include <packagers/hls_presentation.hpp>
#include <packagers/ts_renditions.hpp>
#include <support/catch.hpp>

#include "track_samples.hpp"

using namespace sg;
using namespace sg::packagers;

namespace {

using Buffer = std::vector<std::byte>;

Buffer filled(std::size_t size, unsigned value) {
    return Buffer(size, static_cast<std::byte>(value));
}

/// A packaged CMAF track of two segments.
struct Packaged {
    CmafInit init;
    std::vector<CmafSegment> segments;
    TsTrack track;
};

/// Four pictures a segment at 25 frames a second, shown as I P B B; K is one second.
Packaged pictures() {
    formats::InitTrack init;
    init.timescale = 25;
    init.config.codec = formats::Codec::kH264;
    init.config.sample_entry = formats::fourcc("avc1");
    init.config.box_type = formats::fourcc("avcC");
    init.config.codecs = "avc1.64001e";
    init.config.nal_length_size = 4;
    const unsigned sps[] = {0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f,
                            0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,
                            0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2d, 0x96};
    const unsigned pps[] = {0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0};
    Buffer annex_b;
    const auto add = [&](const auto& nal) {
        for (const unsigned b : {0U, 0U, 0U, 1U}) annex_b.push_back(static_cast<std::byte>(b));
        for (const unsigned b : nal) annex_b.push_back(static_cast<std::byte>(b));
    };
    add(sps);
    add(pps);
    auto config = formats::make_codec_config(formats::Codec::kH264, annex_b);
    INFO((config ? std::string("ok") : config.error().message));
    REQUIRE(config);
    init.config = *config;
    Packaged out;
    auto made = make_cmaf_init(init, 25);
    REQUIRE(made);
    out.init = std::move(*made);
    CmafTrackConfig track;
    track.codec = init.config;
    track.layout.offset = 25;
    track.clean = false;
    auto writer = CmafTrackWriter::create(track);
    REQUIRE(writer);
    for (std::int64_t n = 0; n < 2; ++n) {
        const std::int64_t order[] = {0, 3, 1, 2};
        for (const std::int64_t i : order) {
            Buffer sample = filled(400, 0x55);
            for (std::size_t k = 0; k < 4; ++k) sample[k] = std::byte{0};
            sample[2] = std::byte{1};
            sample[3] = std::byte{140};  // 400 - 4
            sample[4] = static_cast<std::byte>(i == 0 ? 0x65 : 0x41);
            REQUIRE(writer->add_sample({sample, n * 4 + i, 1, i == 0}));
        }
        auto segment = writer->end_segment(n + 1);
        INFO((segment ? std::string("ok") : segment.error().message));
        REQUIRE(segment);
        out.segments.push_back(std::move(*segment));
    }
    auto ts = make_ts_track(out.init.bytes, out.init.description);
    INFO((ts ? std::string("ok") : ts.error().message));
    REQUIRE(ts);
    out.track = *ts;
    return out;
}

/// 48 kHz AAC with one priming frame, about 160 ms a segment.
Packaged sound() {
    const Buffer asc{std::byte{0x11}, std::byte{0x90}};
    auto config = formats::make_codec_config(formats::Codec::kAac, asc);
    REQUIRE(config);
    formats::InitTrack init;
    init.timescale = 48000;
    init.language = "de";
    init.config = *config;
    Packaged out;
    auto made = make_cmaf_init(init, 48000);
    REQUIRE(made);
    out.init = std::move(*made);
    CmafTrackConfig track;
    track.codec = init.config;
    track.layout.offset = 48000;
    track.fragment_at_keys = false;
    auto writer = CmafTrackWriter::create(track);
    REQUIRE(writer);
    for (std::int64_t n = 0; n < 2; ++n) {
        for (std::int64_t i = 0; i < 8; ++i)
            REQUIRE(writer->add_sample({filled(200, 0x21), (n * 8 + i - 1) * 1024, 1024, true}));
        auto segment = writer->end_segment(n + 1);
        REQUIRE(segment);
        out.segments.push_back(std::move(*segment));
    }
    auto ts = make_ts_track(out.init.bytes, out.init.description);
    REQUIRE(ts);
    out.track = *ts;
    return out;
}

formats::ts::ParsedTs read(const TsSegment& segment, const formats::ts::Continuity& before = {}) {
    auto parsed = formats::ts::parse_ts(segment.bytes, before);
    REQUIRE(parsed);
    return *parsed;
}

TsTrack with_reorder(const Packaged& packaged) {
    TsTrack track = packaged.track;
    for (const CmafSegment& s : packaged.segments) {
        const auto reorder = largest_reorder(track, s.bytes);
        REQUIRE(reorder);
        track.reorder = std::max(track.reorder, *reorder);
    }
    return track;
}

}  // namespace

TEST_CASE("ts rendition: video and audio go into one segment on one clock") {
    const Packaged video = pictures();
    const Packaged audio = sound();
    auto writer = TsRenditionWriter::create(with_reorder(video), audio.track);
    REQUIRE(writer);
    const auto first = writer->write_segment(1, video.segments[0].bytes, audio.segments[0].bytes);
    REQUIRE(first);
    const auto parsed = read(*first);
    CHECK(parsed.problems.empty());
    CHECK(parsed.tables_first);
    REQUIRE(parsed.streams.size() == 2);
    REQUIRE(parsed.streams[0].units.size() == 4);
    CHECK(parsed.streams[0].units[0].pts == 900'000);
    CHECK(parsed.streams[0].units[0].random_access);
    CHECK(parsed.streams[1].language == "deu");
    // The priming frame comes before presentation time 0.
    CHECK(parsed.streams[1].units[0].pts == 900'000 - 1920);
    CHECK(parsed.streams[1].first_payload.size() % 207 == 0);
    std::int64_t last = 0;
    for (const auto& unit : parsed.streams[0].units) {
        const std::int64_t dts = unit.dts.value_or(*unit.pts);
        CHECK(dts <= *unit.pts);
        CHECK(dts > last);
        last = dts;
    }
    CHECK(first->index.start == 0);
    CHECK(first->index.duration == 4);
    CHECK(first->index.samples == 4);
    CHECK(first->index.independent);
    REQUIRE(first->index.fragments.size() == 1);
    CHECK(first->index.fragments[0].key_bytes % formats::ts::kPacketBytes == 0);

    const auto second = writer->write_segment(2, video.segments[1].bytes, audio.segments[1].bytes);
    REQUIRE(second);
    const auto next = read(*second, parsed.continuity);
    CHECK(next.problems.empty());
    CHECK(next.streams[0].units[0].pts == 900'000 + 4 * 3600);
}

TEST_CASE("ts rendition: a writer that takes the counters over gives the same bytes") {
    const Packaged video = pictures();
    const TsTrack track = with_reorder(video);
    auto writer = TsRenditionWriter::create(track, std::nullopt);
    REQUIRE(writer);
    REQUIRE(writer->write_segment(1, video.segments[0].bytes, {}));
    auto resumed = TsRenditionWriter::create(track, std::nullopt);
    REQUIRE(resumed);
    REQUIRE(resumed->set_counters(writer->counters()));
    const auto a = writer->write_segment(2, video.segments[1].bytes, {});
    const auto b = resumed->write_segment(2, video.segments[1].bytes, {});
    REQUIRE(a);
    REQUIRE(b);
    CHECK(a->index.sha256 == b->index.sha256);
}

TEST_CASE("ts rendition: pictures decoded after they are shown are refused") {
    const Packaged video = pictures();
    CHECK(with_reorder(video).reorder > 0);
    auto writer = TsRenditionWriter::create(video.track, std::nullopt);
    REQUIRE(writer);
    const auto segment = writer->write_segment(1, video.segments[0].bytes, {});
    REQUIRE_FALSE(segment);
    CHECK(segment.error().code == Errc::kMismatch);
}

TEST_CASE("ts rendition: audio alone, and audio that outlasts the video") {
    const Packaged video = pictures();
    const Packaged audio = sound();
    auto alone = TsRenditionWriter::create(std::nullopt, audio.track);
    REQUIRE(alone);
    const auto segment = alone->write_segment(1, {}, audio.segments[0].bytes);
    REQUIRE(segment);
    CHECK(read(*segment).problems.empty());
    CHECK(segment->index.start == -1024);
    CHECK(segment->index.duration == 8 * 1024);
    CHECK(segment->index.fragments.empty());

    auto both = TsRenditionWriter::create(with_reorder(video), audio.track);
    REQUIRE(both);
    const auto tail = both->write_segment(3, {}, audio.segments[1].bytes);
    REQUIRE(tail);
    CHECK(tail->index.duration == 4);  // 170 ms on a clock of 25 ticks
    CHECK_FALSE(both->write_segment(4, {}, {}));
}

TEST_CASE("ts rendition: what transport streams cannot carry is refused by name") {
    CHECK(check_ts_codec(formats::Codec::kH264));
    const auto status = check_ts_codec(formats::Codec::kVp9);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kUnsupported);
    CHECK(status.error().message.find("VP9") != std::string::npos);
}

TEST_CASE("ts presentation: the default audio is inside, other languages beside") {
    std::vector<TrackIndex> tracks{
        sg::test::video_track("720p", 1280, 720, {120}, {1'000'000}),
        sg::test::video_track("av1", 1280, 720, {120}, {500'000}),
        sg::test::audio_track("audio-de", "de", "Deutsch", {188}, {64'000}),
        sg::test::audio_track("audio-en", "en", "English", {188}, {64'000})};
    tracks[1].description.codecs = "av01.0.05M.08";
    tracks[2].description.source_track = 1;
    tracks[3].description.is_default = true;
    const TsSelection selection = select_ts_tracks(tracks);
    REQUIRE(selection.videos.size() == 1);
    REQUIRE(selection.default_audio == &tracks[3]);
    REQUIRE(selection.other_audio == std::vector<const TrackIndex*>{&tracks[2]});

    std::vector<TrackIndex> ts{tracks[0], tracks[2]};
    ts[0].description = describe_ts_rendition(&tracks[0].description, &tracks[3].description);
    ts[1].description = describe_ts_rendition(nullptr, &tracks[2].description);
    MultivariantOptions options;
    options.target_seconds = 4;
    options.folder = "ts/";
    options.muxed_audio = tracks[3].description;
    const std::string text = multivariant_playlist(ts, options);
    INFO(text);
    const auto parsed = formats::m3u8::parse(text);
    REQUIRE(parsed);
    const auto& list = std::get<formats::m3u8::Multivariant>(*parsed);
    REQUIRE(list.variants.size() == 1);
    CHECK(list.variants[0].uri == "ts/720p/index.m3u8");
    CHECK(list.variants[0].codecs == "avc1.640028,mp4a.40.2");
    REQUIRE(list.renditions.size() == 2);
    CHECK(list.renditions[0].uri == "ts/audio-de/index.m3u8");
    CHECK(list.renditions[1].uri.empty());
    CHECK(list.renditions[1].is_default);

    ts.pop_back();
    const auto alone = formats::m3u8::parse(multivariant_playlist(ts, options));
    REQUIRE(alone);
    CHECK(std::get<formats::m3u8::Multivariant>(*alone).renditions.empty());
    CHECK(media_playlist(ts[0], {formats::m3u8::PlaylistType::kVod, true, 4}).find("seg-1.ts") !=
          std::string::npos);
}

#include "made_presentation.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include <formats/bmff_writer.hpp>
#include <packagers/dash_presentation.hpp>
#include <packagers/hls_presentation.hpp>
#include <packagers/ts_renditions.hpp>
#include <support/catch.hpp>
#include <support/stage_harness.hpp>
#include <support/temp_folder.hpp>
#include <transcoders/audio_encoder_stage.hpp>
#include <transcoders/encoder_settings.hpp>

#include "moving_pictures.hpp"

namespace sg::engine::test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSegments = 4;
constexpr std::int64_t kFrames = 25 * kSegments;
constexpr std::int64_t kOffsetSeconds = 10;

/// Writes what a segmenter makes into the rendition's folder.
class FolderSink final : public packagers::SegmentSink {
  public:
    explicit FolderSink(fs::path root) : root_(std::move(root)) {}

    Status on_track(const packagers::TrackDescription& track,
                    std::span<const std::byte> init) override {
        index.description = track;
        fs::create_directories(root_ / track.rendition);
        write(track.init_file, init);
        return {};
    }
    Status on_segment(const packagers::CmafSegment& segment) override {
        write(fmt::format("seg-{}.m4s", segment.index.number), segment.bytes);
        index.segments.push_back(segment.index);
        return {};
    }

    packagers::TrackIndex index;

  private:
    void write(const std::string& name, std::span<const std::byte> bytes) const {
        store(root_ / index.description.rendition / name,
              std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    }
    fs::path root_;
};

packagers::TrackIndex segment(const fs::path& folder,
                              packagers::SegmenterConfig config,
                              const media::StreamInfoPtr& info,
                              const std::vector<media::Packet>& packets) {
    FolderSink sink(folder);
    auto stage = packagers::Segmenter::create(std::move(config), sink);
    REQUIRE(stage);
    sg::test::StageHarness harness(std::move(*stage), 1, 0);
    REQUIRE(harness.start(0, info));
    for (const auto& p : packets) REQUIRE(harness.push(0, p.share()));
    REQUIRE(harness.end(0));
    sink.index.target_ms = 1000;
    return sink.index;
}

void add_video(MadePresentation& made, const std::string& name, int width, int height) {
    auto options = sg::test::small_encoder(media::CodecId::kH264, width, height);
    // With B pictures, so that composition offsets are there.
    transcoders::EncoderRequest request;
    request.width = width;
    request.height = height;
    request.gop_frames = 25;
    request.crf_x100 = 3000;
    request.speed = "veryfast";
    auto settings = transcoders::encoder_settings(request);
    REQUIRE(settings);
    options.settings = std::move(*settings);
    const auto encoded = sg::test::encode_gradient(options, 0, kFrames);
    const auto clock = pipeline::video_timescale({25, 1});
    pipeline::VideoRendition r;
    r.name = name;
    r.width = width;
    r.height = height;
    r.timescale = clock.timescale;
    r.frame_duration = clock.frame_duration;
    r.decode_lead = clock.frame_duration;
    r.frame_rate = {25, 1};
    r.pixel_format = "yuv420p";
    r.encoder = options.settings;
    for (std::int64_t i = 0; i <= kSegments; ++i) r.borders.push_back(i * clock.timescale);

    packagers::SegmenterConfig config;
    config.track.type = packagers::TrackType::kVideo;
    config.track.rendition = name;
    config.timescale = r.timescale;
    config.offset = kOffsetSeconds * r.timescale;
    config.borders = r.borders;
    config.sample_duration = r.frame_duration;
    config.decode_lead = r.decode_lead;
    config.every_sample_planned = true;
    config.frame_rate = r.frame_rate;
    made.tracks.push_back(segment(made.folder, std::move(config), encoded.info, encoded.packets));
    made.plan.video.renditions.push_back(std::move(r));
}

void add_audio(MadePresentation& made) {
    transcoders::AudioEncoderRequest request;
    request.bitrate = 64'000;
    const auto choice = transcoders::audio_encoder_settings(request);
    REQUIRE(choice);
    pipeline::AudioRendition r;
    r.name = "stereo";
    r.codec = media::CodecId::kAac;
    r.language = "en";
    r.label = "English";
    r.is_default = true;
    r.sample_rate = choice->sample_rate;
    r.channels = choice->channels;
    r.channel_layout = choice->channel_layout;
    r.frame_samples = choice->frame_samples;
    r.priming = choice->priming;
    r.samples = kSegments * r.sample_rate;
    r.encoder = choice->settings;
    const auto frames = transcoders::audio_frame_count(r.samples, r.priming, r.frame_samples);
    const auto& video = made.plan.video.renditions.front();
    for (const auto frame : pipeline::audio_borders(
             video.borders, video.timescale, r.sample_rate, r.frame_samples, r.priming, frames)) {
        r.borders.push_back(frame * r.frame_samples - r.priming);
    }

    auto stage = transcoders::AudioEncoderStage::create(transcoders::audio_encoder_options(r));
    REQUIRE(stage);
    sg::test::StageHarness harness(std::move(*stage), 1, 1);
    REQUIRE(harness.start(0,
                          sg::test::shared(sg::test::audio_info(
                              static_cast<int>(r.sample_rate), 2, {1, r.sample_rate}))));
    for (std::int64_t at = 0; at < r.samples; at += r.sample_rate / 10) {
        REQUIRE(harness.push(
            0,
            sg::test::make_audio_frame(
                static_cast<int>(r.sample_rate / 10), static_cast<int>(r.sample_rate), 2, at)));
    }
    REQUIRE(harness.end(0));
    media::StreamInfoPtr info;
    std::vector<media::Packet> packets;
    for (const auto& item : harness.emitted()) {
        if (const auto* start = std::get_if<pipeline::StreamStart>(&item)) info = start->info;
        if (const auto* packet = std::get_if<media::Packet>(&item))
            packets.push_back(packet->share());
    }

    packagers::SegmenterConfig config;
    config.track.type = packagers::TrackType::kAudio;
    config.track.rendition = r.name;
    config.track.language = r.language;
    config.track.label = r.label;
    config.track.is_default = true;
    config.track.source_track = 1;
    config.timescale = r.sample_rate;
    config.offset = kOffsetSeconds * r.sample_rate;
    config.borders = r.borders;
    config.sample_duration = r.frame_samples;
    made.tracks.push_back(segment(made.folder, std::move(config), info, packets));
    made.plan.audio.push_back(std::move(r));
}

const MadePresentation& original() {
    static const sg::test::TempFolder folder;
    static const MadePresentation made = [] {
        MadePresentation m;
        m.folder = folder.path() / "made";
        m.plan.packaging.offset_seconds = kOffsetSeconds;
        m.plan.segment_count = kSegments;
        m.plan.duration_ns = kSegments * 1'000'000'000;
        m.plan.video.grid = {{25, 1}, kFrames};
        add_video(m, "72p", 128, 72);
        add_video(m, "48p", 96, 48);
        add_audio(m);
        m.write_manifests();
        return m;
    }();
    return made;
}

packagers::MediaPlaylistOptions vod() {
    packagers::MediaPlaylistOptions options;
    options.target_seconds = 1;
    return options;
}

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string load(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("no file " + path.string());
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

void store(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void replace_in(const fs::path& path, const std::string& from, const std::string& to) {
    auto text = load(path);
    const auto at = text.find(from);
    INFO(path << " has no " << from << ":\n" << text);
    REQUIRE(at != std::string::npos);
    store(path, text.replace(at, from.size(), to));
}

void MadePresentation::write_manifests() const {
    for (const auto& t : tracks) {
        store(folder / t.description.rendition / "index.m3u8", packagers::media_playlist(t, vod()));
        if (t.description.type == packagers::TrackType::kVideo)
            store(folder / t.description.rendition / "iframes.m3u8",
                  packagers::iframe_playlist(t, vod()));
    }
    packagers::MultivariantOptions options;
    options.target_seconds = 1;
    store(folder / "index.m3u8", packagers::multivariant_playlist(tracks, options));
    store(folder / "manifest.mpd", packagers::dash_manifest(tracks));
}

void MadePresentation::join_segments() {
    for (auto& t : tracks) {
        const auto rendition = folder / t.description.rendition;
        auto file = load(rendition / t.description.init_file);
        fs::remove(rendition / t.description.init_file);
        std::vector<formats::SegmentReference> references;
        std::string media;
        for (const auto& s : t.segments) {
            references.push_back({static_cast<std::uint32_t>(s.bytes),
                                  static_cast<std::uint32_t>(s.duration),
                                  true});
            const auto name = rendition / fmt::format("seg-{}.m4s", s.number);
            media += load(name);
            fs::remove(name);
        }
        formats::SegmentIndexBox index;
        index.timescale = t.description.timescale;
        index.earliest_presentation_time =
            static_cast<std::uint64_t>(t.segments.front().start + t.description.offset);
        index.references = references;
        std::vector<std::byte> sidx;
        REQUIRE(formats::append_segment_index(index, sidx));
        t.single_file =
            packagers::SingleFile{"media.mp4", file.size(), sidx.size(), file.size() + sidx.size()};
        store(rendition / "media.mp4", file + text_of(sidx) + media);
    }
    write_manifests();
}

void MadePresentation::add_transport_stream() const {
    const auto& video = tracks.front();
    const auto& audio = tracks.back();
    const auto track_of = [&](const packagers::TrackIndex& t) {
        const auto init = load(folder / t.description.rendition / t.description.init_file);
        auto made = packagers::make_ts_track(bytes_of(init), t.description);
        REQUIRE(made);
        return *made;
    };
    auto picture = track_of(video);
    const auto segment_bytes = [&](const packagers::TrackIndex& t, std::int64_t n) {
        return load(folder / t.description.rendition / fmt::format("seg-{}.m4s", n));
    };
    for (std::int64_t n = 1; n <= kSegments; ++n) {
        const auto bytes = segment_bytes(video, n);
        const auto reorder = packagers::largest_reorder(picture, bytes_of(bytes));
        REQUIRE(reorder);
        picture.reorder = std::max(picture.reorder, *reorder);
    }
    auto writer = packagers::TsRenditionWriter::create(picture, track_of(audio));
    REQUIRE(writer);
    packagers::TrackIndex made;
    made.description = packagers::describe_ts_rendition(&video.description, &audio.description);
    fs::create_directories(folder / "ts");
    std::string list =
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n";
    for (std::int64_t n = 1; n <= kSegments; ++n) {
        const auto written = writer->write_segment(
            n, bytes_of(segment_bytes(video, n)), bytes_of(segment_bytes(audio, n)));
        REQUIRE(written);
        store(folder / "ts" / fmt::format("seg-{}.ts", n), text_of(written->bytes));
        made.segments.push_back(written->index);
        list += fmt::format("#EXTINF:1.000,\nseg-{}.ts\n", n);
    }
    store(folder / "ts" / "index.m3u8", list + "#EXT-X-ENDLIST\n");
    const auto rate = packagers::measured_bitrate(made, 1);
    store(folder / "index-ts.m3u8",
          fmt::format("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH="
                      "{},CODECS=\"{}\",RESOLUTION=128x72,FRAME-RATE=25.000\nts/index.m3u8\n",
                      rate.peak,
                      rate.average,
                      made.description.codecs));
}

MadePresentation make_presentation(const fs::path& folder) {
    auto made = original();
    fs::copy(
        made.folder, folder, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    made.folder = folder;
    return made;
}

}  // namespace sg::engine::test

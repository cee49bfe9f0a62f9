#include <cstdlib>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include <base/file.hpp>
#include <formats/bmff_reader.hpp>
#include <formats/m3u8.hpp>
#include <packagers/live_ts.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

#include "channel_model.hpp"

using namespace sg;
using namespace sg::live;
using namespace sg::packagers;
using sg::test::ChannelModel;
using sg::test::text_of;

namespace {

struct CodedSample {
    std::size_t rendition = 0;
    LiveSample sample;
};

struct CodedClip {
    std::vector<LiveRenditionConfig> renditions;
    std::vector<CodedSample> samples;  ///< in order of decoding time
};

std::uint32_t u32_at(const std::string& data, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(data[at + i]);
    return value;
}

/// Of a fragmented MP4.
CodedClip read_clip(const std::filesystem::path& path) {
    const auto file = read_file(path, 1U << 28);
    REQUIRE(file);
    const auto bytes = std::as_bytes(std::span(*file));
    std::size_t media = 0;
    while (file->substr(media + 4, 4) != "moof") media += u32_at(*file, media);
    const auto movie = formats::parse_init(bytes.first(media));
    REQUIRE(movie);
    std::vector<formats::TrackExtends> defaults;
    CodedClip clip;
    for (const auto& track : movie->tracks) {
        defaults.push_back(track.extends);
        LiveRenditionConfig config;
        const auto codec = formats::codec_config_of(track);
        REQUIRE(codec);
        config.codec = *codec;
        config.name = formats::is_video(codec->codec) ? "video" : "audio";
        config.is_default = true;
        clip.renditions.push_back(std::move(config));
    }
    std::size_t at = media;
    while (at < bytes.size()) {
        // One moof and its mdat at a time: hybrids end in an index.
        if (file->substr(at + 4, 4) != "moof") break;
        const std::size_t size = u32_at(*file, at) + u32_at(*file, at + u32_at(*file, at));
        const auto segment = formats::parse_segment(bytes.subspan(at, size), defaults);
        REQUIRE(segment);
        for (const auto& fragment : segment->fragments) {
            std::size_t index = 0;
            while (movie->tracks[index].id != fragment.track_id) ++index;
            const double scale = 1e9 / movie->tracks[index].timescale;
            auto decode = static_cast<std::int64_t>(fragment.decode_time);
            for (const auto& s : fragment.samples) {
                CodedSample out;
                out.rendition = index;
                out.sample.dts_ns = std::llround(static_cast<double>(decode) * scale);
                out.sample.pts_ns =
                    std::llround(static_cast<double>(decode + s.composition_offset) * scale);
                out.sample.key = s.key;
                const auto data = bytes.subspan(at + s.offset, s.size);
                out.sample.data.assign(data.begin(), data.end());
                clip.samples.push_back(std::move(out));
                decode += s.duration;
            }
        }
        at += size;
    }
    std::stable_sort(clip.samples.begin(), clip.samples.end(), [](const auto& a, const auto& b) {
        return a.sample.dts_ns < b.sample.dts_ns;
    });
    return clip;
}

/// Writes what is found behind a path; false when nothing is.
bool dump(const ChannelView& view, const std::filesystem::path& folder, const std::string& path) {
    const Lookup found = view.find(path, {});
    if (found.outcome != Lookup::Outcome::kFound) return false;
    REQUIRE(make_folders((folder / path).parent_path()));
    REQUIRE(write_file_atomic(folder / path, text_of(found.resource), Durability::kNone));
    return true;
}

std::set<std::string> uris_in(const std::string& text) {
    std::set<std::string> out;
    for (std::size_t at = 0; (at = text.find("k3x-", at)) != std::string::npos;) {
        const std::size_t end = text.find_first_of("\"\n", at);
        out.insert(text.substr(at, end - at));
        at = end;
    }
    return out;
}

}  // namespace

/// With SG_LIVE_DUMP=folder the presentation stays there for other checkers.
TEST_CASE("real media becomes a presentation whose every name can be fetched") {
    test::TempFolder temp;
    test::ClipOptions options;
    options.video[0].seconds = options.audio[0].seconds = 24;
    options.video[0].gop = 25;
    options.video[0].b_frames = 2;
    options.muxer_options = {{"movflags", "frag_keyframe+empty_moov+default_base_moof"}};
    const char* source = std::getenv("SG_LIVE_SOURCE");
    const CodedClip clip =
        read_clip(source != nullptr ? std::filesystem::path(source)
                                    : test::make_clip(temp / "clip.mp4", options));
    LivePackagerConfig config;
    config.epoch = "k3x";
    config.segment = std::chrono::seconds(2);
    config.target = std::chrono::seconds(3);
    WindowConfig window;
    window.segment = config.segment;
    window.target_seconds = 3;
    window.length = std::chrono::nanoseconds(0);
    window.low_latency = true;
    window.ts = true;
    ChannelModel model(config, window, clip.renditions);
    for (const CodedSample& s : clip.samples)
        REQUIRE(model.packager->add(s.rendition, LiveSample(s.sample)));
    REQUIRE(model.packager->finish());
    const bool audio_first = clip.renditions[0].name == "audio";
    const std::size_t video = audio_first ? 1 : 0;
    LiveTsWriter streams(video, 1 - video);
    for (std::size_t i = 0; i < model.track(0).segments.size(); ++i) {
        for (std::size_t r = 0; r < 2; ++r) {
            const auto made = streams.add(r, model.track(r).segments.at(i));
            REQUIRE(made);
            for (const auto& m : *made) model.window.set_ts(video, m.number, m.bytes);
        }
    }
    model.window.end();
    const auto view = model.view();
    const char* kept = std::getenv("SG_LIVE_DUMP");
    const std::filesystem::path folder = kept != nullptr ? kept : temp.path() / "out";
    REQUIRE(dump(*view, folder, "index.m3u8"));
    REQUIRE(dump(*view, folder, "manifest.mpd"));
    for (std::size_t r = 0; r < clip.renditions.size(); ++r) {
        const std::string name = clip.renditions[r].name + '/';
        const std::string list = text_of(*view, name + "index.m3u8");
        REQUIRE(formats::m3u8::parse(list));
        REQUIRE(dump(*view, folder, name + "index.m3u8"));
        REQUIRE(dump(*view, folder, name + model.track(r).inits[0]->description.init_file));
        for (const std::string& uri : uris_in(list)) REQUIRE(dump(*view, folder, name + uri));
        std::size_t samples = 0;
        for (const auto& s : model.track(r).segments) {
            const std::string bytes = text_of(*view, name + live_segment_name(*s));
            const auto parsed = formats::parse_segment(std::as_bytes(std::span(bytes)), {});
            REQUIRE(parsed);
            for (const auto& f : parsed->fragments) samples += f.samples.size();
        }
        std::size_t given = 0;
        for (const CodedSample& s : clip.samples) given += s.rendition == r ? 1U : 0U;
        CHECK(samples + model.packager->counts().dropped_samples >= given);
    }
    const std::string streams_list = text_of(*view, "video/ts.m3u8");
    const auto parsed = formats::m3u8::parse(streams_list);
    REQUIRE(parsed);
    CHECK(std::get<formats::m3u8::Media>(*parsed).segments.size() ==
          model.track(video).segments.size());
    REQUIRE(dump(*view, folder, "video/ts.m3u8"));
    for (const std::string& uri : uris_in(streams_list))
        REQUIRE(dump(*view, folder, "video/" + uri));
    const auto variants = formats::m3u8::parse(text_of(*view, "ts.m3u8"));
    REQUIRE(variants);
    const auto& list = std::get<formats::m3u8::Multivariant>(*variants);
    REQUIRE(list.variants.size() == 1);
    CHECK(list.variants[0].uri == "video/ts.m3u8");
    CHECK(list.variants[0].codecs.find("mp4a") != std::string::npos);
    CHECK(list.variants[0].audio.empty());
    const auto fragments = formats::m3u8::parse(text_of(*view, "index.m3u8"));
    REQUIRE(fragments);
    // Headers and stuffing of its packets come on top.
    CHECK(list.variants[0].average_bandwidth >
          std::get<formats::m3u8::Multivariant>(*fragments).variants[0].average_bandwidth);
    CHECK(model.packager->counts().bad_samples == 0);
    CHECK(model.packager->counts().dropped_samples <= 4);
}

#include <cstdlib>
#include <filesystem>

#include <base/file.hpp>
#include <packagers/dash_presentation.hpp>
#include <packagers/hls_presentation.hpp>
#include <support/catch.hpp>

#include "../packagers/track_samples.hpp"

using namespace sg::packagers;
using sg::formats::m3u8::PlaylistType;
using sg::test::audio_track;
using sg::test::video_track;

namespace {

/// Run with SG_UPDATE_GOLDEN=1 to write the files anew; then read the difference before committing
/// it.
void compare(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::path(SG_GOLDEN_FOLDER) / name;
    if (std::getenv("SG_UPDATE_GOLDEN") != nullptr) {
        REQUIRE(sg::make_folders(path.parent_path()));
        REQUIRE(sg::write_file_atomic(path, text, sg::Durability::kNone));
    }
    const auto wanted = sg::read_file(path, 1U << 20);
    REQUIRE(wanted);
    INFO(name);
    CHECK(text == *wanted);
}

/// Three H.264 rungs and one HDR rung, two languages in stereo AAC, one of them also in 5.1 E-AC-3.
std::vector<TrackIndex> film() {
    std::vector<TrackIndex> tracks{
        video_track("1080p", 1920, 1080, {120, 120, 75}, {2'500'000, 2'300'000, 1'500'000}),
        video_track("720p", 1280, 720, {120, 120, 75}, {1'200'000, 1'100'000, 700'000}),
        video_track("360p", 640, 360, {120, 120, 75}, {300'000, 290'000, 180'000}),
        video_track("1080p-hdr", 1920, 1080, {120, 120, 75}, {2'600'000, 2'400'000, 1'600'000}),
        audio_track("audio-en", "en", "English", {188, 187, 119}, {64'000, 64'000, 40'000}),
        audio_track("audio-de", "de", "Deutsch", {188, 187, 119}, {64'000, 64'000, 40'000}),
        audio_track("audio-en-51", "en", "English", {188, 187, 119}, {192'000, 192'000, 122'000})};
    TrackDescription& hdr = tracks[3].description;
    hdr.codecs = "hvc1.2.4.L123.B0";
    hdr.range = VideoRange::kPq;
    hdr.colour_primaries = hdr.matrix = 9;
    hdr.transfer = 16;
    tracks[2].description.sar_num = 4;
    tracks[2].description.sar_den = 3;
    tracks[2].description.width = 480;
    tracks[4].description.is_default = true;
    tracks[5].description.source_track = 1;
    tracks[6].description.codecs = "ec-3";
    tracks[6].description.channels = 6;
    return tracks;
}

}  // namespace

TEST_CASE("golden: a film with HDR, languages and surround sound") {
    const auto tracks = film();
    const std::int64_t target = final_target_seconds(tracks);
    compare("film/index.m3u8", multivariant_playlist(tracks, {target, {}}));
    compare("film/manifest.mpd", dash_manifest(tracks));
    compare("film/1080p.m3u8", media_playlist(tracks[0], {PlaylistType::kVod, true, target}));
    compare("film/1080p-iframes.m3u8",
            iframe_playlist(tracks[0], {PlaylistType::kVod, true, target}));
    compare("film/audio-en.m3u8", media_playlist(tracks[4], {PlaylistType::kVod, true, target}));
}

TEST_CASE("golden: a film in single files") {
    std::vector<TrackIndex> tracks{film()[1], film()[4]};
    for (TrackIndex& t : tracks) t.single_file = SingleFile{"media.mp4", 700, 80, 780};
    const std::int64_t target = final_target_seconds(tracks);
    compare("single/index.m3u8", multivariant_playlist(tracks, {target, {}}));
    compare("single/manifest.mpd", dash_manifest(tracks));
    compare("single/720p.m3u8", media_playlist(tracks[0], {PlaylistType::kVod, true, target}));
    compare("single/720p-iframes.m3u8",
            iframe_playlist(tracks[0], {PlaylistType::kVod, true, target}));
}

TEST_CASE("golden: sound alone") {
    const std::vector<TrackIndex> tracks{film()[4], film()[5]};
    const std::int64_t target = final_target_seconds(tracks);
    compare("audio/index.m3u8", multivariant_playlist(tracks, {target, {}}));
    compare("audio/manifest.mpd", dash_manifest(tracks));
}

TEST_CASE("golden: a playlist that still grows") {
    auto track = film()[1];
    track.segments.pop_back();
    compare("early/720p.m3u8", media_playlist(track, {PlaylistType::kEvent, false, 4}));
}

#include <packagers/hls_presentation.hpp>
#include <support/catch.hpp>

#include "track_samples.hpp"

using namespace sg::packagers;
using namespace sg::formats;
using sg::test::audio_track;
using sg::test::video_track;

namespace {

m3u8::Multivariant multivariant(const std::vector<TrackIndex>& tracks) {
    const std::string text = multivariant_playlist(tracks, {final_target_seconds(tracks), {}});
    INFO(text);
    auto parsed = m3u8::parse(text);
    INFO((parsed ? std::string("ok") : parsed.error().message));
    REQUIRE(parsed);
    return std::get<m3u8::Multivariant>(*parsed);
}

m3u8::Media media(const std::string& text) {
    INFO(text);
    auto parsed = m3u8::parse(text);
    INFO((parsed ? std::string("ok") : parsed.error().message));
    REQUIRE(parsed);
    return std::get<m3u8::Media>(*parsed);
}

std::vector<TrackIndex> ladder() {
    return {video_track("360p", 640, 360, {120, 60}, {300'000, 150'000}),
            video_track("1080p", 1920, 1080, {120, 60}, {2'500'000, 1'200'000}),
            video_track("720p", 1280, 720, {120, 60}, {1'200'000, 600'000})};
}

TrackIndex english() {
    return audio_track("audio-en", "en", "English", {188, 94}, {64'000, 32'000});
}

TrackIndex surround(TrackIndex track) {
    track.description.rendition += "-51";
    track.description.codecs = "ac-3";
    track.description.channels = 6;
    for (auto& s : track.segments) s.bytes *= 3;
    return track;
}

}  // namespace

TEST_CASE("hls: every video rung is a variant with measured rates, the first one moderate") {
    auto tracks = ladder();
    tracks.push_back(english());
    const auto list = multivariant(tracks);
    CHECK(list.independent_segments);
    REQUIRE(list.variants.size() == 3);
    CHECK(list.variants[0].uri == "720p/index.m3u8");
    CHECK(list.variants[1].uri == "1080p/index.m3u8");
    CHECK(list.variants[2].uri == "360p/index.m3u8");
    const auto& v = list.variants[0];
    const Bitrate picture = measured_bitrate(tracks[2], 4);
    const Bitrate sound = measured_bitrate(tracks[3], 4);
    CHECK(v.bandwidth == picture.peak + sound.peak);
    CHECK(v.average_bandwidth == picture.average + sound.average);
    CHECK(v.codecs == "avc1.640028,mp4a.40.2");
    CHECK(v.resolution == m3u8::Resolution{1280, 720});
    CHECK(v.frame_rate_milli == 30'000);
    CHECK(v.video_range == "SDR");
    CHECK(v.audio == "aac-2");
    REQUIRE(list.renditions.size() == 1);
    CHECK(list.renditions[0].is_default);
    CHECK(list.renditions[0].channels == "2");
    CHECK(list.iframe_variants.size() == 3);
}

TEST_CASE("hls: each audio format is a group, and every group has every member") {
    auto tracks = ladder();
    tracks.push_back(english());
    tracks.push_back(audio_track("audio-de", "de", "Deutsch", {188, 94}, {64'000, 32'000}));
    tracks.back().description.source_track = 1;
    tracks.back().description.is_default = true;
    tracks.push_back(surround(english()));
    const auto list = multivariant(tracks);
    REQUIRE(list.variants.size() == 6);
    REQUIRE(list.renditions.size() == 4);
    CHECK(list.renditions[0].group_id == "aac-2");
    CHECK(list.renditions[2].group_id == "ac3-6");
    CHECK(list.renditions[2].channels == "6");
    CHECK(list.renditions[3].name == "Deutsch");
    CHECK(list.renditions[3].uri == "audio-de/index.m3u8");
    for (const auto& r : list.renditions) CHECK(r.is_default == (r.name == "Deutsch"));
    CHECK(list.variants[5].codecs == "avc1.640028,ac-3,mp4a.40.2");
}

TEST_CASE("hls: tracks of one language and name get names of their own, and one is autoselected") {
    auto tracks = ladder();
    tracks.push_back(english());
    tracks.push_back(english());
    tracks.back().description.rendition = "audio-en-2";
    tracks.back().description.source_track = 1;
    const auto list = multivariant(tracks);
    REQUIRE(list.renditions.size() == 2);
    CHECK(list.renditions[1].name == "English (2)");
    CHECK(list.renditions[0].autoselect);
    CHECK_FALSE(list.renditions[1].autoselect);
}

TEST_CASE("hls: two qualities of one audio go with the upper and the lower rungs") {
    auto tracks = ladder();
    tracks.push_back(video_track("234p", 416, 234, {120, 60}, {100'000, 50'000}));
    tracks.push_back(audio_track("audio-low", "en", "English", {188, 94}, {32'000, 16'000}));
    tracks.push_back(english());
    const auto list = multivariant(tracks);
    REQUIRE(list.variants.size() == 4);
    REQUIRE(list.renditions.size() == 2);
    CHECK(list.renditions[1].group_id == "aac-2-64k");
    for (const auto& v : list.variants)
        CHECK(v.audio == (v.resolution->height >= 720 ? "aac-2" : "aac-2-64k"));
}

TEST_CASE("hls: codecs and ranges are ladders of their own, the most playable first") {
    auto tracks = ladder();
    auto hdr = video_track("1080p-hdr", 1920, 1080, {120, 60}, {1'000'000, 1'000'000});
    hdr.description.codecs = "hvc1.2.4.L120.B0";
    hdr.description.range = VideoRange::kPq;
    tracks.insert(tracks.begin(), hdr);
    const auto list = multivariant(tracks);
    REQUIRE(list.variants.size() == 4);
    CHECK(list.variants[3].video_range == "PQ");
    CHECK(list.variants[3].audio.empty());
    CHECK(list.renditions.empty());
}

TEST_CASE("hls: without video the audio groups are the variants") {
    std::vector<TrackIndex> tracks{english()};
    auto one = multivariant(tracks);
    REQUIRE(one.variants.size() == 1);
    CHECK(one.variants[0].uri == "audio-en/index.m3u8");
    CHECK(one.variants[0].audio.empty());
    CHECK_FALSE(one.variants[0].resolution);
    CHECK(one.renditions.empty());

    tracks.push_back(audio_track("audio-de", "de", "Deutsch", {188, 94}, {64'000, 32'000}));
    tracks.back().description.source_track = 1;
    const auto two = multivariant(tracks);
    REQUIRE(two.variants.size() == 1);
    CHECK(two.variants[0].audio == "aac-2");
    REQUIRE(two.renditions.size() == 2);
    CHECK(two.renditions[0].uri.empty());
    CHECK(two.renditions[1].uri == "audio-de/index.m3u8");
}

TEST_CASE("hls: RESOLUTION is the displayed size, and a varying frame rate is the mean") {
    auto track = video_track("576p", 720, 576, {100}, {100'000});
    track.description.sar_num = 64;
    track.description.sar_den = 45;
    track.description.frame_rate_num = 0;
    const auto list = multivariant({track});
    CHECK(list.variants[0].resolution == m3u8::Resolution{1024, 576});
    CHECK(list.variants[0].frame_rate_milli == 30'000);
}

TEST_CASE("hls: declared rates stand in for what is still being encoded") {
    const auto tracks = ladder();
    const auto list = multivariant_playlist(tracks, {4, {{"360p", {999'000, 888'000}}}});
    CHECK(list.find("BANDWIDTH=999000,AVERAGE-BANDWIDTH=888000") != std::string::npos);
}

TEST_CASE("hls: I-frame playlists are named only where they exist") {
    const auto all = ladder();
    CHECK(multivariant_playlist(all, {6}).find("iframes.m3u8") != std::string::npos);
    MultivariantOptions options{6};
    options.iframe_playlists = false;
    CHECK(multivariant_playlist(all, options).find("iframes.m3u8") == std::string::npos);
}

TEST_CASE("hls: EXTINF values add up to the true length over any number of segments") {
    std::vector<std::int64_t> frames;
    for (int i = 0; i < 1000; ++i) frames.push_back(i % 3 == 0 ? 187 : 188);
    const auto track =
        audio_track("a", "en", "English", frames, std::vector<std::uint64_t>(frames.size(), 1000));
    const auto list = media(media_playlist(track, {m3u8::PlaylistType::kVod, true, 4}));
    std::int64_t sum = 0;
    std::int64_t ticks = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        sum += list.segments[i].duration_us;
        ticks += frames[i] * 1024;
        CHECK(std::abs(sum * 48 - ticks * 1000) <= 24);
    }
}

TEST_CASE("hls: a growing playlist is EVENT without an end") {
    const auto tracks = ladder();
    CHECK(planned_target_seconds(tracks) == 4);
    const auto list = media(media_playlist(tracks[0], {m3u8::PlaylistType::kEvent, false, 4}));
    CHECK(list.type == m3u8::PlaylistType::kEvent);
    CHECK_FALSE(list.ended);
    CHECK(list.independent_segments);
    CHECK(list.segments[0].uri == "seg-1.m4s");
    CHECK(list.maps[0].uri == "init-0123abcd.mp4");
}

TEST_CASE("hls: an I-frame playlist names each fragment's head") {
    const auto list = media(iframe_playlist(ladder()[0], {m3u8::PlaylistType::kVod, true, 4}));
    CHECK(list.iframes_only);
    CHECK(list.version == 5);
    REQUIRE(list.segments.size() == 3);
    CHECK(list.segments[1].uri == "seg-1.m4s");
    CHECK(list.segments[1].range == m3u8::ByteRange{150'000, 37'500});
    CHECK(list.segments[1].duration_us == 2'000'000);
}

TEST_CASE("hls: an I-frame lasts over the fragment behind it, to the next one") {
    auto track = video_track("v", 640, 360, {120}, {300'000});
    std::vector<FragmentIndex>& fragments = track.segments[0].fragments;
    fragments[0].duration = 512;
    fragments.insert(fragments.begin() + 1, {100, 100, 0, 512, 59 * 512});
    const auto list = media(iframe_playlist(track, {m3u8::PlaylistType::kVod, true, 4}));
    REQUIRE(list.segments.size() == 2);
    CHECK(list.segments[0].duration_us == 2'000'000);
    CHECK(list.segments[1].duration_us == 2'000'000);
}

TEST_CASE("hls: a single file is named by byte ranges") {
    auto track = ladder()[0];
    track.single_file = SingleFile{"media.mp4", 700, 68, 768};
    const auto list = media(media_playlist(track, {m3u8::PlaylistType::kVod, true, 4}));
    CHECK(list.maps[0] == m3u8::Map{"media.mp4", m3u8::ByteRange{0, 700}});
    CHECK(list.segments[1].uri == "media.mp4");
    CHECK(list.segments[1].range == m3u8::ByteRange{300'768, 150'000});
    const auto keys = media(iframe_playlist(track, {m3u8::PlaylistType::kVod, true, 4}));
    CHECK(keys.segments[2].range == m3u8::ByteRange{300'768, 37'500});
}

TEST_CASE("hls: a rendition name cannot break a URI") {
    auto track = video_track("a b\"/?#", 640, 360, {60}, {1000});
    CHECK(multivariant({track}).variants[0].uri == "a%20b%22%2F%3F%23/index.m3u8");
}

TEST_CASE("hls: between stretches stand a discontinuity, a date and another map") {
    std::vector<Stretch> stretches{{0, {ladder()[2], english()}}, {6'000'000, {ladder()[2]}}};
    auto& later = stretches[1].tracks[0];
    later.description.codecs = "avc1.64002a";
    later.description.init_file = "init-89abcdef.mp4";
    later.description.width = 1920;
    later.description.height = 1080;
    later.date_ms = 1'769'860'800'000;
    for (auto& s : later.segments) s.number += 2;

    const auto list = media(media_playlist(stretches, "720p", {.target_seconds = 4}));
    REQUIRE(list.segments.size() == 4);
    CHECK(list.maps.size() == 2);
    CHECK(list.segments[1].map == 0);
    CHECK_FALSE(list.segments[1].discontinuity);
    CHECK(list.segments[2].discontinuity);
    CHECK(list.segments[2].map == 1);
    CHECK(list.segments[2].program_date_time_ms == 1'769'860'800'000);
    CHECK(list.segments[2].uri == "seg-3.m4s");
    CHECK_FALSE(list.segments[3].discontinuity);

    // What one stretch lacks cannot be in a playlist.
    const auto text = multivariant_playlist(stretches, {.target_seconds = 4});
    const auto all = std::get<m3u8::Multivariant>(m3u8::parse(text).value());
    REQUIRE(all.variants.size() == 1);
    CHECK(all.renditions.empty());
    CHECK(all.variants[0].codecs == "avc1.640028,avc1.64002a");
    CHECK(all.variants[0].resolution == m3u8::Resolution{1920, 1080});
}

TEST_CASE("hls: rates hold over stretches of different clocks") {
    std::vector<Stretch> stretches{{0, {english()}}, {6'000'000, {english()}}};
    auto& later = stretches[1].tracks[0];
    later.description.timescale /= 2;
    for (auto& s : later.segments) s.duration /= 2;
    const auto text = multivariant_playlist(stretches, {.target_seconds = 4});
    const auto list = std::get<m3u8::Multivariant>(m3u8::parse(text).value());
    REQUIRE(list.variants.size() == 1);
    CHECK(list.variants[0].bandwidth == measured_bitrate(english(), 4).peak);
    CHECK(list.variants[0].average_bandwidth == measured_bitrate(english(), 4).average);
}

TEST_CASE("hls: one stretch is written as the tracks alone are") {
    auto tracks = ladder();
    tracks.push_back(english());
    const std::vector<Stretch> stretches{{0, tracks}};
    const auto target = final_target_seconds(tracks);
    CHECK(final_target_seconds(stretches) == target);
    CHECK(multivariant_playlist(stretches, {.target_seconds = target}) ==
          multivariant_playlist(tracks, {.target_seconds = target}));
    CHECK(media_playlist(stretches, "720p", {.target_seconds = target}) ==
          media_playlist(tracks[2], {.target_seconds = target}));
}

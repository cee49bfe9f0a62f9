#include <formats/mpd.hpp>
#include <packagers/bandwidth.hpp>
#include <packagers/dash_presentation.hpp>
#include <support/catch.hpp>

#include "track_samples.hpp"

using namespace sg::packagers;
using namespace sg::formats;
using sg::test::audio_track;
using sg::test::video_track;

namespace {

mpd::Mpd manifest(const std::vector<TrackIndex>& tracks) {
    const std::string text = dash_manifest(tracks);
    INFO(text);
    auto parsed = mpd::parse(text);
    INFO((parsed ? std::string("ok") : parsed.error().message));
    REQUIRE(parsed);
    return *parsed;
}

const std::vector<mpd::AdaptationSet>& sets(const mpd::Mpd& mpd) {
    return mpd.periods.at(0).adaptation_sets;
}

std::vector<TrackIndex> film() {
    return {video_track("360p", 640, 360, {120, 120, 60}, {300'000, 250'000, 150'000}),
            video_track("720p", 1280, 720, {120, 120, 60}, {1'200'000, 900'000, 600'000}),
            audio_track("audio-en", "en", "English", {188, 187, 95}, {64'000, 64'000, 32'000})};
}

}  // namespace

TEST_CASE("dash: segments are named by number over a timeline that contains K") {
    const auto mpd = manifest(film());
    CHECK(mpd.profiles == mpd::kLiveProfile);
    CHECK(mpd.max_segment_duration_us == 4'010'667);
    CHECK(mpd.min_buffer_us == 4'011'000);
    REQUIRE(sets(mpd).size() == 2);
    const auto& video = sets(mpd)[0];
    CHECK(video.segment_alignment);
    CHECK(video.start_with_sap == 1);
    CHECK(video.par == "16:9");
    CHECK(video.max_width == 1280);
    REQUIRE(video.representations.size() == 2);
    const auto& best = video.representations[0];
    CHECK(best.id == "720p");
    CHECK(best.frame_rate == "30");
    CHECK(best.sar == "1:1");
    REQUIRE(best.segment_template);
    CHECK(best.segment_template->media == "720p/seg-$Number$.m4s");
    CHECK(best.segment_template->initialization == "720p/init-0123abcd.mp4");
    CHECK(best.segment_template->presentation_time_offset == 15360);
    CHECK(best.segment_template->timeline ==
          std::vector<mpd::TimelineEntry>{{15360, 61440, 1}, {std::nullopt, 30720, 0}});
    const auto& audio = sets(mpd)[1].representations.at(0);
    CHECK(audio.segment_template->timeline.at(0).t == 48000 - 1024);
    CHECK(audio.audio_channels.at(0).value == "2");
    CHECK(sets(mpd)[1].lang == "en");
    CHECK(sets(mpd)[1].label == "English");
}

TEST_CASE("dash: the duration is the end of the longest track") {
    const auto mpd = manifest(film());
    CHECK(mpd.presentation_duration_us == 10'005'334);  // 469 * 1024 / 48000
}

TEST_CASE("dash: bandwidth holds with the declared start-up buffer") {
    const auto tracks = film();
    const auto mpd = manifest(tracks);
    const auto& r = sets(mpd)[0].representations[0];
    CHECK(r.bandwidth == sustained_bandwidth(tracks[1], mpd.min_buffer_us / 1000));
    CHECK(r.bandwidth >= measured_bitrate(tracks[1], 4).average);
}

TEST_CASE("dash: a jump in time is written, not hidden") {
    auto tracks = film();
    tracks[0].segments[1].start += 100;
    const auto mpd = manifest(tracks);
    const auto& entries = sets(mpd)[0].representations[1].segment_template->timeline;
    REQUIRE(entries.size() == 3);
    CHECK(entries[1].t == 15360 + 61440 + 100);
    CHECK(entries[2].t == 15360 + 2 * 61440);
}

TEST_CASE("dash: codecs, ranges, languages and audio formats are sets of their own") {
    auto tracks = film();
    auto hdr = video_track("1080p-hdr", 1920, 1080, {120}, {1'000'000});
    hdr.description.codecs = "hvc1.2.4.L120.B0";
    hdr.description.range = VideoRange::kPq;
    hdr.description.colour_primaries = hdr.description.matrix = 9;
    hdr.description.transfer = 16;
    tracks.push_back(hdr);
    auto surround = tracks[2];
    surround.description.rendition = "audio-en-51";
    surround.description.codecs = "ec-3";
    surround.description.channels = 8;
    tracks.push_back(surround);
    auto low = tracks[2];
    low.description.rendition = "audio-en-low";
    for (auto& s : low.segments) s.bytes /= 2;
    tracks.push_back(low);
    auto described = tracks[2];
    described.description.rendition = "audio-ad";
    described.description.source_track = 1;
    described.description.describes_video = true;
    tracks.push_back(described);
    const auto mpd = manifest(tracks);
    REQUIRE(sets(mpd).size() == 5);
    CHECK(sets(mpd)[1].representations[0].id == "1080p-hdr");
    CHECK(sets(mpd)[1].essential.at(1).value == "16");
    CHECK(sets(mpd)[0].supplemental.at(0).value == "1");
    CHECK(sets(mpd)[2].representations.size() == 2);
    CHECK(sets(mpd)[3].representations.at(0).audio_channels.at(0).value == "12");
    CHECK(sets(mpd)[4].accessibility.size() == 1);
    CHECK(sets(mpd)[4].roles.at(0).value == "alternate");
}

TEST_CASE("dash: HDR that stands alone is not marked essential") {
    auto hdr = video_track("hdr", 1920, 1080, {120}, {1'000'000});
    hdr.description.range = VideoRange::kHlg;
    const auto mpd = manifest({hdr});
    CHECK(sets(mpd)[0].essential.empty());
    CHECK(sets(mpd)[0].supplemental.size() == 3);
}

TEST_CASE("dash: single files are the on-demand profile over their index") {
    auto tracks = film();
    for (auto& t : tracks) t.single_file = SingleFile{"media.mp4", 700, 80, 780};
    const auto mpd = manifest(tracks);
    CHECK(mpd.profiles == mpd::kOnDemandProfile);
    CHECK(sets(mpd)[0].subsegment_alignment);
    CHECK(sets(mpd)[0].subsegment_starts_with_sap == 1);
    const auto& r = sets(mpd)[0].representations[0];
    CHECK(r.base_url == "720p/media.mp4");
    REQUIRE(r.segment_base);
    CHECK(r.segment_base->index_range == mpd::ByteRange{700, 779});
    CHECK(r.segment_base->initialization_range == mpd::ByteRange{0, 699});
    CHECK(r.segment_base->presentation_time_offset == 15360);
}

TEST_CASE("dash: a set with open GOPs promises no clean starts") {
    auto tracks = film();
    tracks[0].segments[1].independent = false;
    CHECK(sets(manifest(tracks))[0].start_with_sap == 0);
}

TEST_CASE("dash: each stretch is a Period that takes its start away") {
    std::vector<Stretch> stretches{{0, film()}, {10'000'000, film()}};
    for (auto& t : stretches[1].tracks) {
        for (auto& s : t.segments) {
            s.start += 10 * std::int64_t{t.description.timescale};
            s.number += 3;
        }
    }
    stretches[1].tracks[2].description.init_file = "init-changed.mp4";
    const auto parsed = mpd::parse(dash_manifest(stretches));
    REQUIRE(parsed);
    REQUIRE(parsed->periods.size() == 2);
    CHECK(parsed->presentation_duration_us == 20'005'334);
    const auto& first = parsed->periods[0];
    const auto& second = parsed->periods[1];
    CHECK(first.start_us == 0);
    CHECK(first.duration_us == 10'000'000);
    CHECK(second.start_us == 10'000'000);
    CHECK(second.duration_us == 10'005'334);
    const auto& video = second.adaptation_sets.at(0);
    const auto& t = *video.representations.at(0).segment_template;
    CHECK(t.presentation_time_offset == 11 * 15360);
    CHECK(t.timeline.at(0).t == 11 * 15360);
    CHECK(t.start_number == 4);
    // With the same init segments a client need not begin anew; the sound has another one.
    CHECK(first.adaptation_sets.at(0).supplemental.size() == 3);  // colour
    REQUIRE(video.supplemental.size() == 4);
    CHECK(video.supplemental.back() ==
          mpd::Descriptor{"urn:mpeg:dash:period-connectivity:2015", "0"});
    CHECK(second.adaptation_sets.at(1).supplemental.empty());
}

TEST_CASE("dash: one stretch is written as the tracks alone are") {
    const std::vector<Stretch> stretches{{0, film()}};
    CHECK(dash_manifest(stretches) == dash_manifest(film()));
}

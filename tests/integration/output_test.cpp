#include <cmath>
#include <numeric>
#include <set>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"
#include "watched.hpp"

using namespace sg;
using namespace sg::test;

namespace {

struct Made {
    TempFolder folder;
    std::filesystem::path out = folder / "out";
    Ended ended;
};

void transcode(Made& made, const ClipOptions& clip, const std::vector<std::string>& more = {}) {
    const auto source = make_clip(made.folder / "film.mp4", clip);
    std::vector<std::string> words{source.string(), "-o", made.out.string()};
    words.insert(words.end(), more.begin(), more.end());
    made.ended = streamgate(quick_words(made.folder, words));
    INFO(made.ended.out << made.ended.err);
    REQUIRE(made.ended.exit_code == 0);
}

double presentation_offset(const formats::mpd::Representation& r) {
    REQUIRE(r.segment_template);
    return static_cast<double>(r.segment_template->presentation_time_offset) /
           r.segment_template->timescale;
}

}  // namespace

TEST_CASE("a film becomes one set of segments under HLS and DASH that say the same") {
    Made made;
    auto clip = flash_and_beep(5.2);
    clip.video[0].b_frames = 2;
    transcode(made, clip);
    REQUIRE(streamgate({"verify", made.out.string(), "--full"}).exit_code == 0);

    const auto top = read_multivariant(made.out);
    CHECK(top.independent_segments);
    REQUIRE(top.variants.size() == 2);
    CHECK(top.variants[0].resolution == formats::m3u8::Resolution{160, 120});
    CHECK(top.variants[1].resolution == formats::m3u8::Resolution{80, 60});
    CHECK(top.iframe_variants.size() == 2);
    REQUIRE(top.renditions.size() == 1);
    CHECK(top.renditions[0].uri == "audio/index.m3u8");
    for (const auto& v : top.variants) {
        CHECK(v.frame_rate_milli == 25'000);
        CHECK(v.codecs.find("avc1.") != std::string::npos);
        CHECK(v.codecs.find("mp4a.40.2") != std::string::npos);
        CHECK(v.audio == top.renditions[0].group_id);
        CHECK(v.average_bandwidth <= v.bandwidth);
    }

    const auto high = read_rendition(made.out, "high");
    const auto low = read_rendition(made.out, "low");
    const auto audio = read_rendition(made.out, "audio");
    // 5.2 s: the last segment of 0.2 s is joined to the one before where the target allows, else it
    // stands alone.
    CHECK(high.samples() == 130);
    CHECK(low.samples() == 130);
    REQUIRE(high.segments.size() == low.segments.size());
    for (std::size_t i = 0; i < high.segments.size(); ++i) {
        CAPTURE(i);
        const auto& a = high.segments[i];
        const auto& b = low.segments[i];
        CHECK(a.first_pts() == b.first_pts());
        CHECK(a.end_pts() == b.end_pts());
        CHECK(a.samples.front().key);
        CHECK(b.samples.front().key);
        CHECK(a.samples.front().pts == a.first_pts());
        if (i > 0) CHECK(a.first_pts() == high.segments[i - 1].end_pts());
    }
    for (const auto* r : {&high, &low, &audio}) {
        CAPTURE(r->name);
        CHECK(r->playlist.ended);
        CHECK(r->playlist.type == formats::m3u8::PlaylistType::kVod);
        CHECK(r->track().edits.empty());
        std::int64_t sum_us = 0;
        for (const auto& s : r->segments) {
            sum_us += s.playlist_us;
            CHECK(formats::m3u8::target_seconds(s.playlist_us) <= r->playlist.target_seconds);
            CHECK(std::abs(static_cast<double>(s.end_pts() - s.first_pts()) /
                               static_cast<double>(r->timescale) -
                           static_cast<double>(s.playlist_us) / 1e6) < 1e-3);
        }
        CHECK(static_cast<double>(sum_us) / 1e6 == Approx(5.2).margin(0.05));
    }

    const auto mpd = read_mpd(made.out);
    REQUIRE(mpd.periods.size() == 1);
    CHECK(mpd.presentation_duration_us == Approx(5.2e6).margin(50'000));
    std::set<std::string> ids;
    double offset = -1;
    for (const auto& set : mpd.periods[0].adaptation_sets) {
        for (const auto& r : set.representations) {
            ids.insert(r.id);
            offset = presentation_offset(r);
            const auto segments =
                formats::mpd::expand(*r.segment_template, *mpd.presentation_duration_us, 100);
            REQUIRE(segments);
            const auto& same = r.id == "high" ? high : r.id == "low" ? low : audio;
            REQUIRE(segments->size() == same.segments.size());
            for (std::size_t i = 0; i < segments->size(); ++i) {
                const auto name = formats::mpd::fill_template(
                    r.segment_template->media, r, (*segments)[i].number, (*segments)[i].time);
                REQUIRE(name);
                CHECK(std::filesystem::path(*name).filename() == same.segments[i].file);
                CHECK((*segments)[i].time == same.segments[i].first_pts());
            }
        }
    }
    CHECK(ids == std::set<std::string>{"high", "low", "audio"});
    // Picture and sound begin at K: the picture exactly, the sound with its priming before.
    CHECK(high.first_s() == Approx(offset).margin(1e-9));
    CHECK(audio.first_s() <= offset);
    CHECK(audio.first_s() > offset - 0.05);
    CHECK(audio.end_s() == Approx(high.end_s()).margin(0.025));
}

TEST_CASE("picture and sound of the output are as far apart as in the source") {
    for (const double late : {0.0, 0.3}) {
        CAPTURE(late);
        Made made;
        auto clip = flash_and_beep(6);
        clip.video[0].b_frames = 2;
        clip.audio[0].start_s = late;
        transcode(made, clip);
        const auto offset = presentation_offset(
            read_mpd(made.out).periods.at(0).adaptation_sets.at(0).representations.at(0));
        read_rendition(made.out, "high").join_to(made.folder / "high.mp4");
        read_rendition(made.out, "audio").join_to(made.folder / "audio.mp4");
        const auto seen = watch(made.folder / "high.mp4");
        const auto heard = watch(made.folder / "audio.mp4");
        REQUIRE(seen.flash_s.size() == 6);
        REQUIRE(heard.beep_s.size() == 6);
        for (std::size_t i = 0; i < 6; ++i) {
            CAPTURE(i);
            CHECK(seen.flash_s[i] - offset == Approx(static_cast<double>(i) + 0.6).margin(0.001));
            CHECK(heard.beep_s[i] - seen.flash_s[i] == Approx(late).margin(0.005));
        }
    }
}

TEST_CASE("playlists of key frames name exactly the key frames") {
    Made made;
    transcode(made, flash_and_beep(3));
    const auto high = read_rendition(made.out, "high");
    const auto iframes = read_playlist(made.out / "high" / "iframes.m3u8");
    CHECK(iframes.iframes_only);
    std::size_t keys = 0;
    for (const auto& s : high.segments) {
        for (const auto& sample : s.samples) keys += sample.key ? 1 : 0;
    }
    CHECK(iframes.segments.size() == keys);
    for (const auto& s : iframes.segments) {
        REQUIRE(s.range);
        const auto bytes =
            bytes_of(made.out / "high" / s.uri).substr(s.range->offset, s.range->bytes);
        CHECK(bytes.find("mdat") != std::string::npos);
    }
}

TEST_CASE("one file for each rendition holds the same samples, and both manifests find them") {
    Made made;
    transcode(made, flash_and_beep(3));
    const auto single = made.folder / "single";
    const auto ended = streamgate(quick_words(made.folder,
                                              {(made.folder / "film.mp4").string(),
                                               "-o",
                                               single.string(),
                                               "--set",
                                               "packaging.formats=[hls-cmaf, dash, single-file]"}));
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    CHECK(streamgate({"verify", single.string(), "--full"}).exit_code == 0);
    for (const char* name : {"high", "low", "audio"}) {
        CAPTURE(name);
        const auto parts = read_rendition(made.out, name);
        const auto playlist = read_playlist(single / name / "index.m3u8");
        REQUIRE(playlist.segments.size() == parts.segments.size());
        for (std::size_t i = 0; i < parts.segments.size(); ++i) {
            const auto& s = playlist.segments[i];
            REQUIRE(s.range);
            const auto range =
                bytes_of(single / name / s.uri).substr(s.range->offset, s.range->bytes);
            CHECK(range == bytes_of(parts.folder / parts.segments[i].file));
        }
    }
    const auto mpd = read_mpd(single);
    CHECK(mpd.profiles.find("on-demand") != std::string::npos);
    for (const auto& set : mpd.periods.at(0).adaptation_sets) {
        for (const auto& r : set.representations) CHECK(r.segment_base);
    }
}

TEST_CASE("transport streams for old players stand beside the same film") {
    Made made;
    transcode(made, flash_and_beep(3), {"--set", "packaging.formats=[hls-cmaf, hls-ts, dash]"});
    CHECK(streamgate({"verify", made.out.string(), "--full"}).exit_code == 0);
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(made.out)) {
        if (entry.path().extension() == ".ts") found.push_back(entry.path());
    }
    CHECK(found.size() >= 6);
    for (const auto& path : found) {
        const auto bytes = bytes_of(path);
        CHECK(bytes.size() % 188 == 0);
        CHECK(bytes.front() == 'G');
    }
}

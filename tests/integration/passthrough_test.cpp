#include <csignal>
#include <fstream>
#include <span>

#include <base/digest.hpp>
#include <formats/bmff_sample_table.hpp>
#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"
#include "watched.hpp"

using namespace sg;
using namespace sg::test;

namespace {

/// SHA-256 of each sample of a progressive file's track, in decoding order.
std::vector<std::string> source_hashes(const std::filesystem::path& path, formats::FourCc handler) {
    const auto bytes = bytes_of(path);
    const formats::ReadAt read = [&](std::uint64_t offset,
                                     std::span<std::byte> into) -> Result<std::size_t> {
        if (offset >= bytes.size()) return std::size_t{0};
        const auto count = std::min<std::size_t>(into.size(), bytes.size() - offset);
        std::copy_n(std::as_bytes(std::span(bytes)).begin() + static_cast<std::ptrdiff_t>(offset),
                    count,
                    into.begin());
        return count;
    };
    const auto movie = formats::MovieFile::open(read, {});
    REQUIRE(movie);
    std::vector<std::string> hashes;
    for (std::size_t t = 0; t < movie->info().tracks.size(); ++t) {
        if (movie->info().tracks[t].handler != handler) continue;
        const auto table = movie->samples(t);
        REQUIRE(table);
        formats::SampleCursor cursor(*table);
        for (formats::Sample s; cursor.next(s);)
            hashes.push_back(sha256_hex(std::string_view(bytes).substr(s.offset, s.size)));
    }
    return hashes;
}

Ended pass_through(const std::string& source,
                   const std::filesystem::path& out,
                   const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"transcode",
                                   source,
                                   "-o",
                                   out.string(),
                                   "--preset",
                                   "passthrough",
                                   "--set",
                                   "packaging.segment=2s",
                                   "--verify",
                                   "full",
                                   "--json"};
    words.insert(words.end(), more.begin(), more.end());
    auto ended = streamgate(words);
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    return ended;
}

std::string rendition_named(const Ended& ended, bool video) {
    const auto finished = ended.one("input.finished");
    for (const auto& r : finished.at("renditions")) {
        if (r.contains("width") == video) {
            CHECK(r.at("copied") == true);
            return r.at("name");
        }
    }
    FAIL("no such rendition");
    return {};
}

}  // namespace

TEST_CASE("a copy has the source's samples, byte for byte, cut at key frames") {
    const TempFolder folder;
    auto clip = flash_and_beep(7);
    clip.video[0].b_frames = 2;
    const auto source = make_clip(folder / "film.mp4", clip);
    const auto out = folder / "out";
    const auto ended = pass_through(source.string(), out);
    const auto video = read_rendition(out, rendition_named(ended, true));
    const auto audio = read_rendition(out, rendition_named(ended, false));
    CHECK(video.hashes() == source_hashes(source, formats::fourcc("vide")));
    CHECK(audio.hashes() == source_hashes(source, formats::fourcc("soun")));
    for (const auto& s : video.segments) {
        CHECK(s.samples.front().key);
        CHECK(s.samples.front().pts == s.first_pts());
    }
    CHECK(video.segments.size() == audio.segments.size());
    video.join_to(folder / "video.mp4");
    audio.join_to(folder / "audio.mp4");
    const auto seen = watch(folder / "video.mp4");
    const auto heard = watch(folder / "audio.mp4");
    REQUIRE(seen.flash_s.size() == 7);
    REQUIRE(heard.beep_s.size() == 7);
    for (std::size_t i = 0; i < 7; ++i)
        CHECK(heard.beep_s[i] - seen.flash_s[i] == Approx(0).margin(0.005));
}

TEST_CASE("copies from other containers hold every frame and stay in time") {
    const TempFolder folder;
    for (const char* name : {"film.ts", "film.mkv", "film.flv"}) {
        CAPTURE(name);
        auto clip = flash_and_beep(5);
        clip.video[0].b_frames = 2;
        const auto source = make_clip(folder / name, clip);
        const auto out = folder / (std::string("out-") + name);
        const auto ended = pass_through(source.string(), out);
        const auto video = read_rendition(out, rendition_named(ended, true));
        const auto audio = read_rendition(out, rendition_named(ended, false));
        CHECK(video.samples() == 125);
        video.join_to(folder / "video.mp4");
        audio.join_to(folder / "audio.mp4");
        const auto seen = watch(folder / "video.mp4");
        const auto heard = watch(folder / "audio.mp4");
        CHECK(seen.picture_s.size() == 125);
        REQUIRE(seen.flash_s.size() == 5);
        REQUIRE(heard.beep_s.size() == 5);
        for (std::size_t i = 0; i < 5; ++i)
            CHECK(heard.beep_s[i] - seen.flash_s[i] == Approx(0).margin(0.005));
    }
}

TEST_CASE("copies whose segments are single pictures play without gaps or overlaps") {
    const TempFolder folder;
    for (const char* name : {"stills.mp4", "stills.mkv"}) {
        CAPTURE(name);
        ClipOptions clip;
        clip.audio.clear();
        clip.video[0].rate = {1, 2};
        clip.video[0].seconds = 12;
        clip.video[0].gop = 1;
        const auto source = make_clip(folder / name, clip).string();
        const auto out = folder / (std::string("out-") + name);
        const auto video = read_rendition(out, rendition_named(pass_through(source, out), true));
        REQUIRE(video.segments.size() == 6);
        for (const auto& s : video.segments) CHECK(s.playlist_us == 2'000'000);
    }
}

TEST_CASE("a copy whose first segment is a single picture may reorder later") {
    const TempFolder folder;
    ClipOptions clip;
    clip.audio.clear();
    clip.video[0].rate = {1, 2};
    clip.video[0].seconds = 24;
    clip.video[0].gop = 100;
    clip.video[0].b_frames = 2;
    // All but the first are white: the second is a new scene and a key frame.
    for (double at = 2; at < 24; at += 2) clip.video[0].flash_s.push_back(at);
    clip.video[0].options = {
        {"x264-params", "scenecut=100:min-keyint=1:rc-lookahead=10:bframes=2:b-adapt=0"}};
    const auto source = make_clip(folder / "film.mp4", clip).string();
    const auto out = folder / "out";
    const auto video = read_rendition(out, rendition_named(pass_through(source, out), true));
    REQUIRE(video.segments.size() == 2);
    CHECK(video.segments[0].samples.size() == 1);
    const auto& later = video.segments[1].samples;
    const auto backwards = [](const MadeSample& a, const MadeSample& b) { return b.pts < a.pts; };
    CHECK(std::adjacent_find(later.begin(), later.end(), backwards) != later.end());
    CHECK(later.front().dts ==
          video.segments[0].samples[0].dts + video.segments[0].samples[0].duration);
}

TEST_CASE("copied tracks last as long as their presentation") {
    struct Case {
        const char* file;
        double picture_s;
        double sound_s;
    };
    const TempFolder folder;
    for (const Case& c : {Case{"long-sound.mp4", 6, 7.7},
                          {"long-sound.mkv", 6, 7.7},
                          {"short-sound.mp4", 6, 5.4},
                          {"short-sound.mkv", 6, 5.4}}) {
        CAPTURE(c.file);
        ClipOptions clip;
        clip.video[0].seconds = c.picture_s;
        clip.video[0].b_frames = 2;
        clip.audio[0].seconds = c.sound_s;
        const auto source = make_clip(folder / c.file, clip).string();
        const auto out = folder / (std::string("out-") + c.file);
        const auto ended = pass_through(source, out);
        const auto video = read_rendition(out, rendition_named(ended, true));
        const auto audio = read_rendition(out, rendition_named(ended, false));
        CHECK(video.samples() == 150);
        const double end = std::max(c.picture_s, c.sound_s);
        const auto mpd = read_mpd(out);
        CHECK(static_cast<double>(mpd.presentation_duration_us.value_or(0)) / 1e6 ==
              Approx(end).margin(0.06));
        CHECK(video.end_s() - 10 == Approx(end).margin(0.06));
        CHECK(audio.end_s() - 10 == Approx(end).margin(0.06));
    }
}

TEST_CASE("a copy in single files and as transport streams is the same film") {
    const TempFolder folder;
    const auto source = make_clip(folder / "film.mp4", flash_and_beep(5)).string();
    pass_through(
        source, folder / "single", {"--set", "packaging.formats=[hls-cmaf, dash, single-file]"});
    pass_through(source, folder / "ts", {"--set", "packaging.formats=[hls-ts, hls-cmaf, dash]"});
    CHECK(streamgate({"verify", (folder / "single").string(), "--full"}).exit_code == 0);
    CHECK(streamgate({"verify", (folder / "ts").string(), "--full"}).exit_code == 0);
}

TEST_CASE("a copied rung has the borders of the encoded ones") {
    const TempFolder folder;
    auto clip = flash_and_beep(5);
    const auto source = make_clip(folder / "film.mp4", clip).string();
    const auto out = folder / "out";
    const auto ended = streamgate(quick_words(folder,
                                              {source,
                                               "-o",
                                               out.string(),
                                               "--set",
                                               "video.ladder=[{name: high, codec: copy}, {name: "
                                               "low, width: 80, height: 60, max_bitrate: 100k}]"}));
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    const auto high = read_rendition(out, "high");
    const auto low = read_rendition(out, "low");
    CHECK(high.hashes() == source_hashes(source, formats::fourcc("vide")));
    REQUIRE(high.segments.size() == low.segments.size());
    for (std::size_t i = 0; i < high.segments.size(); ++i) {
        const auto at = [](const MadeRendition& r, std::int64_t ticks) {
            return static_cast<double>(ticks) / static_cast<double>(r.timescale);
        };
        CHECK(at(high, high.segments[i].first_pts()) ==
              Approx(at(low, low.segments[i].first_pts())).margin(1e-4));
    }
}

TEST_CASE("published early, a playlist grows while it can be played, and ends as a film") {
    const TempFolder folder;
    const auto source = make_clip(folder / "film.mp4", flash_and_beep(9)).string();
    const auto out = folder / "out";
    Program program(
        quick_words(folder, {source, "-o", out.string(), "--publish", "early", "--jobs", "1"}));
    REQUIRE(program.read_until("published.early"));
    program.signal(SIGSTOP);  // so that it stands still while it is looked at
    const auto top = read_multivariant(out);
    CHECK(top.variants.size() == 2);
    const auto early = read_rendition(out, "high");
    const auto early_low = read_rendition(out, "low");
    const auto early_audio = read_rendition(out, "audio");
    CHECK(early.playlist.type == formats::m3u8::PlaylistType::kEvent);
    CHECK_FALSE(early.playlist.ended);
    CHECK(early.segments.size() == early_low.segments.size());
    CHECK(early.segments.size() == early_audio.segments.size());
    early.join_to(folder / "early.mp4");
    const auto seen = watch(folder / "early.mp4");
    const auto hashes = digests(out);
    program.signal(SIGCONT);
    const auto ended = program.finish();
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    CHECK(seen.picture_s.size() == early.samples());
    const auto high = read_rendition(out, "high");
    CHECK(high.playlist.ended);
    CHECK(high.playlist.type == formats::m3u8::PlaylistType::kVod);
    CHECK(high.segments.size() >= early.segments.size());
    CHECK(high.playlist.target_seconds == early.playlist.target_seconds);
    // What a player has seen once keeps its name and its bytes.
    const auto after = digests(out);
    for (const auto& [path, digest] : hashes) {
        if (!path.ends_with(".m4s") && !path.ends_with(".mp4")) continue;
        if (path.starts_with(".streamgate")) continue;
        CAPTURE(path);
        CHECK(after.at(path) == digest);
    }
}

TEST_CASE("published early and killed, a resumed run finishes the same film") {
    const TempFolder folder;
    const auto source = make_clip(folder / "film.mp4", flash_and_beep(9)).string();
    const auto words = [&](const std::string& out, const std::vector<std::string>& more) {
        std::vector<std::string> all{
            source, "-o", (folder / out).string(), "--publish", "early", "--jobs", "1"};
        all.insert(all.end(), more.begin(), more.end());
        return quick_words(folder, all);
    };
    REQUIRE(streamgate(words("whole", {})).exit_code == 0);
    for (const int number : {SIGKILL, SIGINT}) {
        const auto name = "stopped" + std::to_string(number);
        Program program(words(name, {}));
        REQUIRE(program.read_until("published.early"));
        program.signal(number);
        const auto stopped = program.finish();
        INFO(stopped.out << stopped.err);
        const auto resumed = streamgate(words(name, {"--resume"}));
        INFO(resumed.out << resumed.err);
        REQUIRE(resumed.exit_code == 0);
        CHECK(digests(folder / name) == digests(folder / "whole"));
    }
}

TEST_CASE("pictures before Matroska's zero are copied and in time") {
    const TempFolder folder;
    auto clip = flash_and_beep(5);
    clip.start_s = -1;
    clip.video[0].b_frames = 2;
    clip.muxer_options = {{"avoid_negative_ts", "disabled"}};
    const auto source = make_clip(folder / "film.mkv", clip);
    const auto ended = pass_through(source.string(), folder / "out");
    const auto repairs = ended.one("input.finished").at("repairs");
    CHECK(std::any_of(repairs.begin(), repairs.end(), [](const auto& r) {
        return r.at("code") == "times_before_zero";
    }));
    const auto video = read_rendition(folder / "out", rendition_named(ended, true));
    const auto audio = read_rendition(folder / "out", rendition_named(ended, false));
    CHECK(video.samples() == 125);
    video.join_to(folder / "video.mp4");
    audio.join_to(folder / "audio.mp4");
    const auto seen = watch(folder / "video.mp4");
    const auto heard = watch(folder / "audio.mp4");
    REQUIRE(seen.flash_s.size() == 5);
    REQUIRE(heard.beep_s.size() == 5);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(heard.beep_s[i] - seen.flash_s[i] == Approx(0).margin(0.005));
}

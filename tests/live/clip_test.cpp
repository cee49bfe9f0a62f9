#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include <fcntl.h>

#include <live/dvr_clip.hpp>
#include <sys/file.h>

#include <base/clock.hpp>
#include <base/file.hpp>
#include <engine/verify.hpp>
#include <formats/bmff_reader.hpp>
#include <formats/m3u8.hpp>
#include <formats/mpd.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "stored_channel.hpp"

using namespace sg;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using packagers::LiveRenditionConfig;
using Run = test::StoredRun;

namespace {

std::vector<LiveRenditionConfig> pictures_and_sound() {
    return {test::live_video("video"), test::live_audio("audio")};
}

struct Clip {
    explicit Clip(const test::TempFolder& temp,
                  const std::string& from = "0s",
                  const std::string& to = "-0s")
        : folder(temp.path() / "clip") {
        live::ClipRequest request;
        request.store = temp.path();
        request.channel = "live/a";
        request.from = live::parse_clip_point(from).value();
        request.to = live::parse_clip_point(to).value();
        request.output = folder;
        fs::remove_all(folder);
        const auto made = live::make_clip(request);
        if (!made) FAIL(made.error().message);
        summary = *made;
    }

    [[nodiscard]] formats::m3u8::Media playlist(const std::string& rendition) const {
        const auto text = read_file(folder / rendition / "index.m3u8", 1U << 20).value();
        INFO(text);
        const auto parsed = formats::m3u8::parse(text);
        REQUIRE(parsed);
        return std::get<formats::m3u8::Media>(*parsed);
    }
    [[nodiscard]] formats::m3u8::Multivariant multivariant() const {
        const auto text = read_file(folder / "index.m3u8", 1U << 20).value();
        return std::get<formats::m3u8::Multivariant>(formats::m3u8::parse(text).value());
    }
    [[nodiscard]] formats::mpd::Mpd manifest() const {
        return formats::mpd::parse(read_file(folder / "manifest.mpd", 1U << 20).value()).value();
    }
    /// First and end decode time of a segment, with K.
    [[nodiscard]] std::pair<std::int64_t, std::int64_t> times(const std::string& rendition,
                                                              std::size_t number) const {
        const auto name = "seg-" + std::to_string(number) + ".m4s";
        const auto text = read_file(folder / rendition / name, 1U << 24).value();
        const auto parsed = formats::parse_segment(std::as_bytes(std::span(text)), {});
        REQUIRE(parsed);
        const auto& last = parsed->fragments.back();
        return {static_cast<std::int64_t>(parsed->fragments.front().decode_time),
                static_cast<std::int64_t>(last.decode_time + last.duration())};
    }
    /// What our own checks find, warnings too; pictures are made up, and not decoded.
    [[nodiscard]] std::set<std::string> faults() const {
        engine::VerifyOptions options;
        options.mode = engine::VerifyMode::kOff;
        const auto report = engine::verify(folder.string(), options);
        REQUIRE(report);
        std::set<std::string> out;
        for (const auto& check : report->checks)
            if (!check.ok) out.insert(check.name + " " + check.subject + ": " + check.detail);
        return out;
    }

    fs::path folder;
    live::ClipSummary summary;
};

std::vector<std::size_t> discontinuities(const formats::m3u8::Media& list) {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < list.segments.size(); ++i)
        if (list.segments[i].discontinuity) out.push_back(i);
    return out;
}

bool says(const std::vector<std::string>& notes, const std::string& words) {
    for (const auto& note : notes) UNSCOPED_INFO(note);
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
        return note.find(words) != std::string::npos;
    });
}

const std::set<std::string> kNone;

}  // namespace

TEST_CASE("a clip is a finished presentation of whole segments") {
    test::TempFolder temp;
    Run run(temp.path(), "a1", pictures_and_sound());
    run.until(60);
    const Clip clip(temp, "-20s", "-10s");
    CHECK(clip.summary.segments >= 10);
    CHECK(clip.summary.segments <= 12);
    REQUIRE(clip.summary.stretches.size() == 1);
    CHECK(clip.summary.stretches[0].begins == clip.summary.begins);
    CHECK(clip.summary.notes.empty());
    const auto list = clip.playlist("audio");
    CHECK(list.ended);
    CHECK(list.segments.size() == clip.summary.segments);
    CHECK_FALSE(list.segments.front().program_date_time_ms);
    CHECK(clip.manifest().periods.size() == 1);
    CHECK(std::abs(clip.times("video", 1).first - 900'000) < 9'000);
    CHECK(clip.faults() == kNone);

    live::ClipRequest request;
    request.store = temp.path();
    request.channel = "live/a";
    request.output = clip.folder;
    CHECK(live::make_clip(request).error().code == Errc::kInvalidArgument);  // it is not empty
    request.output = temp.path() / "other";
    request.channel = "live/b";
    CHECK(live::make_clip(request).error().code == Errc::kNotFound);
    CHECK_FALSE(fs::exists(request.output));
}

TEST_CASE("a clip that is cut off leaves nothing, or what the next one replaces") {
    test::TempFolder temp;
    Run run(temp.path(), "a1", pictures_and_sound());
    run.until(20);
    live::ClipRequest request;
    request.store = temp.path();
    request.channel = "live/a";
    request.output = temp.path() / "clip";
    const auto& out = request.output;
    // As a kill in the middle leaves it.
    fs::create_directories(out / "video");
    std::ofstream(out / "video/seg-1.m4s") << "half";
    CHECK(live::make_clip(request).error().code == Errc::kInvalidArgument);
    std::ofstream(out / ".unfinished-clip");
    {
        const auto other = open_file(out / ".unfinished-clip", O_RDWR);
        REQUIRE(::flock(other->get(), LOCK_EX) == 0);
        CHECK(live::make_clip(request).error().code == Errc::kInvalidArgument);
        CHECK(fs::exists(out / "video/seg-1.m4s"));
    }
    REQUIRE(live::make_clip(request));
    CHECK(fs::file_size(out / "video/seg-1.m4s") > 4);
    CHECK_FALSE(fs::exists(out / ".unfinished-clip"));

    // The disk gives back something else than it was given.
    const auto media = temp.path() / "live/live/a/a1/1-0.mp4";
    const auto size = fs::file_size(media);
    fs::resize_file(media, size / 2);
    fs::resize_file(media, size);
    request.output = temp.path() / "other";
    CHECK_FALSE(live::make_clip(request));
    CHECK_FALSE(fs::exists(request.output));
    fs::create_directory(request.output);
    CHECK_FALSE(live::make_clip(request));
    CHECK(fs::is_empty(request.output));
}

TEST_CASE("a clip goes on over reconnects, lost segments and a restart") {
    test::TempFolder temp;
    std::int64_t next = 0;
    {
        Run run(temp.path(), "a1", pictures_and_sound());
        run.output.kept = [](const std::string&, std::int64_t number) { return number != 12; };
        run.until(5.5);
        run.nothing_until(9);
        run.renew(pictures_and_sound());
        run.until(20.3);
        // It is killed: nothing is closed.
        next = run.output.next_number + 1;
    }
    Run run(temp.path(), "a2", pictures_and_sound(), next, 40s);
    run.until(6);
    run.finish();
    const Clip clip(temp);
    REQUIRE(clip.summary.stretches.size() == 4);
    CHECK(clip.summary.notes.empty());

    const auto video = clip.playlist("video");
    const auto breaks = discontinuities(video);
    REQUIRE(breaks.size() == 3);
    CHECK(discontinuities(clip.playlist("audio")) == breaks);
    CHECK(video.segments.size() == clip.summary.segments);
    CHECK(video.maps.size() == 1);  // the init segment is the same
    for (const char* rendition : {"video", "audio"}) {
        const auto list = clip.playlist(rendition);
        std::size_t dated = 0;
        for (const auto& s : list.segments) dated += s.program_date_time_ms ? 1U : 0U;
        CHECK(dated == 4);
        CHECK(list.segments.front().program_date_time_ms);
        for (const auto i : breaks) CHECK(list.segments[i].program_date_time_ms);
    }

    const auto mpd = clip.manifest();
    REQUIRE(mpd.periods.size() == 4);
    for (std::size_t i = 1; i < 4; ++i) {
        const auto& before = mpd.periods[i - 1];
        CHECK(mpd.periods[i].start_us == *before.start_us + *before.duration_us);
        const auto& set = mpd.periods[i].adaptation_sets.at(0);
        REQUIRE_FALSE(set.supplemental.empty());
        CHECK(set.supplemental.back() ==
              formats::mpd::Descriptor{"urn:mpeg:dash:period-connectivity:2015", "0"});
    }
    // Times go on as if nothing had been missing.
    for (const auto i : breaks) {
        const auto gap = clip.times("video", i + 1).first - clip.times("video", i).second;
        CHECK(std::abs(gap) <= 1);
    }
    CHECK(clip.faults() == kNone);
    // Of 46 seconds that passed.
    CHECK(rfc3339(clip.summary.begins).starts_with("2026-01-31T12:00:00"));
    CHECK(clip.summary.stretches[1].begins - clip.summary.stretches[0].ends > 3s);
    CHECK(clip.summary.length < 23s);
    CHECK(clip.summary.length > 20s);
}

TEST_CASE("at the end of a stretch pictures and sound end together") {
    test::TempFolder temp;
    const bool sound_longer = GENERATE(true, false);
    Run run(temp.path(), "a1", pictures_and_sound());
    run.until(4.2);
    auto& feed = *run.feed;
    if (sound_longer)
        feed.videos.clear();
    else
        feed.audios.clear();
    run.until(4.7);
    run.renew(pictures_and_sound());
    run.nothing_until(8);
    run.until(12);
    run.finish();
    const Clip clip(temp);
    REQUIRE(clip.summary.stretches.size() == 2);
    const auto first = discontinuities(clip.playlist("video")).at(0);
    const auto video = clip.playlist("video");
    const auto audio = clip.playlist("audio");
    std::int64_t pictures_us = 0;
    std::int64_t sound_us = 0;
    for (std::size_t i = 0; i < first; ++i) {
        pictures_us += video.segments[i].duration_us;
        sound_us += audio.segments[i].duration_us;
    }
    // To the frame, of 40 and 21 ms; sound begins within one of the first picture.
    CHECK(std::abs(sound_us - pictures_us) < 22'000);
    CHECK(pictures_us > 3'900'000);
    CHECK(pictures_us < (sound_longer ? 4'300'000 : 4'220'000));
    CHECK(clip.faults() == kNone);
}

TEST_CASE("another rung stands in where one is missing; what is rare is in the MPD alone") {
    test::TempFolder temp;
    const auto all = [] {
        return std::vector{
            test::live_video("large"), test::live_video("small"), test::live_audio("audio")};
    };
    Run run(temp.path(), "a1", all());
    run.output.kept = [](const std::string& rendition, std::int64_t number) {
        return rendition != "small" || number != 4;
    };
    run.until(12);
    auto more = all();
    more.push_back(test::live_audio("audio-fr"));
    more.back().language = "fr";
    more.back().source_track = 1;
    more.back().is_default = false;
    run.renew(std::move(more));
    run.until(15);
    run.finish();
    const Clip clip(temp);
    REQUIRE(clip.summary.stretches.size() == 4);
    CHECK(says(clip.summary.notes, "small has nothing from 2026-01-31T12:00:04"));
    CHECK(says(clip.summary.notes, "large stands in"));
    CHECK(says(clip.summary.notes, "audio-fr has 2.9 s of 14.8 s"));
    CHECK(clip.multivariant().variants.size() == 2);
    CHECK(clip.playlist("small").segments.size() == clip.playlist("large").segments.size());
    CHECK_FALSE(fs::exists(clip.folder / "audio-fr" / "index.m3u8"));
    const auto mpd = clip.manifest();
    REQUIRE(mpd.periods.size() == 4);
    CHECK(mpd.periods[0].adaptation_sets.at(0).representations.size() == 2);
    CHECK(mpd.periods[1].adaptation_sets.at(0).representations.size() == 1);
    CHECK(mpd.periods[0].adaptation_sets.size() == 2);
    CHECK(mpd.periods[3].adaptation_sets.size() == 3);
    CHECK(clip.faults() == kNone);
}

TEST_CASE("a clip is silent where there is no sound, and without times that have no picture") {
    test::TempFolder temp;
    Run run(temp.path(), "a1", pictures_and_sound());
    run.until(6);
    run.renew({test::live_video("video")});
    run.until(10);
    run.renew({test::live_audio("audio")});
    run.until(13);
    run.renew(pictures_and_sound());
    run.until(20);
    run.finish();
    const Clip clip(temp);
    REQUIRE(clip.summary.stretches.size() == 3);
    CHECK(says(clip.summary.notes, "audio has nothing from 2026-01-31T12:00:06"));
    CHECK(says(clip.summary.notes, "there is only sound from 2026-01-31T12:00:10"));
    CHECK(clip.summary.length > 16s);
    CHECK(clip.summary.length < 18s);
    const auto breaks = discontinuities(clip.playlist("audio"));
    REQUIRE(breaks.size() == 2);
    const auto silent = clip.times("audio", breaks[0] + 1);
    CHECK(silent.second > silent.first);
    CHECK(clip.faults() == kNone);
}

TEST_CASE("other parameters have an init segment of their own, and are all declared") {
    test::TempFolder temp;
    Run run(temp.path(), "a1", pictures_and_sound());
    run.until(5);
    auto mono = pictures_and_sound();
    const std::array<std::byte, 2> config{std::byte{0x11}, std::byte{0x88}};  // mono
    mono[1].codec = *formats::make_codec_config(formats::Codec::kAac, config);
    run.renew(std::move(mono));
    run.until(9);
    run.finish();
    const Clip clip(temp);
    REQUIRE(clip.summary.stretches.size() == 2);
    const auto list = clip.playlist("audio");
    REQUIRE(list.maps.size() == 2);
    CHECK(list.segments.front().map == 0);
    CHECK(list.segments.back().map == 1);
    CHECK(clip.multivariant().renditions.at(0).channels == "2");
    const auto mpd = clip.manifest();
    CHECK(mpd.periods[1].adaptation_sets[0].supplemental.size() == 1);
    CHECK(mpd.periods[1].adaptation_sets[1].supplemental.empty());
    const auto& sound = mpd.periods[1].adaptation_sets[1].representations[0];
    CHECK(sound.audio_channels.at(0).value == "1");
    CHECK(clip.faults() == kNone);
}

TEST_CASE("what a killed service had not yet stored in all renditions is left out") {
    test::TempFolder temp;
    Run run(temp.path(), "a1", pictures_and_sound());
    run.output.kept = [](const std::string& rendition, std::int64_t number) {
        return rendition != "audio" || number < 8;
    };
    run.until(9.5);
    const Clip clip(temp);
    CHECK(clip.summary.stretches.size() == 1);
    CHECK(clip.summary.segments == 8);
    CHECK(clip.summary.notes.empty());
    CHECK(clip.faults() == kNone);
}

TEST_CASE("clip points are dates, or distances from either end") {
    using From = live::ClipPoint::From;
    const auto point = [](std::string_view text) { return live::parse_clip_point(text).value(); };
    CHECK(point("-90s").from == From::kEnd);
    CHECK(point("-90s").distance == 90s);
    CHECK(point("5m").from == From::kBeginning);
    CHECK(point("5m").distance == 5min);
    CHECK(point("1.5").distance == 1500ms);
    CHECK(point("2026-01-31T12:00:00.250Z").date == point("2026-01-31T14:00:00.25+02:00").date);
    for (const auto* bad : {"", "-", "x", "2026-01-31", "5d", "1e", "--3"})
        CHECK_FALSE(live::parse_clip_point(bad));
}

#include <algorithm>
#include <functional>
#include <set>

#include <support/catch.hpp>

#include "made.hpp"
#include "program.hpp"
#include "quick.hpp"
#include "watched.hpp"

using namespace sg::test;

namespace {

namespace fs = std::filesystem;
using Change = std::function<void(ClipOptions&)>;
using Make =
    std::function<fs::path(const TempFolder&, const std::string& name, const ClipOptions&)>;

/// What one kind of input is and what must become of it. The clip that a trait changes has 4 s of
/// flash and beep.
struct Trait {
    std::string file;
    Change change;
    std::set<std::string> codes;  ///< among warnings, notes and repairs
    int width = 160;              ///< of the first rung; 0: no video
    int height = 120;
    double rate = 25;
    std::vector<std::string> audio{"audio"};
    int channels = 2;
    double seconds = 4;
    double tolerance_s = 0.05;
    bool in_time = true;  ///< each flash has its beep
    double in_time_s = 0.005;
    double beep_after_s = 0;  ///< the flash, in the source
    Make make;
};

fs::path plain(const TempFolder& folder, const std::string& name, const ClipOptions& clip) {
    return make_clip(folder / name, clip);
}

/// Two transport streams in one file, the second from `start_s` on and perhaps of another size.
Make joined(double start_s, int width, int height) {
    return [=](const TempFolder& folder, const std::string& name, const ClipOptions& clip) {
        auto second = clip;
        second.start_s = start_s;
        second.video[0].width = width;
        second.video[0].height = height;
        return join_files({make_clip(folder / "1.ts", clip), make_clip(folder / "2.ts", second)},
                          folder / name);
    };
}

Change sound_only(const std::string& encoder) {
    return [=](ClipOptions& clip) {
        clip.video.clear();
        clip.audio[0].encoder = encoder;
    };
}

Change codecs(const std::string& video, const std::string& audio) {
    return [=](ClipOptions& clip) {
        clip.video[0].encoder = video;
        clip.audio[0].encoder = audio;
    };
}

void varying_rate(ClipOptions& clip) {
    unsigned state = 5;
    for (const auto t : frame_times_ms({60, 1}, 240)) {
        state = state * 1103515245 + 12345;
        if ((state >> 16) % 3 != 0) clip.video[0].times_ms.push_back(t);
    }
}

void gap_in_picture(ClipOptions& clip) {
    auto& times = clip.video[0].times_ms;
    times = frame_times_ms({25, 1}, 100);
    times.erase(times.begin() + 45, times.begin() + 60);
}

void pq(ClipOptions& clip) {
    clip.video[0].pixel_format = "yuv420p10le";
    clip.video[0].primaries = 9;
    clip.video[0].transfer = 16;
    clip.video[0].matrix = 9;
}

void cover(ClipOptions& clip) {
    ClipVideo picture;
    picture.encoder = "mjpeg";
    picture.pixel_format = "yuvj420p";
    picture.rate = {1, 1};
    picture.seconds = 1;
    picture.disposition = 0x400;  // AV_DISPOSITION_ATTACHED_PIC
    clip.video = {picture};
}

std::vector<Trait> traits() {
    const std::vector<std::string> none;
    std::vector<Trait> all;
    const auto add = [&](std::string file, Change change = {}) -> Trait& {
        all.push_back({});
        all.back().file = std::move(file);
        all.back().change = std::move(change);
        all.back().make = plain;
        return all.back();
    };
    const auto add_sound = [&](std::string file, const std::string& encoder) -> Trait& {
        auto& t = add(std::move(file), sound_only(encoder));
        t.width = t.height = 0;
        t.in_time = false;
        t.codes = {"no_video"};
        return t;
    };

    add("plain.mp4");
    add("containers.mkv");
    add("containers.mov", codecs("libx264", "pcm_s16le"));
    add("containers.ts");
    add("containers.flv");
    add("containers.avi", codecs("mpeg4", "pcm_s16le"));
    add("containers.mpg", codecs("mpeg2video", "mp2"));
    // Its muxer moves the picture behind the sound's pre-skip, but not the sound.
    add("containers.webm", codecs("libvpx-vp9", "libopus")).beep_after_s = -0.007;

    auto& rotated = add("rotated.mov", [](ClipOptions& c) { c.video[0].rotation = 90; });
    rotated.codes = {"rotated"};
    rotated.width = 120;
    rotated.height = 160;
    auto& wide = add("wide-pixels.mp4", [](ClipOptions& c) {
        c.video[0].width = 120;
        c.video[0].sar = {4, 3};
    });
    wide.codes = {"square_pixels"};
    auto& odd = add("odd-size.avi", [](ClipOptions& c) {
        c.video[0].encoder = "mpeg4";
        c.video[0].width = 101;
        c.video[0].height = 77;
        c.audio[0].encoder = "pcm_s16le";
    });
    odd.codes = {"odd_size"};
    odd.width = 100;
    odd.height = 76;

    auto& varying = add("varying-rate.mp4", varying_rate);
    varying.codes = {"rate_made_constant"};
    varying.rate = 60;
    varying.in_time_s = 0.05;  // the flash waits for the next frame that was not dropped
    add("fast.mp4", [](ClipOptions& c) { c.video[0].rate = {100, 1}; }).rate = 100;
    auto& slow = add("slow.mp4", [](ClipOptions& c) { c.video[0].rate = {2, 1}; });
    slow.codes = {"low_frame_rate"};
    slow.rate = 2;
    slow.in_time = false;
    add("picture-gap.mkv", gap_in_picture).codes = {"video_gaps"};

    auto& interlaced = add("interlaced.ts", [](ClipOptions& c) {
        c.video[0].encoder = "mpeg2video";
        c.video[0].interlaced = true;
        c.audio[0].encoder = "mp2";
    });
    interlaced.codes = {"interlaced", "deinterlaced"};
    interlaced.in_time_s = 0.025;  // a white picture among fields
    add("ten-bit.mkv", [](ClipOptions& c) { c.video[0].pixel_format = "yuv422p10le"; });
    auto& hdr = add("hdr.mkv", pq);
    hdr.codes = {"hdr", "tone_mapped"};
    hdr.in_time = false;

    auto& late = add("late-sound.mkv", [](ClipOptions& c) {
        c.audio[0].start_s = 0.7;
        for (auto& at : c.audio[0].beep_s) at -= 0.7;
        c.audio[0].beep_s.erase(c.audio[0].beep_s.begin());
        c.audio[0].seconds = 3.3;
        c.video[0].flash_s.erase(c.video[0].flash_s.begin());
    });
    late.codes = {"audio_starts_later"};
    auto& gap = add("sound-gap.mkv", [](ClipOptions& c) { c.audio[0].gaps = {{2.0, 0.4}}; });
    gap.codes = {"audio_gaps"};
    auto& silent = add("no-sound.mp4", [](ClipOptions& c) { c.audio.clear(); });
    silent.codes = {"no_audio"};
    silent.audio = none;
    silent.in_time = false;
    auto& mono = add("mono.mp4", [](ClipOptions& c) { c.audio[0].layout = "mono"; });
    mono.channels = 1;
    add("surround.mp4", [](ClipOptions& c) {
        c.audio[0].layout = "5.1";
        c.audio[0].bit_rate = 192'000;
    }).codes = {"mixed_down"};
    auto& languages = add("languages.mkv", [](ClipOptions& c) {
        c.audio.push_back(c.audio[0]);
        c.audio[0].language = "eng";
        c.audio[1].language = "ger";
    });
    languages.audio = {"audio-en", "audio-de"};

    add_sound("sound.m4a", "aac");
    add_sound("sound.wav", "pcm_s16le");
    add_sound("sound.flac", "flac");
    add_sound("sound.mp3", "libmp3lame");
    add_sound("sound.ogg", "libopus");
    auto& with_cover = add("cover.m4a", cover);
    with_cover.codes = {"cover_art", "no_video"};
    with_cover.width = 0;
    with_cover.in_time = false;

    add("late-start.mkv", [](ClipOptions& c) { c.start_s = 10; }).codes = {"start_not_zero"};
    add("before-zero.mkv", [](ClipOptions& c) {
        c.start_s = -1;
        c.video[0].b_frames = 2;
        c.muxer_options = {{"avoid_negative_ts", "disabled"}};
    }).codes = {"times_before_zero"};
    add("late-start.ts", [](ClipOptions& c) { c.start_s = 3000; }).codes = {"start_not_zero"};
    add("wrap.ts", [](ClipOptions& c) {
        c.start_s = 95'441.7;  // two seconds before 2^33 / 90000
        c.video[0].b_frames = 2;
    });
    auto& back = add("clock-back.ts", [](ClipOptions& c) { c.start_s = 3000; });
    back.make = joined(1, 160, 120);
    back.codes = {"clock_jumps"};
    back.seconds = 8;
    back.tolerance_s = 0.15;
    auto& ahead = add("clock-ahead.ts");
    ahead.make = joined(1000, 160, 120);
    ahead.codes = {"clock_jumps"};
    ahead.seconds = 8;
    ahead.tolerance_s = 0.15;
    auto& resized = add("resized.ts");
    resized.make = joined(4 + 1024.0 / 48'000, 96, 72);
    resized.codes = {};
    resized.seconds = 8;
    resized.tolerance_s = 0.15;
    return all;
}

/// Pictures as files, without sound.
fs::path make_pictures(const TempFolder& folder, int frames) {
    ClipOptions clip;
    clip.audio.clear();
    clip.video[0].encoder = "png";
    clip.video[0].pixel_format = "gray";
    clip.video[0].seconds = frames / 25.0;
    clip.format = "image2";
    return make_clip(folder / "picture-%03d.png", clip);
}

std::set<std::string> codes_of(const Ended& ended) {
    std::set<std::string> codes;
    for (const auto& w : ended.events("warning"))
        codes.insert(w.at("data").at("code").get<std::string>());
    const auto plan = ended.one("plan");
    for (const auto& n : plan.at("notes")) codes.insert(n.at("code").get<std::string>());
    const auto finished = ended.one("input.finished");
    for (const auto& r : finished.at("repairs")) codes.insert(r.at("code").get<std::string>());
    return codes;
}

void check_video(const Trait& trait, const MadeRendition& high, const nlohmann::json& finished) {
    CHECK(finished.at("width") == trait.width);
    CHECK(finished.at("height") == trait.height);
    CHECK(finished.at("frame_rate").get<double>() == Approx(trait.rate).epsilon(0.0015));
    CHECK(static_cast<double>(high.samples()) ==
          Approx(trait.seconds * trait.rate).margin(1 + trait.tolerance_s * trait.rate));
    CHECK(high.end_s() - high.first_s() == Approx(trait.seconds).margin(trait.tolerance_s));
}

/// Each flash has a beep beside it.
void check_in_time(const Trait& trait, const TempFolder& folder, const fs::path& out) {
    read_rendition(out, "high").join_to(folder / "high.mp4");
    read_rendition(out, trait.audio.front()).join_to(folder / "sound.mp4");
    const auto seen = watch(folder / "high.mp4");
    const auto heard = watch(folder / "sound.mp4");
    REQUIRE_FALSE(seen.flash_s.empty());
    double before = -1;
    for (const double flash : seen.flash_s) {
        if (flash - before < 0.1) continue;  // one source picture shown twice
        before = flash;
        CAPTURE(flash);
        const auto nearest =
            std::min_element(heard.beep_s.begin(), heard.beep_s.end(), [&](double a, double b) {
                return std::abs(a - flash) < std::abs(b - flash);
            });
        REQUIRE(nearest != heard.beep_s.end());
        CHECK(*nearest - flash == Approx(trait.beep_after_s).margin(trait.in_time_s));
    }
}

void check(const Trait& trait) {
    const TempFolder folder;
    auto clip = flash_and_beep(4);
    if (trait.change) trait.change(clip);
    const auto source = trait.make(folder, trait.file, clip).string();
    const auto out = folder / "out";
    const auto ended = streamgate(quick_words(folder, {source, "-o", out.string()}));
    INFO(ended.out << ended.err);
    REQUIRE(ended.exit_code == 0);
    const auto codes = codes_of(ended);
    for (const auto& code : trait.codes) {
        INFO("expected code " << code);
        CHECK(codes.count(code) == 1);
    }
    const auto finished = ended.one("input.finished");
    CHECK(finished.at("duration_s").get<double>() ==
          Approx(trait.seconds).margin(trait.tolerance_s));
    std::vector<std::string> sound;
    bool seen = false;
    for (const auto& r : finished.at("renditions")) {
        const auto name = r.at("name").get<std::string>();
        if (!r.contains("width")) {
            sound.push_back(name);
            CHECK(r.at("channels") == trait.channels);
            const auto made = read_rendition(out, name);
            CHECK(made.end_s() - made.first_s() ==
                  Approx(trait.seconds).margin(trait.tolerance_s + 0.05));
        } else if (name == "high") {
            seen = true;
            check_video(trait, read_rendition(out, name), r);
        }
    }
    CHECK(seen == (trait.width > 0));
    CHECK(sound == trait.audio);
    if (trait.in_time) check_in_time(trait, folder, out);
}

}  // namespace

TEST_CASE("every kind of input has its one right answer") {
    for (const auto& trait : traits()) {
        DYNAMIC_SECTION(trait.file) {
            check(trait);
        }
    }
}

TEST_CASE("numbered pictures are a film, a single one is refused with the way out") {
    const TempFolder folder;
    const auto pattern = make_pictures(folder, 50).string();
    const auto out = folder / "out";
    const auto film = streamgate(quick_words(folder, {pattern, "-o", out.string()}));
    INFO(film.out << film.err);
    REQUIRE(film.exit_code == 0);
    CHECK(read_rendition(out, "high").samples() == 50);
    const auto one = streamgate(quick_words(
        folder, {(folder / "picture-001.png").string(), "-o", (folder / "one").string()}));
    INFO(one.out << one.err);
    CHECK(one.exit_code == 3);
    CHECK(one.one("input.failed").at("message").get<std::string>().find("%04d") !=
          std::string::npos);
    CHECK_FALSE(fs::exists(folder / "one"));
}

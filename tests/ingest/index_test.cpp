#include <algorithm>
#include <limits>

#include <engine/index.hpp>
#include <ingest/source.hpp>
#include <support/catch.hpp>
#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::engine;
using media::Rational;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;

Index index_of(const std::filesystem::path& path) {
    ingest::OpenOptions options;
    options.path = path;
    auto input = ingest::MediaInput::open(std::move(options));
    INFO((input ? std::string() : input.error().message));
    REQUIRE(input);
    auto index = build_index(**input, {});
    INFO((index ? std::string() : index.error().message));
    REQUIRE(index);
    return std::move(*index);
}

bool repaired(const Index& index, const std::string& code) {
    return std::any_of(index.repairs.begin(), index.repairs.end(), [&](const Repair& r) {
        return r.code == code;
    });
}

}  // namespace

TEST_CASE("29.97 in milliseconds is a constant 30000/1001") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].rate = {30000, 1001};
    clip.video[0].seconds = 20;
    clip.video[0].b_frames = 2;
    clip.audio.clear();
    const auto index = index_of(test::make_clip(folder / "a.mkv", clip));
    const auto& video = index.video.front();
    CHECK(video.constant_rate);
    CHECK(video.frame_rate == Rational{30000, 1001});
    CHECK(video.frames == 599);
    CHECK(video.gap_count == 0);
}

TEST_CASE("a film starting at ten seconds keeps that start and its length") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.start_s = 10;
    for (const char* name : {"a.mkv", "a.ts"}) {
        CAPTURE(name);
        const auto index = index_of(test::make_clip(folder / name, clip));
        const auto& video = index.video.front();
        CHECK(video.first_ns == Approx(10 * kSecond).margin(1.5 * kMs));
        CHECK(video.end_ns - video.first_ns == Approx(2 * kSecond).margin(2 * kMs));
        CHECK(index.jumps.empty());
    }
}

TEST_CASE("sound that starts late is late by as much in the index") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio[0].start_s = 0.7;
    clip.video[0].b_frames = 2;
    for (const char* name : {"a.mp4", "a.mkv", "a.ts"}) {
        CAPTURE(name);
        const auto index = index_of(test::make_clip(folder / name, clip));
        const auto offset = index.audio.front().first_ns - index.video.front().first_ns;
        // The encoder's priming is in the file in front of 0.7 s, and nothing says to cut it.
        const double priming = 1024.0 / 48000 * 1e9;
        CHECK(static_cast<double>(offset) == Approx(0.7e9 - priming).margin(2e6));
    }
}

TEST_CASE("edit lists cut what they cut: sound and picture begin at zero") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].b_frames = 2;
    const auto index = index_of(test::make_clip(folder / "a.mp4", clip));
    CHECK(index.video.front().first_ns == 0);
    CHECK(std::abs(index.audio.front().first_ns) < kMs);
    CHECK(index.video.front().frames == 50);
    CHECK(index.video.front().end_ns == 2 * kSecond);
}

TEST_CASE("a gap in the picture is found and leaves the rate constant") {
    test::TempFolder folder;
    test::ClipOptions clip;
    auto& times = clip.video[0].times_ms;
    times = test::frame_times_ms({25, 1}, 200);
    times.erase(times.begin() + 80, times.begin() + 100);
    const auto index = index_of(test::make_clip(folder / "a.mkv", clip));
    const auto& video = index.video.front();
    CHECK(video.constant_rate);
    CHECK(video.frame_rate == Rational{25, 1});
    REQUIRE(video.gap_count == 1);
    CHECK(video.gaps.front().at_ns - video.first_ns == 80 * 40 * kMs);
    CHECK(video.gaps.front().length_ns == 20 * 40 * kMs);
    CHECK(repaired(index, "video_gaps"));
}

TEST_CASE("a gap in the sound is found") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio[0].gaps = {{0.5, 0.5}};
    for (const char* name : {"a.mkv", "a.ts"}) {
        CAPTURE(name);
        const auto index = index_of(test::make_clip(folder / name, clip));
        const auto& audio = index.audio.front();
        REQUIRE(audio.gap_count == 1);
        CHECK(audio.gaps.front().length_ns == Approx(500.0 * kMs).margin(30 * kMs));
        CHECK(repaired(index, "audio_gaps"));
    }
}

TEST_CASE("a varying rate is proven and its grid found") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio.clear();
    unsigned state = 5;
    for (const auto t : test::frame_times_ms({60, 1}, 600)) {
        state = state * 1103515245 + 12345;
        if ((state >> 16) % 3 != 0) clip.video[0].times_ms.push_back(t);
    }
    const auto index = index_of(test::make_clip(folder / "a.mp4", clip));
    const auto& video = index.video.front();
    CHECK_FALSE(video.constant_rate);
    CHECK(video.grid_rate == Rational{60, 1});
    CHECK(video.max_delta_ns > video.min_delta_ns);
    CHECK(video.deltas.size() >= 2);
}

TEST_CASE("a clock that jumps back goes on where it was, in all streams") {
    test::TempFolder folder;
    test::ClipOptions first;
    first.start_s = 3000;
    const auto path = test::join_files(
        {test::make_clip(folder / "1.ts", first), test::make_clip(folder / "2.ts", {})},
        folder / "joined.ts");
    const auto index = index_of(path);
    REQUIRE(index.jumps.size() == 1);
    CHECK(index.timeline.epochs().size() == 2);
    const auto& video = index.video.front();
    CHECK(video.frames == 100);
    CHECK(video.end_ns - video.first_ns == Approx(4 * kSecond).margin(100 * kMs));
    const auto& audio = index.audio.front();
    CHECK(audio.end_ns - audio.first_ns == Approx(4 * kSecond).margin(150 * kMs));
    CHECK(video.constant_rate);
    CHECK(video.frame_rate == Rational{25, 1});
    CHECK(repaired(index, "clock_jumps"));
    // The map gives what the index says.
    for (const auto& key : video.key_frames)
        CHECK(index.timeline.to_presentation(key.pts, {1, 90'000}, key.position) ==
              key.presentation_ns);
}

TEST_CASE("a clock that leaps ahead in all streams goes on where it was") {
    test::TempFolder folder;
    test::ClipOptions second;
    second.start_s = 1000;
    const auto path = test::join_files(
        {test::make_clip(folder / "1.ts", {}), test::make_clip(folder / "2.ts", second)},
        folder / "joined.ts");
    const auto index = index_of(path);
    REQUIRE(index.jumps.size() == 1);
    CHECK(index.jumps.front().kind == "forward");
    CHECK(index.video.front().end_ns - index.video.front().first_ns ==
          Approx(4 * kSecond).margin(100 * kMs));
}

TEST_CASE("a 33-bit clock that wraps is one run of time") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].seconds = 6;
    clip.audio[0].seconds = 6;
    clip.video[0].b_frames = 2;
    clip.start_s = 95'440;  // three seconds and a little before 2^33 / 90000
    const auto index = index_of(test::make_clip(folder / "a.ts", clip));
    const auto& video = index.video.front();
    CHECK(video.frames == 150);
    CHECK(video.end_ns - video.first_ns == Approx(6 * kSecond).margin(10 * kMs));
    CHECK(video.gap_count == 0);
    CHECK(index.audio.front().gap_count == 0);
    CHECK(index.seek == pipeline::SeekMethod::kPosition);
}

TEST_CASE("pictures before the first key frame of a broadcast are lost and counted") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].gop = 20;
    clip.video[0].seconds = 4;
    const auto whole = test::make_clip(folder / "a.ts", clip);
    const auto size = std::filesystem::file_size(whole);
    // Tables first, then from the middle on.
    const auto tables = test::cut_file(whole, folder / "tables.ts", 188 * 3);
    const auto rest_at = size / 188 / 3 * 188;
    std::filesystem::path rest = folder / "rest.ts";
    {
        std::string bytes;
        FILE* in = std::fopen(whole.c_str(), "rb");
        REQUIRE(in != nullptr);
        bytes.resize(size - rest_at);
        std::fseek(in, static_cast<long>(rest_at), SEEK_SET);
        REQUIRE(std::fread(bytes.data(), 1, bytes.size(), in) == bytes.size());
        std::fclose(in);
        FILE* out = std::fopen(rest.c_str(), "wb");
        REQUIRE(out != nullptr);
        std::fwrite(bytes.data(), 1, bytes.size(), out);
        std::fclose(out);
    }
    const auto index = index_of(test::join_files({tables, rest}, folder / "mid.ts"));
    const auto& video = index.video.front();
    CHECK(video.lost_before_key_frame > 0);
    CHECK(video.first_ns == video.key_frames.front().presentation_ns);
    CHECK(repaired(index, "lost_before_key_frame"));
}

TEST_CASE("open groups of pictures are told from closed ones") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].seconds = 4;
    clip.video[0].b_frames = 2;
    clip.video[0].gop = 24;  // so that B pictures stand in front of the second key frame
    clip.video[0].options = {{"x264-params", "scenecut=0:bframes=2:b-adapt=0:open-gop=1"}};
    const auto open = index_of(test::make_clip(folder / "open.ts", clip));
    CHECK(open.video.front().has_leading_pictures);
    CHECK_FALSE(open.video.front().key_frames[1].closed);
    CHECK_FALSE(open.video.front().key_frames[1].idr);
    clip.video[0].options = {{"x264-params", "scenecut=0:bframes=2:b-adapt=0:open-gop=0"}};
    const auto closed = index_of(test::make_clip(folder / "closed.mp4", clip));
    CHECK_FALSE(closed.video.front().has_leading_pictures);
    CHECK(closed.video.front().key_frames[1].idr);
}

TEST_CASE("two fields in two packets are one picture") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].encoder = "mpeg2video";
    clip.video[0].interlaced = true;
    clip.video[0].seconds = 4;
    clip.audio[0].encoder = "mp2";
    const auto index = index_of(test::make_clip(folder / "a.ts", clip));
    CHECK(index.video.front().frames == 100);
    CHECK(index.video.front().frame_rate == Rational{25, 1});
}

TEST_CASE("a film of key frames only has a short list of them") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.audio.clear();
    clip.video[0].encoder = "mjpeg";
    clip.video[0].pixel_format = "yuvj420p";
    clip.video[0].seconds = 10;
    const auto index = index_of(test::make_clip(folder / "a.mov", clip));
    CHECK(index.video.front().frames == 250);
    CHECK(index.video.front().key_frames_thinned);
    CHECK(index.video.front().key_frames.size() < 30);
}

TEST_CASE("the sample tables of an MP4 tell what its payload tells") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video[0].seconds = 30;
    clip.audio[0].seconds = 30;
    clip.video[0].gop = 50;
    const auto both = [&](const std::filesystem::path& path) {
        std::string texts[2];
        for (const bool tables : {false, true}) {
            ingest::OpenOptions options;
            options.path = path;
            auto input = ingest::MediaInput::open(std::move(options));
            REQUIRE(input);
            IndexOptions index_options;
            index_options.tables_from_bytes = tables ? 0 : std::numeric_limits<std::int64_t>::max();
            auto index = build_index(**input, index_options);
            REQUIRE(index);
            index->tables.clear();  // only where the samples lie; a scan does not learn that
            texts[tables ? 1 : 0] = to_json(*index);
        }
        CHECK(texts[0] == texts[1]);
    };
    both(test::make_clip(folder / "plain.mp4", clip));
    clip.video[0].b_frames = 3;
    clip.audio[0].start_s = 0.4;
    both(test::make_clip(folder / "late.mp4", clip));
    clip.video[0].options = {{"x264-params", "scenecut=0:bframes=3:open-gop=1"}};
    clip.start_s = 3;
    both(test::make_clip(folder / "open.mov", clip));
    clip.video[0].encoder = "libx265";
    clip.video[0].options.clear();
    both(test::make_clip(folder / "hevc.mp4", clip));
    clip.audio[0].encoder = "pcm_s16le";
    both(test::make_clip(folder / "pcm.mov", clip));
    clip.video.clear();
    clip.audio[0].encoder = "aac";
    both(test::make_clip(folder / "sound.m4a", clip));
    clip.muxer_options = {{"movflags", "frag_keyframe+empty_moov"}};
    both(test::make_clip(folder / "fragmented.mp4", clip));
}

TEST_CASE("sound alone is indexed") {
    test::TempFolder folder;
    test::ClipOptions clip;
    clip.video.clear();
    for (const auto& [name, encoder] : {std::pair{"a.m4a", "aac"},
                                        std::pair{"a.wav", "pcm_s16le"},
                                        std::pair{"a.flac", "flac"},
                                        std::pair{"a.mp3", "libmp3lame"},
                                        std::pair{"a.ogg", "libopus"},
                                        std::pair{"a.aac", "aac"}}) {
        CAPTURE(name);
        clip.audio[0].encoder = encoder;
        const auto index = index_of(test::make_clip(folder / name, clip));
        REQUIRE(index.audio.size() == 1);
        CHECK(index.video.empty());
        CHECK(index.audio.front().end_ns - index.audio.front().first_ns ==
              Approx(2 * kSecond).margin(60 * kMs));
        CHECK(index.audio.front().gap_count == 0);
    }
}

TEST_CASE("indexing can be stopped and reports how far it is") {
    test::TempFolder folder;
    ingest::OpenOptions options;
    options.path = test::make_clip(folder / "a.mkv", {});
    auto input = ingest::MediaInput::open(std::move(options));
    REQUIRE(input);
    std::stop_source stop;
    stop.request_stop();
    IndexOptions index_options;
    index_options.stop = stop.get_token();
    CHECK(build_index(**input, index_options).error().code == Errc::kCancelled);
    index_options.stop = {};
    std::int64_t last = 0;
    index_options.progress = [&](std::int64_t done, std::int64_t all) {
        CHECK(done <= all);
        last = done;
    };
    REQUIRE(build_index(**input, index_options));
    CHECK(last == (*input)->facts().bytes);
}

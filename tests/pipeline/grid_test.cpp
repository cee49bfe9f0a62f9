#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <pipeline/grid.hpp>
#include <support/catch.hpp>

using namespace sg;
using pipeline::FrameGrid;

namespace {

const std::vector<media::Rational> kRates{{30000, 1001},
                                          {24000, 1001},
                                          {25, 2},
                                          {60, 1},
                                          {25, 1},
                                          {60000, 1001},
                                          {1, 2},
                                          {240, 1},
                                          {1000, 33}};

/// How often each picture is shown: picture i serves from its own first frame up to the next one's.
std::vector<std::int64_t> times_shown(const FrameGrid& grid,
                                      const std::vector<std::int64_t>& times_ns) {
    std::vector<std::int64_t> shown;
    for (std::size_t i = 0; i + 1 < times_ns.size(); ++i) {
        shown.push_back(grid.first_frame_showing(times_ns[i + 1]) -
                        grid.first_frame_showing(times_ns[i]));
    }
    return shown;
}

}  // namespace

TEST_CASE("grid: a frame's own time leads back to it at every rate", "[pipeline]") {
    for (const auto rate : kRates) {
        const FrameGrid grid{rate, 0};
        for (std::int64_t n = -1000; n <= 1000; ++n)
            REQUIRE(grid.first_frame_showing(grid.time_ns(n)) == n);
        // Ten hours in.
        const std::int64_t far = 36000 * rate.num / rate.den;
        for (std::int64_t n = far; n <= far + 1000; ++n)
            REQUIRE(grid.first_frame_showing(grid.time_ns(n)) == n);
    }
}

TEST_CASE("grid: exactly half way between two frames belongs to the earlier one", "[pipeline]") {
    const FrameGrid grid{{25, 1}, 0};
    CHECK(grid.first_frame_showing(20'000'000) == 0);
    CHECK(grid.first_frame_showing(20'000'001) == 1);
    CHECK(grid.first_frame_showing(-20'000'000) == -1);
    CHECK(grid.first_frame_showing(-19'999'999) == 0);
}

TEST_CASE("grid: times rounded to milliseconds show each picture exactly once", "[pipeline]") {
    for (const auto rate :
         {media::Rational{30000, 1001}, {24000, 1001}, {25, 2}, {60, 1}, {60000, 1001}}) {
        const FrameGrid grid{rate, 0};
        std::vector<std::int64_t> times;
        for (std::int64_t n = 0; n < 5000; ++n) {
            times.push_back(
                media::rescale(n, rate.inverse(), {1, 1000}, media::Rounding::kNearest) *
                1'000'000);
        }
        for (const auto count : times_shown(grid, times)) REQUIRE(count == 1);
    }
}

TEST_CASE("grid: jitter under half a frame shows each picture exactly once", "[pipeline]") {
    std::mt19937_64 random(7);
    for (const auto rate : {media::Rational{30000, 1001}, {25, 1}, {60, 1}}) {
        const FrameGrid grid{rate, 0};
        const auto frame = grid.time_ns(1);
        std::uniform_int_distribution<std::int64_t> jitter(-frame * 49 / 100, frame * 49 / 100);
        std::vector<std::int64_t> times;
        for (std::int64_t n = 0; n < 5000; ++n) times.push_back(grid.time_ns(n) + jitter(random));
        for (const auto count : times_shown(grid, times)) REQUIRE(count == 1);
    }
}

TEST_CASE("grid: a 60 fps source on a 30 fps grid shows every other picture", "[pipeline]") {
    const FrameGrid source{{60, 1}, 0};
    const FrameGrid grid{{30, 1}, 0};
    std::vector<std::int64_t> times;
    for (std::int64_t n = 0; n < 1000; ++n) times.push_back(source.time_ns(n));
    const auto shown = times_shown(grid, times);
    for (std::size_t i = 1; i < shown.size(); ++i) REQUIRE(shown[i] + shown[i - 1] == 1);
}

TEST_CASE("grid: extreme times and rates saturate", "[pipeline]") {
    const auto most = std::numeric_limits<std::int64_t>::max();
    CHECK(FrameGrid{{most, 1}, 0}.first_frame_showing(most) == most);
    CHECK(FrameGrid{{1, most}, 0}.first_frame_showing(most) == 0);
    CHECK(FrameGrid{{1, most}, 0}.time_ns(2) == most);
    CHECK(FrameGrid{{0, 1}, 0}.first_frame_showing(5) == 0);
    CHECK(FrameGrid{{0, 1}, 0}.time_ns(5) == 0);
}

TEST_CASE("grid: the timescale makes every frame whole and is fine enough", "[pipeline]") {
    const auto is = [](media::Rational rate, std::int64_t timescale, std::int64_t duration) {
        const auto made = pipeline::video_timescale(rate);
        return made.timescale == timescale && made.frame_duration == duration;
    };
    CHECK(is({25, 1}, 25000, 1000));
    CHECK(is({50, 2}, 25000, 1000));
    CHECK(is({25, 2}, 25000, 2000));
    CHECK(is({24000, 1001}, 24000, 1001));
    CHECK(is({30000, 1001}, 30000, 1001));
    CHECK(is({30, 1}, 30000, 1000));
    CHECK(is({60, 1}, 60000, 1000));
    for (const auto rate : kRates) {
        const auto made = pipeline::video_timescale(rate);
        CHECK(media::compare({made.timescale, made.frame_duration}, rate) == 0);
    }
}

TEST_CASE("segments: start every so many frames and end with the last frame", "[pipeline]") {
    using Borders = std::vector<std::int64_t>;
    CHECK(pipeline::segment_borders(300, 100, 12) == Borders{0, 100, 200, 300});
    CHECK(pipeline::segment_borders(350, 100, 12) == Borders{0, 100, 200, 300, 350});
    CHECK(pipeline::segment_borders(50, 100, 12) == Borders{0, 50});
    CHECK(pipeline::segment_borders(1, 100, 12) == Borders{0, 1});
    CHECK(pipeline::segment_borders(0, 100, 12) == Borders{0});
}

TEST_CASE("segments: a runt at the end joins the one before", "[pipeline]") {
    using Borders = std::vector<std::int64_t>;
    CHECK(pipeline::segment_borders(311, 100, 12) == Borders{0, 100, 200, 311});
    CHECK(pipeline::segment_borders(312, 100, 12) == Borders{0, 100, 200, 300, 312});
    CHECK(pipeline::segment_borders(105, 100, 12) == Borders{0, 105});
    // Alone there is nothing to join.
    CHECK(pipeline::segment_borders(5, 100, 12) == Borders{0, 5});
}

TEST_CASE("audio borders: first frame at or after each video border, exactly", "[pipeline]") {
    for (const std::int64_t sample_rate : {48000, 44100}) {
        for (const std::int64_t priming : {0, 1024, 2048, 312}) {
            // 29.97 fps in 2.002 s segments: 60 frames of 1001 ticks of 1/30000.
            std::vector<std::int64_t> video;
            for (std::int64_t i = 0; i <= 1000; ++i) video.push_back(i * 60 * 1001);
            const std::int64_t total = sample_rate * 2002 + 1;
            const auto audio =
                pipeline::audio_borders(video, 30000, sample_rate, 1024, priming, total);
            REQUIRE(audio.size() == video.size());
            REQUIRE(audio.front() == 0);
            REQUIRE(audio.back() == total);
            for (std::size_t i = 1; i + 1 < video.size(); ++i) {
                const auto at_or_after = [&](std::int64_t frame) {
                    const media::Rational start{frame * 1024 - priming, sample_rate};
                    return media::compare(start, {video[i], 30000}) >= 0;
                };
                REQUIRE(at_or_after(audio[i]));
                REQUIRE_FALSE(at_or_after(audio[i] - 1));
            }
        }
    }
}

TEST_CASE("audio borders: whole seconds at 48 kHz with 1024 samples fall where arithmetic says",
          "[pipeline]") {
    // 4 s are 187.5 frames: the next starts at frame 188.
    CHECK(pipeline::audio_borders({0, 100000, 200000, 300000}, 25000, 48000, 1024, 0, 600) ==
          std::vector<std::int64_t>{0, 188, 375, 600});
    CHECK(pipeline::audio_borders({0, 100000, 200000, 300000}, 25000, 48000, 1024, 1024, 600) ==
          std::vector<std::int64_t>{0, 189, 376, 600});
}

TEST_CASE("audio borders: audio that ends early leaves empty segments, not borders past its end",
          "[pipeline]") {
    CHECK(pipeline::audio_borders({0, 100000, 200000, 300000}, 25000, 48000, 1024, 0, 200) ==
          std::vector<std::int64_t>{0, 188, 200, 200});
}

#include <packagers/bandwidth.hpp>
#include <support/catch.hpp>

#include "track_samples.hpp"

using namespace sg::packagers;

namespace {

Bitrate of(std::vector<TimedBytes> segments, std::int64_t target) {
    return measured_bitrate(segments, 1000, target);
}

TrackIndex track_of(const std::vector<TimedBytes>& segments) {
    TrackIndex track;
    track.description.timescale = 1000;
    for (const TimedBytes& s : segments) {
        SegmentIndex index;
        index.bytes = s.bytes;
        index.duration = s.duration;
        track.segments.push_back(index);
    }
    return track;
}

/// The definition itself, over all pairs.
double needed(const std::vector<TimedBytes>& segments, double buffer) {
    double most = 0;
    for (std::size_t i = 0; i < segments.size(); ++i) {
        double bits = 0;
        double seconds = 0;
        for (std::size_t j = i; j < segments.size(); ++j) {
            bits += 8.0 * static_cast<double>(segments[j].bytes);
            most = std::max(most, bits / (buffer + seconds));
            seconds += static_cast<double>(segments[j].duration) / 1000.0;
        }
    }
    return most;
}

}  // namespace

TEST_CASE("bandwidth: the peak of even segments is the largest segment's rate") {
    CHECK(of({{1000, 4000}, {2000, 4000}, {1500, 4000}}, 4) == Bitrate{4000, 3000});
}

TEST_CASE("bandwidth: a short last segment counts only together with the one before") {
    const Bitrate b = of({{1000, 4000}, {1000, 4000}, {1000, 500}}, 4);
    CHECK(b.peak == 3556);  // 16000 bits in 4.5 s
    CHECK(b.average == 2824);
}

TEST_CASE("bandwidth: the average never exceeds the peak") {
    // The last two segments together last more than 1.5 target durations, the last alone less than
    // 0.5.
    const Bitrate b = of({{1000, 4400}, {1000, 4400}, {5000, 1800}}, 4);
    CHECK(b.peak >= b.average);
}

TEST_CASE("bandwidth: a clip shorter than half a target duration has its own rate as peak") {
    CHECK(of({{1000, 400}}, 4) == Bitrate{20000, 20000});
    const Bitrate two = of({{1000, 400}, {1000, 100}}, 4);
    CHECK(two.peak == 80000);
    CHECK(two.average == 32000);
}

TEST_CASE("bandwidth: nothing measured is nothing declared") {
    CHECK(of({}, 4) == Bitrate{});
    CHECK(of({{10, 0}}, 4) == Bitrate{});
    CHECK(sustained_bandwidth(TrackIndex{}, 4000) == 0);
}

TEST_CASE("bandwidth: the peak window spans several short segments") {
    // 1 s segments, target 4: runs of 2 to 6 s.
    const Bitrate b =
        of({{100, 1000}, {900, 1000}, {900, 1000}, {100, 1000}, {100, 1000}, {100, 1000}}, 4);
    CHECK(b.peak == 7200);
}

TEST_CASE("bandwidth: the DASH rate with its buffer never underflows and is the smallest such") {
    const std::vector<TimedBytes> segments{
        {9000, 4000}, {100, 4000}, {20000, 4000}, {15000, 4000}, {300, 700}};
    for (const std::int64_t buffer_ms : {500, 2000, 4000, 9000}) {
        const auto bandwidth = sustained_bandwidth(track_of(segments), buffer_ms);
        const double need = std::max(needed(segments, static_cast<double>(buffer_ms) / 1000.0),
                                     static_cast<double>(of(segments, 4).average));
        CHECK(static_cast<double>(bandwidth) >= need - 0.01);
        CHECK(static_cast<double>(bandwidth) <= need + 2);
    }
}

TEST_CASE("bandwidth: an I-frame rate counts the key frames' bytes over the time to the next") {
    const auto track = sg::test::video_track("v", 640, 360, {120, 120}, {80'000, 80'000});
    CHECK(measured_iframe_bitrate(track, 4) == Bitrate{40'000, 40'000});
}

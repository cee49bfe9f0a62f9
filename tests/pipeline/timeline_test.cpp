#include <cstdint>
#include <limits>

#include <pipeline/timeline.hpp>
#include <support/catch.hpp>

using namespace sg;
using pipeline::TimelineMap;

TEST_CASE("timeline: without epochs times only change their unit", "[pipeline]") {
    const TimelineMap map;
    CHECK(map.to_presentation(90000, {1, 90000}, 1234) == 1'000'000'000);
    CHECK(map.to_presentation(media::kNoTime, {1, 90000}, 0) == media::kNoTime);
    CHECK(TimelineMap(std::vector<pipeline::TimelineEpoch>{}) == map);
}

TEST_CASE("timeline: a packet's position chooses the epoch", "[pipeline]") {
    const TimelineMap map({{0, -1'000'000'000}, {5000, 94'443'000'000'000}, {9000, 7}});
    CHECK(map.to_presentation(90000, {1, 90000}, 0) == 0);
    CHECK(map.to_presentation(90000, {1, 90000}, 4999) == 0);
    CHECK(map.to_presentation(90000, {1, 90000}, 5000) == 94'444'000'000'000);
    CHECK(map.to_presentation(90000, {1, 90000}, 8999) == 94'444'000'000'000);
    CHECK(map.to_presentation(0, {1, 90000}, std::int64_t{1} << 50) == 7);
}

TEST_CASE("timeline: an unknown position takes the first epoch", "[pipeline]") {
    const TimelineMap map({{100, 5}, {200, 6}});
    CHECK(map.to_presentation(0, {1, 90000}, -1) == 5);
    CHECK(map.to_presentation(0, {1, 90000}, 50) == 5);
}

TEST_CASE("timeline: a 33-bit wrap continues without a gap", "[pipeline]") {
    const std::int64_t wrap = std::int64_t{1} << 33;
    const auto shift =
        media::rescale(wrap, {1, 90000}, media::kNanoseconds, media::Rounding::kNearest);
    const TimelineMap map({{0, 0}, {1000, shift}});
    const auto before = map.to_presentation(wrap - 3003, {1, 90000}, 999);
    const auto after = map.to_presentation(0, {1, 90000}, 1000);
    CHECK(after - before >= 33'366'666);
    CHECK(after - before <= 33'366'668);
}

TEST_CASE("timeline: absurd times saturate and are never 'no time'", "[pipeline]") {
    const auto most = std::numeric_limits<std::int64_t>::max();
    const TimelineMap map({{0, most}, {1000, -most}});
    CHECK(map.to_presentation(most, {1, 1}, 0) == most);
    CHECK(map.to_presentation(-most, {1, 1}, 1000) == -most);
}

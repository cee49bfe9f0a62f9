#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "live_feed.hpp"

// What is in the segments that a live packager made.

namespace sg::test {

/// Samples of a segment, its decode times running over its parts.
struct Decoded {
    std::int64_t dts = 0;
    std::int64_t pts = 0;
    std::uint32_t duration = 0;
    std::uint32_t size = 0;
    bool key = false;
};

[[nodiscard]] std::vector<Decoded> decode(const packagers::LiveSegment& segment);
[[nodiscard]] std::vector<Decoded> decode(const LiveRecorder::Track& track);

/// Of the first picture and of the last one, in ticks.
[[nodiscard]] std::pair<std::int64_t, std::int64_t> shown(const packagers::LiveSegment& segment);

/// Numbers follow each other, and times where nothing was lost.
void check_contiguous(const LiveRecorder::Track& track);
/// The rules for parts of RFC 8216bis; `target` in ticks.
void check_parts(const LiveRecorder::Track& track, std::int64_t target);

}  // namespace sg::test

#pragma once

#include <cstdint>
#include <vector>

#include <media/timestamp.hpp>

namespace sg::pipeline {

/// From some byte of the source on, add `shift` to source times to get presentation times.
struct TimelineEpoch {
    std::int64_t from_position = 0;  ///< byte offset in the source of the first packet it holds for
    std::int64_t shift_ns = 0;

    friend bool operator==(const TimelineEpoch&, const TimelineEpoch&) = default;
};

/// Maps source timestamps to presentation time in nanoseconds: zero is the first output picture (or
/// audio sample when there is no video). One map holds for all streams of a source, so their
/// offsets to each other are kept. Epochs are in order of position and there is at least one; a
/// source without jumps has exactly one.
class TimelineMap {
  public:
    TimelineMap() : epochs_{TimelineEpoch{}} {}
    explicit TimelineMap(std::vector<TimelineEpoch> epochs);

    /// `position` is the packet's byte offset; -1 (unknown) takes the first epoch.
    [[nodiscard]] std::int64_t to_presentation(std::int64_t time,
                                               media::Timebase timebase,
                                               std::int64_t position) const;
    [[nodiscard]] const std::vector<TimelineEpoch>& epochs() const { return epochs_; }

    friend bool operator==(const TimelineMap&, const TimelineMap&) = default;

  private:
    std::vector<TimelineEpoch> epochs_;
};

}  // namespace sg::pipeline

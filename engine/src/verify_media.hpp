#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <formats/bmff_reader.hpp>
#include <formats/ts_reader.hpp>

#include "verify_model.hpp"

namespace sg::engine {

/// Takes a track's segments apart, in order; adds to every stream of the track one MeasuredSegment
/// each time, and what is wrong to the book.
class SegmentReader {
  public:
    virtual ~SegmentReader() = default;
    /// An init segment (CMAF only): before the first segment, and again where it changes. False
    /// when nothing can be read with it.
    [[nodiscard]] virtual bool start(const InitRef& ref, std::span<const std::byte> bytes) = 0;
    virtual void read(const SegmentRef& ref, std::span<const std::byte> bytes) = 0;
    /// A segment that could not be had.
    virtual void skip() = 0;
};

[[nodiscard]] std::unique_ptr<SegmentReader> make_cmaf_reader(Track& track, CheckBook& checks);
[[nodiscard]] std::unique_ptr<SegmentReader> make_ts_reader(Track& track, CheckBook& checks);

/// "seg-3.m4s", "media.mp4 at 4711"
[[nodiscard]] std::string segment_label(const SegmentRef& ref);
[[nodiscard]] std::string segment_label(const InitRef& ref);

/// Gap or overlap in words: "a gap of 0.040 s".
[[nodiscard]] std::string gap_text(std::int64_t ticks, std::uint32_t timescale);

}  // namespace sg::engine

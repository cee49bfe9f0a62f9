#pragma once

#include <ingest/facts.hpp>
#include <ingest/timed_reader.hpp>

#include "index_clock.hpp"

namespace sg::engine {

[[nodiscard]] IndexRecord to_record(const ingest::TimedReader::TimedPacket& timed,
                                    const ingest::StreamFacts& facts);

/// Rounded as TimelineMap does, so that both agree to the nanosecond.
[[nodiscard]] inline std::int64_t source_ns(std::int64_t ticks, media::Timebase timebase) {
    return media::rescale(ticks, timebase, media::kNanoseconds, media::Rounding::kDown);
}

}  // namespace sg::engine

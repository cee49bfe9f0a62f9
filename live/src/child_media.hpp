#pragma once

#include <engine/live_link.hpp>
#include <ingest/live_unit.hpp>

namespace sg::live {

/// What the times of inputs in children are counted in.
inline constexpr ingest::LiveClock kChildClock{1'000'000'000, 64};

/// kBadData, kUnsupported: the child describes nothing that can be packaged.
[[nodiscard]] Result<ingest::LiveTrack> live_track_of(const engine::LiveSourceTrack& described);
[[nodiscard]] ingest::LiveUnit live_unit_of(ingest::TimedUnit timed);

}  // namespace sg::live

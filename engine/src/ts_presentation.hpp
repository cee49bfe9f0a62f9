#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include <base/result.hpp>
#include <pipeline/plan.hpp>

#include "track_json.hpp"

namespace sg::engine {

/// Makes the MPEG-TS renditions of a finished presentation from its CMAF segments in `stage`, below
/// `output`/ts, with their playlists and the multivariant playlist (`index.m3u8`, or
/// `index-ts.m3u8` beside a CMAF one). One segment at a time is in memory. `done` is told the bytes
/// that were written.
[[nodiscard]] Status write_ts_presentation(const std::filesystem::path& stage,
                                           const std::filesystem::path& output,
                                           const pipeline::Plan& plan,
                                           const std::vector<TrackPart>& tracks,
                                           const std::function<Status(std::uint64_t)>& done);

}  // namespace sg::engine

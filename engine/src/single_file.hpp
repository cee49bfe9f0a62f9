#pragma once

#include <filesystem>
#include <functional>

#include <base/result.hpp>
#include <packagers/segment.hpp>

#include "track_json.hpp"

namespace sg::engine {

/// Joins a rendition's init segment, an index (sidx) and its segments, which lie in `from`, into
/// `to`/media.mp4. The kernel copies the payload. `copied` is told the bytes of each segment.
[[nodiscard]] Result<packagers::SingleFile> join_segments(
    const std::filesystem::path& from,
    const std::filesystem::path& to,
    const TrackPart& track,
    const std::function<Status(std::uint64_t)>& copied);

}  // namespace sg::engine

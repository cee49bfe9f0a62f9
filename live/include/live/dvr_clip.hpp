#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <base/result.hpp>
#include <packagers/live_media.hpp>

namespace sg::live {

/// A moment of what is on disk.
struct ClipPoint {
    enum class From { kBeginning, kEnd, kDate };
    From from = From::kBeginning;
    std::chrono::milliseconds distance{0};  ///< before the end, behind the beginning
    packagers::WallTime date;
};

/// "2026-01-31T12:00:00Z" (with fractions and offsets from UTC), "-90s" or "-5m" before the end,
/// "30", "30s" or "5m" behind the beginning.
[[nodiscard]] Result<ClipPoint> parse_clip_point(std::string_view text);

struct ClipRequest {
    std::filesystem::path store;  ///< the service's data folder
    std::string channel;          ///< "live/NAME"
    ClipPoint from{ClipPoint::From::kBeginning, {}, {}};
    ClipPoint to{ClipPoint::From::kEnd, {}, {}};
    std::filesystem::path output;
};

struct ClipSummary {
    packagers::WallTime begins;
    std::chrono::milliseconds length{0};
    std::size_t segments = 0;  ///< of each rendition
    std::uint64_t bytes = 0;
};

/// A finished HLS and DASH presentation of whole segments that a channel's DVR window still has,
/// without encoding; while the service runs or after. kNotFound when nothing of that time is on
/// disk, kUnsupported, naming the moment, when the stream broke or changed in between.
[[nodiscard]] Result<ClipSummary> make_clip(const ClipRequest& request);

}  // namespace sg::live

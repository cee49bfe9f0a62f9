#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

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
    /// Not there, empty, or left unfinished by a clip that was killed.
    std::filesystem::path output;
};

struct ClipSummary {
    /// Within it the stream was neither interrupted nor changed.
    struct Stretch {
        packagers::WallTime begins;
        packagers::WallTime ends;
        std::chrono::milliseconds length{0};  ///< of media
    };
    packagers::WallTime begins;
    packagers::WallTime ends;
    std::chrono::milliseconds length{0};  ///< of media, without what is missing in between
    std::size_t segments = 0;             ///< of each rendition that is there all the time
    std::uint64_t bytes = 0;
    std::vector<Stretch> stretches;  ///< at least one
    std::vector<std::string> notes;  ///< what was left out or filled in
};

/// A finished HLS and DASH presentation of whole segments that a channel's DVR window still has,
/// without encoding; while the service runs or after. Where the stream broke or changed in between
/// there is a discontinuity in HLS and a new Period in DASH. kNotFound when nothing of that time is
/// on disk. After an error nothing of it is left.
[[nodiscard]] Result<ClipSummary> make_clip(const ClipRequest& request);

}  // namespace sg::live

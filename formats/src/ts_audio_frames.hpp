#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <formats/ts_demuxer.hpp>

namespace sg::formats::ts {

struct AudioFrame {
    std::size_t header_bytes = 0;  ///< in front of what counts (Opus control header, LATM's sync)
    std::size_t bytes = 0;         ///< with it
    std::uint32_t samples = 0;     ///< these two are 0 for LATM, whose frames do not tell
    std::uint32_t sample_rate = 0;
    std::uint32_t trim_start = 0;
    std::uint32_t trim_end = 0;
};

enum class FrameLook {
    kFrame,
    kMore,  ///< not to be said before more bytes come
    kNone,  ///< no frame starts here
};

/// Whether a frame starts at the front of `bytes`, and how long it is; its bytes need not all be
/// there. `last`: nothing belongs to it beyond `bytes` but the rest of a frame already begun.
[[nodiscard]] FrameLook look_at_frame(TrackFormat format,
                                      std::span<const std::byte> bytes,
                                      bool last,
                                      AudioFrame& frame);

}  // namespace sg::formats::ts

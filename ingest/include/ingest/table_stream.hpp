#pragma once

#include <cstdint>

namespace sg::ingest {

/// How the packets of a stream follow from the sample table of a progressive MP4 or MOV (ISO/IEC
/// 14496-12 section 8.6): which samples they are, and what edit lists and the demuxer do to their
/// times. Ticks are the media timescale's.
struct TableStream {
    int stream = -1;
    std::uint32_t track_id = 0;
    std::uint32_t first = 0;  ///< sample of the first packet
    std::uint32_t end = 0;    ///< one past the sample of the last
    std::int64_t pts_offset = 0;
    std::int64_t dts_offset = 0;
    std::uint32_t discarded = 0;     ///< of the first, an edit list cuts off so many
    std::int64_t last_duration = 0;  ///< of the last packet
    std::int64_t skip_samples = 0;   ///< of sound, cut off the front
};

}  // namespace sg::ingest

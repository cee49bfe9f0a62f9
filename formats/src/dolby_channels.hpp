#pragma once

#include <cstdint>

namespace sg::formats {

/// Channels of an acmod (ETSI TS 102 366 Table 4.3) without the low frequency one.
[[nodiscard]] std::uint32_t dolby_mode_channels(std::uint32_t mode);

/// Channels that the loudspeakers of a chan_loc field (Table F.6.2) add to those of acmod.
[[nodiscard]] std::uint32_t dolby_extra_channels(std::uint32_t locations);

}  // namespace sg::formats

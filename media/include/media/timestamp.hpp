#pragma once

#include <cstdint>
#include <limits>

#include <media/rational.hpp>

namespace sg::media {

/// "No timestamp": the same value as libav's AV_NOPTS_VALUE.
inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

/// The seconds of one tick: {1, 90000}.
using Timebase = Rational;

inline constexpr Timebase kNanoseconds{1, 1'000'000'000};

enum class Rounding {
    kDown,     ///< towards minus infinity
    kUp,       ///< towards plus infinity
    kNearest,  ///< to the nearest tick, halves away from zero
};

/// Changes the unit of a time. Saturates instead of overflowing; kNoTime stays kNoTime.
[[nodiscard]] std::int64_t rescale(std::int64_t value,
                                   Timebase from,
                                   Timebase to,
                                   Rounding rounding);

/// floor(a * b / c) and so on with a 128-bit product; c > 0. Saturates.
[[nodiscard]] std::int64_t mul_div(std::int64_t a,
                                   std::int64_t b,
                                   std::int64_t c,
                                   Rounding rounding);

}  // namespace sg::media

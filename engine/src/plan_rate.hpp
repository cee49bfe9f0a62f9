#pragma once

#include <media/rational.hpp>

#include "plan_parts.hpp"

namespace sg::engine {

/// The rate of the output grid, with notes about everything that differs from the source.
[[nodiscard]] media::Rational choose_rate(Planning& planning);

/// Of the rates that pictures are usually made at, the nearest.
[[nodiscard]] media::Rational nearest_standard_rate(double rate);

/// Every how many pictures of `rate` are shown to stay under `most`. A rate that is above it by no
/// more than 30 is above 29.97 stays.
[[nodiscard]] std::int64_t divisor_for(media::Rational rate, media::Rational most);

}  // namespace sg::engine

#pragma once

#include <live/channel_registry.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace sg::apps {

/// Encoders of channels whose preset is not passthrough: a `streamgate task` child each.
[[nodiscard]] live::EncoderFactory encoder_factory(const Clock& clock, Metrics& metrics);

}  // namespace sg::apps

#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include <formats/video_facts.hpp>
#include <media/rational.hpp>

namespace sg::engine {

/// What a rate that was measured over a few pictures, with times in milliseconds perhaps, will be:
/// what the codec says if that agrees, else the nearest standard rate.
[[nodiscard]] media::Rational live_rate(media::Rational measured, const formats::VideoFacts& said);

/// Whether pictures still come at the rate they are planned for. Faster ones would lose pictures
/// and are worth a new plan at any time. Slower ones are only shown longer, so they are believed
/// soon after a configuration alone, when the plan may rest on a bad measurement.
class RateWatch {
  public:
    RateWatch(media::Rational planned, const formats::VideoFacts& said)
        : planned_(planned), said_(said) {}

    /// What comes now is of another configuration, or another sender.
    void restart(const formats::VideoFacts& said);
    void picture(std::int64_t dts_ns);
    /// Pictures come at another rate, and have for more than a second.
    [[nodiscard]] bool changed() const;

  private:
    media::Rational planned_;
    formats::VideoFacts said_;
    std::deque<std::int64_t> times_;
    std::optional<std::int64_t> since_;  ///< the first picture of this configuration
};

}  // namespace sg::engine

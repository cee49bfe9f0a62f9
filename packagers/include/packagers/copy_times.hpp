#pragma once

#include <cstdint>
#include <optional>

#include <pipeline/plan.hpp>

namespace sg::packagers {

/// From the times of a copied rendition's packets to ticks of its own: pictures on the exact frame
/// grid where the rate is constant, sound counted by its samples so that a container's rounded
/// times leave no gaps. Packets that lie before presentation zero are left out, but for the sound a
/// decoder needs to warm up.
class CopyTimes {
  public:
    explicit CopyTimes(const pipeline::VideoRendition& rendition);
    explicit CopyTimes(const pipeline::AudioRendition& rendition);

    struct Placed {
        std::int64_t pts = 0;
        std::int64_t duration = 0;
    };
    /// Of the next packet in decoding order, in presentation nanoseconds. `discard`: an edit list
    /// cuts it off. Nothing: leave it out.
    [[nodiscard]] std::optional<Placed> place(std::int64_t pts_ns,
                                              std::int64_t duration_ns,
                                              bool discard);

  private:
    [[nodiscard]] std::int64_t ticks(std::int64_t ns) const;

    bool video_;
    std::int64_t timescale_;
    std::int64_t frame_duration_ = 0;  ///< video at a constant rate, else 0
    media::Rational frame_rate_{0, 1};
    std::int64_t frame_samples_ = 0;  ///< audio
    std::int64_t next_sample_ = media::kNoTime;
};

}  // namespace sg::packagers

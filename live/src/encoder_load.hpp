#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace sg::live {

/// How an encoder keeps up: speed and what it had no time for, as metrics, and in the log when it
/// falls behind, each minute while that lasts, and when it is over. One thread.
class EncoderLoad {
  public:
    EncoderLoad(std::string channel, Metrics& metrics, const Clock& clock);

    struct Rung {
        std::string name;
        std::int64_t frame_ns = 0;  ///< between pictures; 0 for sound
    };
    /// What encoded() counts from now on.
    void begin(const std::vector<Rung>& rungs);
    void end() { rungs_.clear(); }
    void encoded(std::size_t rung, std::int64_t pts_ns, std::int64_t dts_ns);
    /// Units that no rung will have.
    void lost(std::uint64_t units);

    /// Several times a second.
    void look();

    /// What all rungs have; `otherwise` before their first sample.
    [[nodiscard]] std::int64_t oldest_ns(std::int64_t otherwise) const;
    /// What any rung has; 0 before the first.
    [[nodiscard]] std::int64_t newest_ns() const { return newest_ns_; }

  private:
    using Time = Clock::Monotonic;
    struct Counted {
        Rung rung;
        std::int64_t last_pts_ns = 0;
        std::int64_t last_dts_ns = 0;
        std::uint64_t dropped = 0;  ///< since the encoder fell behind
        Counter dropped_frames;
        Gauge speed;
        std::int64_t made_ns = 0;  ///< media time since it was measured
        Time measured{};
    };

    void measure(Counted& rung, Time now) const;
    void note(std::uint64_t lost);
    void forget();
    [[nodiscard]] std::int64_t lasted(Time until) const;
    [[nodiscard]] std::string dropped() const;

    std::string channel_;
    Metrics& metrics_;
    const Clock& clock_;
    std::vector<Counted> rungs_;
    std::int64_t newest_ns_ = 0;
    Time begun_{};
    Counter lost_units_;

    std::uint64_t lost_ = 0;  ///< units and pictures since it fell behind, or may have
    std::uint64_t lost_units_since_ = 0;
    Time lost_first_{};
    Time lost_last_{};
    bool behind_ = false;
    Time told_{};
};

}  // namespace sg::live

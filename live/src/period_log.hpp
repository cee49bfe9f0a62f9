#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <packagers/live_media.hpp>

namespace sg::live {

/// A stretch of segments whose media times map to the wall clock in one way.
struct PeriodMark {
    std::int64_t first_number = 0;
    std::int64_t start_us = 0;   ///< from availabilityStartTime
    std::int64_t origin_us = 0;  ///< channel time that plays there
    /// Where its media ends, when the next one begins later than that.
    std::optional<std::int64_t> end_us;
};

struct PeriodLogConfig {
    std::int64_t segment_us = 0;
    /// Clients count segments by the clock, instead of reading which there are.
    bool fixed_grid = false;
    /// How long they may go on without a new MPD.
    std::int64_t update_us = 0;
    std::optional<packagers::WallTime> availability_start;  ///< of an earlier run
};

/// The Periods of a live MPD (ISO/IEC 23009-1 §5.3.2): one for each discontinuity, and one wherever
/// the sender's clock has left the wall clock by more than a bound, since clients tell from
/// availabilityStartTime and Period@start what there is to be had (§5.3.9.5.3) and how late they
/// are. Behind a slow sender a correction leaves a hole in the presentation, or on a fixed grid
/// shows the begin of a segment twice; behind a fast one it cuts off the Period before. On a fixed
/// grid it is announced before a client can ask for its segments, so the last marks may lie ahead.
/// One thread.
class PeriodLog {
  public:
    explicit PeriodLog(const PeriodLogConfig& config);

    /// The first segment of a number has started; in order. `arrived`: when its first media
    /// arrived, unsmoothed; null where only its date is known.
    void begin(const packagers::LiveSegment& segment, std::optional<packagers::WallTime> arrived);
    /// The first segment of a number is whole; in order.
    void close(const packagers::LiveSegment& segment);
    /// `first`: of what is still listed.
    void drop_before(std::int64_t first);
    /// Nothing will come any more.
    void end();

    [[nodiscard]] const std::vector<PeriodMark>& marks() const { return marks_; }
    /// Of the newest closed segment, from availabilityStartTime.
    [[nodiscard]] std::int64_t end_us() const { return end_us_; }
    [[nodiscard]] const std::optional<packagers::WallTime>& availability_start() const {
        return config_.availability_start;
    }

  private:
    void correct(const packagers::LiveSegment& segment, packagers::WallTime arrived);
    void withdraw_from(std::int64_t number);

    PeriodLogConfig config_;
    std::vector<PeriodMark> marks_;
    std::int64_t newest_ = -1;  ///< that started
    std::int64_t end_us_ = 0;
};

}  // namespace sg::live

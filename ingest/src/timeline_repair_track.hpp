#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include <ingest/live_unit.hpp>
#include <ingest/timeline_repair.hpp>

#include "timeline_repair_order.hpp"

// One track's part of the repair: arithmetic of wrapping clocks, how early it arrives, and the
// even spacing of audio frames.

namespace sg::ingest::repair {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000 * kMs;
/// What separates two units that must not share a decode time.
inline constexpr std::int64_t kMinStep = kMs / 10;
/// A step in times beyond this is held against arrival.
inline constexpr std::int64_t kHole = 500 * kMs;
/// How far ahead of its usual arrival a unit may be and the step still be true.
inline constexpr std::int64_t kEarly = 300 * kMs;
/// Above this a kept gap is a discontinuity.
inline constexpr std::int64_t kGap = kSecond;
/// Interleaving may be this coarse; clocks further apart are not one clock.
inline constexpr std::int64_t kMaxSkew = 5 * kSecond;
/// Breaks are announced before they begin.
inline constexpr std::int64_t kMaxMarkerLead = 60 * kSecond;
inline constexpr std::int64_t kMaxCts = 5 * kSecond;

/// Ticks of a LiveClock, which wraps.
class RawClock {
  public:
    explicit RawClock(const LiveClock& clock);

    [[nodiscard]] std::uint64_t masked(std::int64_t raw) const {
        return static_cast<std::uint64_t>(raw) & mask_;
    }
    /// The shortest way from `from` to `to`.
    [[nodiscard]] std::int64_t step(std::uint64_t from, std::uint64_t to) const;
    /// Saturates at 2^61.
    [[nodiscard]] std::int64_t ns(std::int64_t ticks) const;

  private:
    std::uint64_t mask_;
    unsigned unused_bits_;
    std::int64_t timescale_;
};

/// A relation of the input's clock to the timeline, good until the clock jumps.
struct ClockBase {
    unsigned epoch = 0;
    std::int64_t offset_ns = 0;
    std::uint64_t raw = 0;   ///< the latest seen
    std::int64_t ticks = 0;  ///< of `raw`, unwrapped, since the epoch began

    [[nodiscard]] std::int64_t ticks_at(const RawClock& clock, std::uint64_t at) const;
    [[nodiscard]] std::int64_t time_at(const RawClock& clock, std::uint64_t at) const {
        return offset_ns + clock.ns(ticks_at(clock, at));
    }
};

/// The most that units lately arrived ahead of their time (time minus arrival): free of the
/// network's delays, which only make units later.
class LeadEnvelope {
  public:
    void add(std::int64_t arrival, std::int64_t lead);
    [[nodiscard]] bool empty() const { return empty_; }
    [[nodiscard]] std::int64_t value() const { return current_ > previous_ ? current_ : previous_; }

  private:
    static constexpr std::int64_t kBucket = 5 * kSecond;

    bool empty_ = true;
    std::int64_t began_ = 0;
    std::int64_t current_ = 0;
    std::int64_t previous_ = 0;
};

/// Times of audio frames as the sum of their durations, led slowly after the input's own times.
class Cadence {
  public:
    enum class Outcome { kEven, kResync, kRebase, kStuck, kDrop };
    struct Step {
        Outcome outcome = Outcome::kEven;
        std::int64_t time = 0;
    };

    /// `frame` of 0: varies, so the input's times are taken as they are.
    void configure(std::int64_t frame) { frame_ = frame; }
    /// The next unit does not continue: its own time counts where it can.
    void restart() { fresh_ = true; }

    /// `wanted` is the input's time, `moved` its distance from the unit before, `expected` where
    /// arrival puts it.
    Step next(std::int64_t wanted, std::int64_t moved, std::int64_t expected);
    /// Where the next frame is due.
    [[nodiscard]] std::int64_t due() const { return due_; }
    [[nodiscard]] bool active() const { return frame_ > 0 && distrust_ < kDistrust; }

  private:
    Step step_to(std::int64_t time, Outcome outcome);

    static constexpr std::int64_t kResyncAt = 100 * kMs;
    static constexpr std::int64_t kCorrectFrom = 3 * kMs;
    static constexpr std::int64_t kCorrectTo = kMs / 2;
    static constexpr int kDistrust = 60;  ///< resyncs cost 20, even frames repay 1

    std::int64_t frame_ = 0;
    std::int64_t due_ = 0;
    std::int64_t average_ = 0;
    bool ever_ = false;
    bool fresh_ = true;
    bool correcting_ = false;
    int distrust_ = 0;
};

/// Pictures at the even rate that their parameter sets tell, once their times have shown it: takes
/// the rounding to milliseconds out of them.
class PictureGrid {
  public:
    /// 0: no rate is known.
    void configure(std::int64_t frame) {
        frame_ = frame;
        run_ = 0;
    }
    std::int64_t next(std::int64_t wanted);
    /// A distance between decoding and display, in whole pictures where it is close to that.
    [[nodiscard]] std::int64_t distance(std::int64_t cts) const;

  private:
    static constexpr std::int64_t kRounding = kMs + kMs / 5;
    static constexpr int kCertain = 60;  ///< pictures in a row
    static constexpr std::int64_t kMostMissing = 60;

    std::int64_t frame_ = 0;
    std::int64_t last_ = 0;
    std::int64_t average_ = 0;
    int run_ = 0;
};

/// Pictures that are needed for decoding, of a time whose place is taken: they pass in a moment.
class FastForward {
  public:
    /// What lies from `from` to a little behind `taken` is pressed together behind `taken`.
    void begin(std::int64_t from, std::int64_t taken);
    void end() { *this = FastForward(); }
    [[nodiscard]] bool hides(std::int64_t time) const { return time < taken_; }
    /// Ascends with `time`; leaves times behind the moment as they are.
    [[nodiscard]] std::int64_t place(std::int64_t time) const;

  private:
    static constexpr std::int64_t kSpeed = 25;
    static constexpr std::int64_t kShortest = 40 * kMs;

    std::int64_t from_ = std::numeric_limits<std::int64_t>::min();
    std::int64_t taken_ = from_;
    std::int64_t lasts_ = 0;
};

struct RepairTrack {
    LiveTrack track;   ///< `id` is the channel's
    LiveTrack told;    ///< as the sink knows it
    int input_id = 0;  ///< the session's
    bool video = false;
    bool in_session = false;      ///< announced in this session
    bool announced = false;       ///< the sink knows it and was not told of its end
    bool config_pending = false;  ///< the sink has yet to learn `track`
    bool config_changed = false;  ///< and it differs from what the sink has
    bool needs_key = true;
    std::int64_t before_key_at = 0;  ///< a picture was left out, since none had come

    bool placed = false;  ///< has a base in this session
    ClockBase base;
    std::int64_t last_wanted = 0;
    std::int64_t last_arrival = 0;
    std::int64_t announced_at = 0;
    LeadEnvelope lead;
    std::int64_t lead_now = 0;
    Cadence cadence;
    PictureGrid grid;
    DisplayOrder display;
    std::int64_t interval = 0;
    std::int64_t last_step = 0;
    std::int64_t before_last_step = 0;
    std::uint64_t session_units = 0;

    bool ever = false;  ///< has delivered; the next two count over sessions
    std::int64_t last_dts = 0;
    std::int64_t last_time = 0;  ///< of the unit furthest on, before dts_delay
    int behind = 0;              ///< units in a row not after the one before
    std::int64_t dts_delay = 0;  ///< decode times run this much earlier than the input's
    std::int64_t dts_delay_wanted = 0;
    std::uint64_t units_since_border = 0;

    void set_config(const LiveTrack& from);
    void note_step(std::int64_t moved);
    void forget_session();
};

/// Nothing that a decoder or a playlist sees differs.
[[nodiscard]] bool same_config(const LiveTrack& a, const LiveTrack& b);

}  // namespace sg::ingest::repair

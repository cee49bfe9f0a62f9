#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <ingest/live_unit.hpp>
#include <ingest/timeline_repair.hpp>

namespace sg::live {

struct SwitchPolicy {
    /// An input on air that is silent for so long is left, if another one delivers.
    std::chrono::nanoseconds silence{std::chrono::seconds(1)};
    /// A better input must deliver for so long before it goes on air in place of a working one.
    std::chrono::nanoseconds stable{std::chrono::seconds(10)};
    /// Of pictures and sound since its last key frame that an input off air keeps ready.
    std::size_t standby_bytes = std::size_t{8} << 20;
};

/// Puts one of a channel's inputs on air: the best that delivers. Those off air are kept ready from
/// their last key frame on, so a switch needs not wait for one. Arrival times are nanoseconds of a
/// steady clock, handed in. One thread.
class InputSwitch {
  public:
    InputSwitch(const SwitchPolicy& policy, ingest::TimelineRepair& repair);

    /// A publisher arrived, or a pull connected. Lower `priority` is better. The number that it is
    /// called by below is never used again. A `filler` gives way to any other as soon as that has a
    /// key frame.
    int open(int priority,
             const ingest::LiveClock& clock,
             std::int64_t arrival_ns,
             bool filler = false);
    void track(int input, const ingest::LiveTrack& track, std::int64_t arrival_ns);
    void unit(int input, ingest::LiveUnit unit, std::int64_t arrival_ns);
    void marker(int input, ingest::LiveMarker marker, std::int64_t arrival_ns);
    void track_end(int input, int track, std::int64_t arrival_ns);
    /// It left.
    void close(int input, std::int64_t arrival_ns);

    /// The inputs of this priority go on air as soon as they deliver, whatever their rank; nothing:
    /// by rank again.
    void prefer(std::optional<int> priority) { preferred_ = priority; }

    /// Lets time pass while nothing arrives.
    void advance(std::int64_t now_ns);
    /// When advance() has something to do at the latest.
    [[nodiscard]] std::optional<std::int64_t> deadline_ns() const;

    [[nodiscard]] std::optional<int> on_air() const { return on_air_; }
    [[nodiscard]] std::size_t inputs() const { return inputs_.size(); }
    /// A filler will be opened when nothing arrives: silence has a deadline although there is one
    /// input only.
    void expect_filler(bool expected) { has_filler_ = expected; }
    /// A filler is on air.
    [[nodiscard]] bool filling() const;
    /// Nothing but a filler delivers.
    [[nodiscard]] bool idle(std::int64_t now_ns) const;
    /// When anything came of this input; its opening before that.
    [[nodiscard]] std::int64_t last_arrival_ns(int input) const;
    [[nodiscard]] std::uint64_t switches() const { return switches_; }

  private:
    struct Waiting {
        ingest::LiveUnit unit;
        std::int64_t arrival_ns = 0;
    };
    struct Input {
        int priority = 0;
        bool filler = false;
        ingest::LiveClock clock;
        unsigned session = 0;  ///< of the repair while on air
        std::map<int, ingest::LiveTrack> tracks;
        std::int64_t opened_ns = 0;
        std::int64_t last_ns = 0;
        std::int64_t steady_since_ns = 0;
        bool delivered = false;
        bool has_video = false;
        std::deque<Waiting> standby;
        std::size_t standby_bytes = 0;
    };

    [[nodiscard]] int rank(const Input& input) const {
        return preferred_ == input.priority && !input.filler ? -1 : input.priority;
    }
    [[nodiscard]] bool silent(const Input& input, std::int64_t now_ns) const;
    [[nodiscard]] bool ready(const Input& input) const;
    /// There is an input of a better rank, whether it delivers or not.
    [[nodiscard]] bool better_than(const Input& input) const;
    void keep(Input& input, ingest::LiveUnit unit, std::int64_t arrival_ns);
    void forget(Input& input);
    void put_on_air(int number, std::int64_t now_ns);
    /// The best input that delivers and has a key frame ready, other than `except`.
    [[nodiscard]] std::optional<int> best(std::int64_t now_ns, std::optional<int> except) const;

    SwitchPolicy policy_;
    ingest::TimelineRepair& repair_;
    std::map<int, Input> inputs_;
    std::optional<int> on_air_;
    std::optional<int> preferred_;
    int next_ = 0;
    std::uint64_t switches_ = 0;
    bool has_filler_ = false;
    std::int64_t now_ns_ = 0;  ///< of the last advance()
};

}  // namespace sg::live

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <engine/index.hpp>

namespace sg::engine {

/// What the index keeps of a packet while it decides on which clock it runs.
struct IndexRecord {
    int stream = -1;
    std::int64_t pts = media::kNoTime;  ///< source ticks
    std::int64_t dts = media::kNoTime;
    std::int64_t pts_ns = 0;   ///< source clock
    std::int64_t time_ns = 0;  ///< dts when there is one, else pts: it does not go back and forth
    std::int64_t duration_ns = 0;
    std::int64_t position = -1;
    std::int64_t bytes = 0;
    std::int64_t skip_samples = 0;
    std::int64_t drop_samples = 0;
    bool key = false;
    bool idr = false;
    bool discard = false;
    bool filled = false;
    bool second_field = false;
    std::int64_t shift_ns = 0;  ///< decided: add it to get source ns
};

/// Finds where a source's clock jumps and what to add from there on, so that what follows continues
/// where the media before it ended: no stream overlaps itself, and pictures go on in the rhythm of
/// those before, since a frame grid would move them against the sound. A lone wrong timestamp is
/// told from a jump by the packets after it.
class IndexClock {
  public:
    /// `pictures`: of each stream, whether it is video. `forward`: also a hole in all streams at
    /// once counts as a jump, as in formats that carry a broadcast clock.
    IndexClock(const std::vector<bool>& pictures, bool backward, bool forward);

    /// Appends the records that are decided to `out`, in order.
    void add(IndexRecord record, std::vector<IndexRecord>& out);
    void finish(std::vector<IndexRecord>& out);

    [[nodiscard]] std::vector<pipeline::TimelineEpoch> epochs() const { return epochs_; }
    [[nodiscard]] const std::vector<Jump>& jumps() const { return jumps_; }
    [[nodiscard]] std::int64_t jump_count() const { return jump_count_; }
    /// Records thrown away because their time fits nothing around them.
    [[nodiscard]] std::int64_t outliers() const { return outliers_; }

  private:
    struct Stream {
        bool pictures = false;
        bool seen = false;
        std::int64_t last_ns = 0;              ///< source ns, start of the last record
        std::int64_t shown_ns = 0;             ///< the latest presentation of any
        std::int64_t end_ns = 0;               ///< and the latest end
        std::array<std::int64_t, 12> steps{};  ///< the latest times from one picture to the next
        std::size_t step_count = 0;

        /// From one picture to the next, as a rule; 0 when that is not known.
        [[nodiscard]] std::int64_t usual_step() const;
    };

    [[nodiscard]] bool fits(const IndexRecord& record) const;
    void accept(IndexRecord record, std::vector<IndexRecord>& out);
    [[nodiscard]] bool settled() const;
    void settle(std::vector<IndexRecord>& out);
    [[nodiscard]] std::int64_t in_rhythm(std::int64_t shift,
                                         const std::vector<std::int64_t>& starts) const;

    std::vector<Stream> streams_;
    bool backward_;
    bool forward_;
    std::int64_t shift_ns_ = 0;
    std::int64_t newest_ns_ = media::kNoTime;
    std::vector<IndexRecord> pending_;
    std::vector<pipeline::TimelineEpoch> epochs_{pipeline::TimelineEpoch{}};
    std::vector<Jump> jumps_;
    std::int64_t jump_count_ = 0;
    std::int64_t outliers_ = 0;
};

}  // namespace sg::engine

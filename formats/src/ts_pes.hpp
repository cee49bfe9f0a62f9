#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ts_unit_splitter.hpp"

namespace sg::formats::ts {

/// Takes one PID's packets apart into PES packets (ISO/IEC 13818-1 section 2.4.3.6) and feeds their
/// payload to a splitter.
class PesReader {
  public:
    PesReader(std::unique_ptr<UnitSplitter> splitter, DemuxCounters& counters)
        : splitter_(std::move(splitter)), counters_(counters) {}

    /// `stuffed`: the packet was filled up, as a PES packet's last one is.
    void payload(std::span<const std::byte> bytes, bool start, bool stuffed);
    void lost();
    void flush();
    void announce_discontinuity(bool at_start);
    void drop() {
        splitter_->drop();
        state_ = State::kIdle;
    }
    [[nodiscard]] std::size_t buffered() const { return splitter_->buffered(); }
    /// The newest time stamp.
    [[nodiscard]] std::optional<std::int64_t> last_pts() const { return last_pts_; }

  private:
    enum class State { kIdle, kHeader, kPayload };

    [[nodiscard]] std::span<const std::byte> take_header(std::span<const std::byte> bytes);
    [[nodiscard]] std::optional<std::size_t> parse_header(std::span<const std::byte> bytes);
    void learn_ends();

    std::unique_ptr<UnitSplitter> splitter_;
    DemuxCounters& counters_;
    State state_ = State::kIdle;
    std::vector<std::byte> header_;
    std::optional<std::size_t> left_;  ///< of a PES packet whose length is known
    bool ends_unit_ = false;           ///< its length is known and is not the greatest there is
    std::optional<std::int64_t> last_pts_;

    // Video mostly comes without lengths. Where stuffing has been seen to end PES packets, and only
    // there, it is believed, so that a picture is out before the next one comes.
    unsigned stuffed_ends_ = 0;
    bool stuffed_last_ = false;
    bool believes_stuffing_ = false;
    bool never_believe_ = false;
};

}  // namespace sg::formats::ts

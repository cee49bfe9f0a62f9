#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <formats/ts_demuxer.hpp>

namespace sg::formats::ts {

inline constexpr std::size_t kPacket = 188;

/// Finds packets in bytes that come in any split.
class PacketSync {
  public:
    explicit PacketSync(DemuxCounters& counters) : counters_(counters) {}

    /// Calls `take` with each packet of 188 bytes.
    template <class Take>
    void push(std::span<const std::byte> bytes, Take&& take) {
        if (!carry_.empty() || stride_ == 0) {
            // Only as much as completes what was carried over, then the rest without a copy.
            while (!bytes.empty() && (stride_ == 0 || !carry_.empty())) {
                const std::size_t part = wanted(bytes.size());
                carry_.insert(carry_.end(), bytes.begin(), bytes.begin() + as_offset(part));
                bytes = bytes.subspan(part);
                const std::size_t used = run(carry_, take);
                carry_.erase(carry_.begin(), carry_.begin() + as_offset(used));
            }
        }
        if (bytes.empty()) return;
        const std::size_t used = run(bytes, take);
        carry_.assign(bytes.begin() + as_offset(used), bytes.end());
    }

  private:
    /// Three packets of the longest kind in a row make a sync.
    static constexpr std::size_t kLookAhead = 2 * 204 + 1;
    static std::ptrdiff_t as_offset(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

    [[nodiscard]] std::size_t wanted(std::size_t available) const;
    /// Number of bytes to skip until a sync; sets stride_ when it is found.
    [[nodiscard]] std::size_t search(std::span<const std::byte> bytes);

    template <class Take>
    std::size_t run(std::span<const std::byte> bytes, Take&& take) {
        std::size_t at = 0;
        while (true) {
            if (stride_ == 0) {
                const std::size_t skipped = search(bytes.subspan(at));
                counters_.skipped_bytes += skipped;
                at += skipped;
                if (stride_ == 0) return at;
            }
            if (bytes.size() - at < stride_) return at;
            if (bytes[at] != std::byte{0x47}) {
                ++counters_.sync_losses;
                stride_ = 0;
                continue;
            }
            take(bytes.subspan(at, kPacket));
            at += stride_;
        }
    }

    DemuxCounters& counters_;
    std::vector<std::byte> carry_;
    std::size_t stride_ = 0;  ///< 0: out of sync
};

struct Packet {
    unsigned pid = 0;
    unsigned counter = 0;
    bool damaged = false;  ///< transport_error_indicator
    bool start = false;    ///< payload_unit_start_indicator
    bool scrambled = false;
    bool has_payload = false;
    bool random_access = false;
    bool discontinuity = false;
    bool stuffed = false;               ///< the adaptation field holds bytes that say nothing
    std::optional<std::int64_t> clock;  ///< 27 MHz
    std::span<const std::byte> payload;
};

/// `bytes` is one packet, with its sync byte. Nothing when its adaptation field is impossible.
[[nodiscard]] std::optional<Packet> parse_packet(std::span<const std::byte> bytes);

}  // namespace sg::formats::ts

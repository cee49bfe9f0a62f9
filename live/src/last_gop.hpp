#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ingest/timed_unit.hpp>

namespace sg::live {

/// Pictures of one track from its last closed key frame on, so that decoders can be brought back to
/// where they were. Of a GOP that grows too large only the key frame stays, and of those of streams
/// whose key frames come each two seconds or sooner: keeping costs a copy. One thread.
class LastGop {
  public:
    static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
    static constexpr std::size_t kMaxPictures = 300;
    /// Samples are told apart to 1/90000 s.
    static constexpr std::int64_t kTickNs = 11'112;

    /// A closed key frame, of any size.
    void begin(const ingest::TimedUnit& key);
    /// In decoding order.
    void add(const ingest::TimedUnit& picture);
    /// Something is missing: what follows cannot be decoded.
    void keep_key_only();
    void clear();

    [[nodiscard]] bool empty() const { return pictures_.empty(); }
    [[nodiscard]] bool whole() const { return whole_; }
    /// Its arrival is left to the caller.
    [[nodiscard]] ingest::TimedUnit key() const { return unit(pictures_.front()); }
    [[nodiscard]] std::int64_t key_dts_ns() const { return pictures_.front().dts_ns; }
    /// From decoding the key frame to showing it.
    [[nodiscard]] std::int64_t lead_ns() const {
        return pictures_.front().pts_ns - pictures_.front().dts_ns;
    }

    /// All pictures, to be decoded between `from_ns` and `next`, as late as possible, in less than
    /// 0.1 s. They are shown in their order, before `next` is decoded; those that are shown later
    /// keep their times. Empty where they find no room.
    [[nodiscard]] std::vector<ingest::TimedUnit> squeezed(std::int64_t from_ns,
                                                          const ingest::TimedUnit& next) const;

  private:
    struct Picture {
        std::int64_t pts_ns = 0;
        std::int64_t dts_ns = 0;
        std::size_t begin = 0;  ///< in `bytes_`
        std::size_t end = 0;
    };

    void append(const ingest::TimedUnit& picture);
    [[nodiscard]] ingest::TimedUnit unit(const Picture& picture) const;

    int track_ = 0;
    std::vector<Picture> pictures_;
    std::vector<std::byte> bytes_;  ///< of all: one place, used by one GOP after the other
    bool whole_ = false;
};

}  // namespace sg::live

#pragma once

#include <cstdint>

namespace sg::packagers {

/// Where a GOP can be cut between pictures that are decoded in another order than they are shown:
/// only at some places is everything before shown before everything after. Times in nanoseconds of
/// one rendition, in decoding order, from a key frame on.
class PictureOrder {
  public:
    void add(std::int64_t pts_ns, std::int64_t dts_ns, bool key);

    /// From when the pictures decoded from `dts_ns` on are shown.
    [[nodiscard]] std::int64_t shown_from(std::int64_t dts_ns) const { return dts_ns + lead_ns_; }
    /// All pictures so far are shown before that; `dts_ns` is of the next one.
    [[nodiscard]] bool parts_at(std::int64_t dts_ns) const;
    /// How long it has taken in this GOP, at most, from one such place to the next.
    [[nodiscard]] std::int64_t step_ns() const { return step_ns_; }

  private:
    std::int64_t lead_ns_ = 0;  ///< of the key frame: shown after it is decoded
    std::int64_t latest_pts_ns_ = 0;
    std::int64_t last_dts_ns_ = 0;
    std::int64_t parted_dts_ns_ = 0;
    std::int64_t step_ns_ = 0;
};

}  // namespace sg::packagers

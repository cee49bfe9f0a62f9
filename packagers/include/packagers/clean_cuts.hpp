#pragma once

#include <cstdint>

namespace sg::packagers {

/// Where a GOP can be cut when pictures are decoded in another order than they are shown: a cut is
/// clean when all pictures before it are shown before all that follow. Nanoseconds, of one
/// rendition's pictures in decoding order, from a key frame on.
class CleanCuts {
  public:
    void add(std::int64_t pts_ns, std::int64_t dts_ns, bool key);

    /// From when the pictures decoded from `dts_ns` on are shown.
    [[nodiscard]] std::int64_t shown_from(std::int64_t dts_ns) const { return dts_ns + lead_ns_; }
    /// Whether a cut before the next picture, which is decoded at `dts_ns`, is one.
    [[nodiscard]] bool is_clean(std::int64_t dts_ns) const;
    /// The longest way from one clean cut to the next so far in this GOP.
    [[nodiscard]] std::int64_t step_ns() const { return step_ns_; }

  private:
    /// The GOP's first picture is shown so long after the key frame is decoded: the key frame
    /// itself, or one of an open GOP that leads it.
    std::int64_t lead_ns_ = 0;
    std::int64_t key_dts_ns_ = 0;
    std::int64_t latest_pts_ns_ = 0;
    std::int64_t last_dts_ns_ = 0;
    std::int64_t clean_dts_ns_ = 0;
    std::int64_t step_ns_ = 0;
};

}  // namespace sg::packagers

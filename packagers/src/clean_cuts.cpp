#include <algorithm>

#include <packagers/clean_cuts.hpp>

namespace sg::packagers {

void CleanCuts::add(std::int64_t pts_ns, std::int64_t dts_ns, bool key) {
    if (key) {
        lead_ns_ = pts_ns - dts_ns;
        key_dts_ns_ = dts_ns;
        latest_pts_ns_ = pts_ns;
        clean_dts_ns_ = dts_ns;
        step_ns_ = 0;
    } else {
        lead_ns_ = std::min(lead_ns_, pts_ns - key_dts_ns_);
        if (is_clean(dts_ns)) {
            step_ns_ = std::max(step_ns_, dts_ns - clean_dts_ns_);
            clean_dts_ns_ = dts_ns;
        }
    }
    latest_pts_ns_ = std::max(latest_pts_ns_, pts_ns);
    last_dts_ns_ = dts_ns;
}

bool CleanCuts::is_clean(std::int64_t dts_ns) const {
    // Times in milliseconds, as RTMP has them, are off by less than half a picture.
    return latest_pts_ns_ + (dts_ns - last_dts_ns_) / 2 < shown_from(dts_ns);
}

}  // namespace sg::packagers

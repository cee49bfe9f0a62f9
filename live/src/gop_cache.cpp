#include "gop_cache.hpp"

#include <algorithm>

namespace sg::live {

void GopCache::add(const ingest::TimedUnit& unit, bool video) {
    if (video && unit.key) {
        forget(unit.track);
        begun_[unit.track] = unit.dts_ns;
        trim();
    }
    if (begun_.empty() || (video && !begun_.contains(unit.track))) return;
    bytes_ += unit.data.size();
    units_.push_back(unit);
    const auto begun = begun_.find(unit.track);
    const bool long_gop =
        begun != begun_.end() && unit.dts_ns - begun->second > limits_.duration_ns;
    if (long_gop) {
        forget(unit.track);
        trim();
    } else if (bytes_ > limits_.bytes) {
        clear();
    }
}

/// Sound from before all pictures.
void GopCache::trim() {
    std::int64_t first = INT64_MAX;
    for (const auto& [track, at] : begun_) first = std::min(first, at);
    while (!units_.empty() && (begun_.empty() || units_.front().dts_ns < first)) {
        bytes_ -= units_.front().data.size();
        units_.pop_front();
    }
}

void GopCache::forget(int track) {
    begun_.erase(track);
    std::erase_if(units_, [&](const ingest::TimedUnit& unit) {
        if (unit.track != track) return false;
        bytes_ -= unit.data.size();
        return true;
    });
}

void GopCache::clear() {
    units_.clear();
    begun_.clear();
    bytes_ = 0;
}

}  // namespace sg::live

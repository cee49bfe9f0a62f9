#include <algorithm>

#include <jobs/estimate.hpp>

namespace sg::jobs {

TimeLeft time_left(const TimeLeft& planned, double spent_s, double percent, double found) {
    // Before that its own speed says little.
    constexpr double kEnough = 3;
    // From here on only that counts.
    constexpr double kCertain = 30;
    const double gained = percent - found;
    if (gained < kEnough || spent_s <= 0) return planned;
    const double own = spent_s * (100 - percent) / gained;
    const double weight = std::min(1.0, gained / kCertain);
    const auto between = [&](double by_plan, double by_itself) {
        return by_plan * (1 - weight) + by_itself * weight;
    };
    return {between(planned.seconds, own),
            std::min(between(planned.low, own * 0.8), own),
            std::max(between(planned.high, own * 1.25), own)};
}

}  // namespace sg::jobs

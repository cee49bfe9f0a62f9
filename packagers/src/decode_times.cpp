#include "decode_times.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace sg::packagers {
namespace {

using Ticks = std::span<const std::int64_t>;

struct Order {
    std::size_t depth =
        0;  ///< most places by which a sample is shown before its place in decoding order
    std::size_t earliest = 0;  ///< the sample shown first
};

Order order_of(std::span<const LayoutSample> samples, Ticks shown) {
    Order order;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto rank = static_cast<std::size_t>(std::ranges::lower_bound(shown, samples[i].pts) -
                                                   shown.begin());
        if (rank == 0) order.earliest = i;
        if (i > rank) order.depth = std::max(order.depth, i - rank);
    }
    return order;
}

/// `count` places evenly from `from` to before `to`.
void spread(std::int64_t from, std::int64_t to, std::span<std::int64_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = from +
                 (to - from) * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(out.size());
    }
}

}  // namespace

DecodeTimes decode_times(std::span<const LayoutSample> samples,
                         Ticks shown,
                         std::int64_t end,
                         std::int64_t lead) {
    DecodeTimes times{{shown.begin(), shown.end()}, end - lead};
    const std::size_t count = samples.size();
    Order order = order_of(samples, shown);
    if (lead == 0 && order.depth == 0) return times;
    order.depth = std::max<std::size_t>(order.depth, 1);
    const bool origin = shown[0] == 0;
    if (count <= order.depth || (shown[1] - shown[0]) <= static_cast<std::int64_t>(order.depth)) {
        if (origin && lead > 0) {
            spread(0, times.end, times.starts);
        } else {
            for (auto& start : times.starts) start -= lead;
        }
        return times;
    }

    // The first samples share the time up to the second picture; from then on each is decoded
    // `depth` places ahead.
    auto& starts = times.starts;
    const std::span<std::int64_t> head(starts.data(), order.depth + 1);
    std::int64_t from = origin ? 0 : shown[0] - lead;
    if (order.earliest == 0) {
        spread(from, shown[1], head);
    } else {
        if (from == shown[0]) from -= (shown[1] - shown[0]) / 2;
        spread(from, shown[0], head.first(order.earliest));
        spread(shown[0], shown[1], head.subspan(order.earliest));
    }
    std::copy(shown.begin() + 1,
              shown.end() - static_cast<std::ptrdiff_t>(order.depth),
              starts.begin() + static_cast<std::ptrdiff_t>(order.depth) + 1);

    // The last ones fall back, so that none lasts beyond the end.
    std::int64_t latest = samples[count - 1].pts;
    starts[count - 1] =
        std::max(starts[count - 1], std::min(latest, times.end - (end - shown[count - 1])));
    for (std::size_t i = count - 1; i-- > 1;) {
        latest = std::min(latest, samples[i].pts);
        starts[i] = std::max(starts[i], std::min(latest, starts[i + 1] - (end - samples[i].pts)));
    }
    return times;
}

}  // namespace sg::packagers

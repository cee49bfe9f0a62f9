#include "live_rate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "plan_rate.hpp"

namespace sg::engine {
namespace {

using media::Rational;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWindow = 2 * kSecond;
constexpr std::int64_t kEnough = kSecond + kSecond / 2;
constexpr std::size_t kPictures = 12;
/// After a configuration, rates that fall are believed so long.
constexpr std::int64_t kFresh = 5 * kSecond;
/// 24 and 25 are two rates, 30 and 29.97 are one.
constexpr double kOther = 1.035;
/// Unsteady pictures tell little, but that.
constexpr double kMuchFaster = 1.5;

}  // namespace

Rational live_rate(Rational measured, const formats::VideoFacts& said) {
    const auto near = [&](Rational rate, double tolerance) {
        return rate.positive() && measured.positive() &&
               std::abs(rate.as_double() / measured.as_double() - 1) <= tolerance;
    };
    const auto claimed = media::reduced({said.frame_rate_num, said.frame_rate_den});
    if (claimed.positive() && (near(claimed, 0.06) || !measured.positive())) return claimed;
    if (!measured.positive()) return {30, 1};
    const auto nearest = nearest_standard_rate(measured.as_double());
    if (near(nearest, 0.06)) return nearest;
    const auto tenths = std::clamp<std::int64_t>(std::llround(measured.as_double() * 10), 10, 2400);
    return media::reduced({tenths, 10});
}

void RateWatch::restart(const formats::VideoFacts& said) {
    said_ = said;
    times_.clear();
    since_.reset();
}

void RateWatch::picture(std::int64_t dts_ns) {
    if (!since_) since_ = dts_ns;
    times_.push_back(dts_ns);
    while (times_.back() - times_.front() > kWindow) times_.pop_front();
}

bool RateWatch::changed() const {
    if (times_.size() < kPictures) return false;
    const auto span = times_.back() - times_.front();
    if (span < kEnough) return false;
    const auto usual = span / static_cast<std::int64_t>(times_.size() - 1);
    const auto measured =
        media::reduced({static_cast<std::int64_t>(times_.size() - 1) * 1'000'000, span / 1'000});
    const auto ratio = live_rate(measured, said_).as_double() / planned_.as_double();
    if (ratio >= kMuchFaster) return true;
    // Times in milliseconds jitter by one.
    const auto tolerance = usual / 5 + 1'000'000;
    std::size_t steady = 0;
    for (std::size_t i = 1; i < times_.size(); ++i)
        if (std::abs(times_[i] - times_[i - 1] - usual) <= tolerance) ++steady;
    if (steady * 10 < (times_.size() - 1) * 9) return false;
    return ratio >= kOther || (ratio <= 1 / kOther && times_.back() - *since_ <= kFresh);
}

}  // namespace sg::engine

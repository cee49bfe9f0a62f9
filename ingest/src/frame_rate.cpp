#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <ingest/frame_rate.hpp>

namespace sg::ingest {
namespace {

using media::Rational;

constexpr std::array kStandardRates{
    Rational{24000, 1001},  Rational{24, 1},  Rational{25, 1},        Rational{30000, 1001},
    Rational{30, 1},        Rational{48, 1},  Rational{50, 1},        Rational{60000, 1001},
    Rational{60, 1},        Rational{100, 1}, Rational{120000, 1001}, Rational{120, 1},
    Rational{12000, 1001},  Rational{12, 1},  Rational{25, 2},        Rational{15000, 1001},
    Rational{15, 1},        Rational{10, 1},  Rational{8, 1},         Rational{15, 2},
    Rational{6, 1},         Rational{5, 1},   Rational{2, 1},         Rational{1, 1},
    Rational{48000, 1001},  Rational{20, 1},  Rational{18, 1},        Rational{16, 1},
    Rational{240000, 1001}, Rational{240, 1}, Rational{200, 1},       Rational{90, 1},
    Rational{75, 1},        Rational{72, 1}};

/// A tick longer than this share of a frame proves nothing about a rate.
constexpr double kCoarsest = 0.3;
/// Times this share of a frame apart from a rate's grid refute the rate for good.
constexpr double kWidest = 0.5;
constexpr std::size_t kMaxBuckets = 64;

/// std::llround() inline: called for each picture and candidate.
std::int64_t nearest(double value) {
    return static_cast<std::int64_t>(value + (value < 0 ? -0.5 : 0.5));
}

}  // namespace

Rational simplest_near(Rational value, std::int64_t limit) {
    value = media::reduced(value);
    if (std::abs(value.num) <= limit && value.den <= limit) return value;
    // Continued fraction; the last convergent whose parts stay in bounds.
    std::int64_t n = std::abs(value.num);
    std::int64_t d = value.den;
    std::int64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    while (d != 0) {
        const std::int64_t a = n / d;
        const media::Int128 p2 = static_cast<media::Int128>(a) * p1 + p0;
        const media::Int128 q2 = static_cast<media::Int128>(a) * q1 + q0;
        if (p2 > limit || q2 > limit) break;
        p0 = std::exchange(p1, static_cast<std::int64_t>(p2));
        q0 = std::exchange(q1, static_cast<std::int64_t>(q2));
        n = std::exchange(d, n % d);
    }
    if (q1 == 0) return {value.num < 0 ? -limit : limit, 1};
    return {value.num < 0 ? -p1 : p1, q1};
}

Rational snap_rate(Rational value) {
    if (!value.positive()) return value;
    const Rational* best = nullptr;
    double best_error = 0.0002;
    for (const auto& standard : kStandardRates) {
        const double error = std::abs(value.as_double() / standard.as_double() - 1.0);
        if (error < best_error) {
            best_error = error;
            best = &standard;
        }
    }
    return best != nullptr ? *best : value;
}

FrameRateMeter::FrameRateMeter(media::Timebase timebase, std::vector<Rational> hints)
    : timebase_(timebase) {
    const double tick = timebase.as_double();
    const auto add_candidate = [&](Rational rate, bool standard) {
        rate = media::reduced(rate);
        if (!rate.positive() || tick * rate.as_double() > kCoarsest) return;
        const bool known = std::any_of(candidates_.begin(),
                                       candidates_.end(),
                                       [&](const Candidate& c) { return c.rate == rate; });
        if (known) return;
        Candidate candidate;
        candidate.rate = rate;
        candidate.standard = standard;
        candidate.frames_per_tick = tick * rate.as_double();
        candidates_.push_back(candidate);
    };
    for (const auto& rate : kStandardRates) add_candidate(rate, true);
    for (const auto& rate : hints) add_candidate(rate, false);
}

void FrameRateMeter::add(std::int64_t pts) {
    ++pictures_;
    if (anchor_ == media::kNoTime) {
        anchor_ = pts;
        last_ = pts;
        return;
    }
    if (last_ == media::kNoTime) {  // after a hole: the new run has a phase of its own
        anchor_ = pts;
        last_ = pts;
        for (auto& c : candidates_) {
            c.slot = 0;
            c.phase = (c.lowest + c.highest) / 2;
        }
        return;
    }
    const std::int64_t delta = pts - last_;
    if (delta <= 0) {
        ++duplicates_;
        return;
    }
    last_ = pts;
    span_ += delta;
    ++intervals_;
    min_delta_ = intervals_ == 1 ? delta : std::min(min_delta_, delta);
    max_delta_ = std::max(max_delta_, delta);

    const auto bucket = std::find_if(
        buckets_.begin(), buckets_.end(), [&](const Bucket& b) { return b.delta == delta; });
    if (bucket != buckets_.end()) {
        ++bucket->count;
        if (bucket != buckets_.begin() && bucket->count > std::prev(bucket)->count)
            std::iter_swap(bucket, std::prev(bucket));
    } else if (buckets_.size() < kMaxBuckets) {
        buckets_.push_back({delta, 1});
    } else {
        buckets_.back() = {delta, 1};
    }

    bool hopeless = false;
    for (auto& c : candidates_) {
        const double at = static_cast<double>(pts - anchor_) * c.frames_per_tick + c.phase;
        // Round around the middle of the errors so far, so that the first picture's own rounding
        // does not count double.
        const double middle = (c.lowest + c.highest) / 2;
        const std::int64_t slot = nearest(at - middle);
        const double error = at - static_cast<double>(slot);
        c.lowest = std::min(c.lowest, error);
        c.highest = std::max(c.highest, error);
        const std::int64_t step = slot - c.slot;
        if (step < 1) ++c.collisions;
        if (step > 1) {
            ++c.holes;
            c.empty_slots += step - 1;
        }
        c.slot = slot;
        hopeless = hopeless || c.spread() >= kWidest;
    }
    if (hopeless) std::erase_if(candidates_, [](const auto& c) { return c.spread() >= kWidest; });
}

void FrameRateMeter::skip() {
    last_ = media::kNoTime;
}

std::int64_t FrameRateMeter::usual_delta() const {
    return buckets_.empty() ? 0 : buckets_.front().delta;
}

FrameRateMeter::Verdict FrameRateMeter::verdict() const {
    Verdict v;
    v.pictures = pictures_;
    v.duplicates = duplicates_;
    v.min_delta = min_delta_;
    v.max_delta = max_delta_;
    const auto to_ns = [&](std::int64_t ticks) {
        return media::rescale(ticks, timebase_, media::kNanoseconds, media::Rounding::kNearest);
    };
    v.usual_delta_ns = to_ns(usual_delta());
    auto sorted = buckets_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Bucket& a, const Bucket& b) {
        return a.count > b.count;
    });
    if (sorted.size() > 8) sorted.resize(8);
    for (const auto& b : sorted) v.deltas.push_back({to_ns(b.delta), b.count});
    if (intervals_ == 0 || span_ <= 0) return v;

    const Candidate* best = nullptr;
    const Candidate* grid = nullptr;
    for (const auto& c : candidates_) {
        // A claimed rate may be no more than the average of what varies: it must fit closely.
        const double allowed = c.standard ? kWidest : std::max(0.05, 2.5 * c.frames_per_tick);
        if (c.spread() >= std::min(allowed, kWidest) || c.collisions > intervals_ / 500) continue;
        if (c.spread() < 0.35 && (grid == nullptr || media::compare(c.rate, grid->rate) < 0))
            grid = &c;
        if (c.holes > std::max<std::int64_t>(intervals_ / 50, intervals_ > 8 ? 2 : 0)) continue;
        const auto rank = [&](const Candidate& x) {
            return std::tuple(x.holes, !x.standard, x.spread());
        };
        if (best == nullptr || rank(c) < rank(*best)) best = &c;
    }
    if (best != nullptr) {
        v.constant = true;
        v.rate = best->rate;
        v.grid_rate = best->rate;
        return v;
    }
    const auto average =
        media::reduced({media::mul_div(intervals_, timebase_.den, 1, media::Rounding::kNearest),
                        media::mul_div(span_, timebase_.num, 1, media::Rounding::kNearest)});
    v.rate = simplest_near(average, 1'000'000);
    if (min_delta_ == max_delta_) {
        v.constant = true;
        v.grid_rate = v.rate;
        return v;
    }
    if (grid != nullptr) v.grid_rate = grid->rate;
    return v;
}

}  // namespace sg::ingest

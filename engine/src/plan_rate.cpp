#include "plan_rate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace sg::engine {
namespace {

using media::Rational;

constexpr Rational kStillRate{25, 1};
/// Players and segment lengths need a picture every half second.
constexpr Rational kSlowest{2, 1};
/// More than any display shows and encoders' levels hold.
constexpr Rational kFastest{240, 1};

/// A rate as people write it: "25", "30000/1001 (29.970)".
std::string text_of(Rational rate) {
    return rate.den == 1 ? fmt::format("{}", rate.num)
                         : fmt::format("{} ({:.3f})", media::to_string(rate), rate.as_double());
}

/// How much of the grid's places the pictures fill, in percent.
std::int64_t filled_percent(const VideoIndex& index, Rational grid) {
    const auto span = index.last_ns - index.first_ns;
    if (span <= 0) return 0;
    const auto places =
        media::mul_div(span, grid.num, grid.den * 1'000'000'000, media::Rounding::kNearest) + 1;
    return places <= 0 ? 0 : index.frames * 100 / places;
}

/// The rate whose grid shows a varying source best: the grid its pictures lie on when they fill a
/// good part of it, else the standard rate nearest to their usual distance, else the average.
Rational steady_rate(const VideoIndex& index) {
    constexpr std::int64_t kWellFilled = 40;
    if (index.grid_rate.positive() && filled_percent(index, index.grid_rate) >= kWellFilled)
        return media::reduced(index.grid_rate);

    double rate = index.frame_rate.as_double();
    if (!index.deltas.empty() && index.deltas.front().delta_ns > 0) {
        rate = std::max(rate, 1e9 / static_cast<double>(index.deltas.front().delta_ns));
    }
    const auto nearest = nearest_standard_rate(rate);
    if (std::abs(nearest.as_double() - rate) <= 0.2 * rate) return nearest;
    const auto thousandths =
        static_cast<std::int64_t>(std::llround(std::clamp(rate, 0.001, 1e6) * 1000));
    return media::reduced({std::max<std::int64_t>(thousandths, 1), 1000});
}

/// Timescales are 32 bits wide (ISO/IEC 14496-12 section 8.4.2): a fraction with huge terms is
/// brought near.
Rational usable(Rational rate) {
    rate = media::reduced(rate);
    constexpr std::int64_t kLargestTerm = 100'000'000;
    if (rate.num <= kLargestTerm && rate.den <= kLargestTerm) return rate;
    return media::reduced({std::max<std::int64_t>(
                               1, static_cast<std::int64_t>(std::llround(rate.as_double() * 1000))),
                           1000});
}

Rational source_rate(Planning& p) {
    const auto& index = *p.video_index;
    if (!index.frame_rate.positive()) {
        p.note("rate_unknown",
               kSource,
               fmt::format("there is only one picture; it is shown at {} frames a second",
                           text_of(kStillRate)));
        return kStillRate;
    }
    if (index.constant_rate) return usable(index.frame_rate);
    const auto rate = steady_rate(index);
    p.note("rate_made_constant",
           kSource,
           fmt::format("the frame rate varies ({:.3f} on average); pictures are shown on a grid of "
                       "{} a second",
                       index.frame_rate.as_double(),
                       text_of(rate)));
    return rate;
}

Rational slowed(Planning& p, Rational rate, Rational most) {
    const auto divisor = divisor_for(rate, most);
    if (divisor == 1) return rate;
    const auto slower = media::reduced({rate.num, rate.den * divisor});
    p.note("rate_reduced",
           kSource,
           fmt::format("of {} pictures a second every {} one is shown: {}",
                       text_of(rate),
                       divisor == 2 ? "second" : fmt::format("{}th", divisor),
                       text_of(slower)));
    return slower;
}

}  // namespace

Rational nearest_standard_rate(double rate) {
    static constexpr std::array<Rational, 16> kStandard{{{24000, 1001},
                                                         {24, 1},
                                                         {25, 1},
                                                         {30000, 1001},
                                                         {30, 1},
                                                         {48, 1},
                                                         {50, 1},
                                                         {60000, 1001},
                                                         {60, 1},
                                                         {25, 2},
                                                         {12, 1},
                                                         {15, 1},
                                                         {10, 1},
                                                         {5, 1},
                                                         {20, 1},
                                                         {120, 1}}};
    const auto* best = &kStandard[0];
    for (const auto& candidate : kStandard) {
        if (std::abs(candidate.as_double() - rate) < std::abs(best->as_double() - rate))
            best = &candidate;
    }
    return *best;
}

std::int64_t divisor_for(Rational rate, Rational most) {
    const Rational tolerated{most.num * 1002, most.den * 1000};
    std::int64_t divisor = 1;
    while (media::compare({rate.num, rate.den * divisor}, tolerated) > 0) ++divisor;
    return divisor;
}

Rational choose_rate(Planning& p) {
    auto rate = source_rate(p);
    if (p.fields_become_pictures) {
        rate = media::reduced({rate.num * 2, rate.den});
        p.note("rate_of_fields",
               kSource,
               fmt::format("each field becomes a picture of its own: {} a second", text_of(rate)));
    }
    const auto& policy = p.preset.video.frame_rate;
    const Rational wanted{policy.rate.num, policy.rate.den};
    if (policy.mode == presets::FrameRateMode::kFixed) {
        if (media::compare(rate, wanted) != 0) {
            p.note(
                "rate_changed",
                kSource,
                fmt::format(
                    "from {} to the preset's {} frames a second", text_of(rate), text_of(wanted)));
        }
        rate = media::reduced(wanted);
    } else if (policy.mode == presets::FrameRateMode::kMax) {
        rate = slowed(p, rate, wanted);
    }
    rate = slowed(p, rate, kFastest);
    if (media::compare(rate, kSlowest) < 0) {
        std::int64_t factor = 2;
        while (media::compare({rate.num * factor, rate.den}, kSlowest) < 0) ++factor;
        const auto faster = media::reduced({rate.num * factor, rate.den});
        p.note("rate_raised",
               kSource,
               fmt::format(
                   "{} frames a second are too few for players; each picture is shown {} times",
                   text_of(rate),
                   factor));
        rate = faster;
    }
    return rate;
}

}  // namespace sg::engine

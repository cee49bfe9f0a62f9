#include "encoder_load.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::live {
namespace {

using std::chrono::seconds;

constexpr seconds kSpeedLook{2};
/// What is dropped while an encoder starts and catches up is no news.
constexpr seconds kSettling{4};
/// Fewer pictures than this are a hiccup.
constexpr std::uint64_t kBehind = 5;
constexpr seconds kCalm{10};
constexpr seconds kNews{60};

}  // namespace

EncoderLoad::EncoderLoad(std::string channel, Metrics& metrics, const Clock& clock)
    : channel_(std::move(channel)), metrics_(metrics), clock_(clock) {
    lost_units_ = metrics.counter("streamgate_encoder_dropped_units_total",
                                  "Pictures and sound that an encoder had no time to decode.",
                                  {{"channel", channel_}});
}

void EncoderLoad::begin(const std::vector<Rung>& rungs) {
    rungs_.clear();
    begun_ = clock_.now();
    for (const auto& rung : rungs) {
        Counted counted;
        counted.rung = rung;
        const MetricLabels labels{{"channel", channel_}, {"rendition", rung.name}};
        if (rung.frame_ns > 0) {
            counted.dropped_frames =
                metrics_.counter("streamgate_encoder_dropped_frames_total",
                                 "Pictures that a rendition's encoder had no time for.",
                                 labels);
        }
        counted.speed = metrics_.gauge("streamgate_encoder_speed",
                                       "Media time encoded in a second: 1 when it keeps up.",
                                       labels);
        rungs_.push_back(std::move(counted));
    }
}

void EncoderLoad::encoded(std::size_t index, std::int64_t pts_ns, std::int64_t dts_ns) {
    auto& counted = rungs_[index];
    const auto frame = counted.rung.frame_ns;
    const auto step = counted.last_dts_ns > 0 ? dts_ns - counted.last_dts_ns : frame;
    // Pictures are left out in front of encoders only: a hole in their times is what was dropped.
    if (frame > 0 && step > frame) {
        const auto missing = static_cast<std::uint64_t>((step + frame / 2) / frame - 1);
        counted.dropped += missing;
        counted.dropped_frames.add(missing);
        note(missing);
    }
    // What was left out is not made.
    counted.made_ns += frame > 0 ? frame : step;
    counted.last_dts_ns = dts_ns;
    counted.last_pts_ns = std::max(counted.last_pts_ns, pts_ns);
    newest_ns_ = std::max(newest_ns_, pts_ns);
}

void EncoderLoad::lost(std::uint64_t units) {
    if (units == 0) return;
    lost_units_.add(units);
    lost_units_since_ += units;
    note(units);
}

void EncoderLoad::note(std::uint64_t count) {
    if (count == 0) return;
    lost_last_ = clock_.now();
    if (lost_ == 0) lost_first_ = lost_last_;
    lost_ += count;
}

std::int64_t EncoderLoad::lasted(Time until) const {
    return std::chrono::duration_cast<seconds>(until - lost_first_).count();
}

std::int64_t EncoderLoad::oldest_ns(std::int64_t otherwise) const {
    auto oldest = otherwise;
    for (const auto& counted : rungs_) oldest = std::min(oldest, counted.last_pts_ns);
    return oldest;
}

void EncoderLoad::measure(Counted& counted, Time now) const {
    if (counted.last_pts_ns == 0 || now - counted.measured < kSpeedLook) return;
    const std::chrono::duration<double> passed = now - counted.measured;
    const auto made = std::exchange(counted.made_ns, 0);
    if (std::exchange(counted.measured, now) != Time{})
        counted.speed.set(static_cast<double>(made) / 1e9 / passed.count());
}

/// "before decoding 3, 1080p 120"
std::string EncoderLoad::dropped() const {
    auto text = lost_units_since_ > 0 ? fmt::format("before decoding {}", lost_units_since_) : "";
    for (const auto& counted : rungs_) {
        if (counted.dropped == 0) continue;
        text +=
            fmt::format("{}{} {}", text.empty() ? "" : ", ", counted.rung.name, counted.dropped);
    }
    return text;
}

void EncoderLoad::forget() {
    lost_ = lost_units_since_ = 0;
    for (auto& counted : rungs_) counted.dropped = 0;
}

void EncoderLoad::look() {
    const auto now = clock_.now();
    for (auto& counted : rungs_) measure(counted, now);
    const bool settling = rungs_.empty() || now - begun_ < kSettling;
    if (settling && !behind_) forget();
    if (lost_ == 0) return;
    if (now - lost_last_ > kCalm) {
        if (std::exchange(behind_, false))
            log::info("live_encoder_keeps_up channel={} after_s={} dropped=\"{}\"",
                      channel_,
                      lasted(lost_last_),
                      dropped());
        forget();
        return;
    }
    if (lost_ < kBehind || settling) return;
    if (behind_ && now - told_ < kNews) return;
    behind_ = true;
    told_ = now;
    log::warn(
        "live_encoder_behind channel={} for_s={} dropped=\"{}\" hint=\"the machine is too slow for "
        "this ladder: use fewer or smaller rungs, or a faster speed\"",
        channel_,
        lasted(now),
        dropped());
}

}  // namespace sg::live

#include "channel_metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace sg::live {
namespace {

constexpr double kNanos = 1e-9;
/// Rates are measured over at least this long.
constexpr std::int64_t kMeasureNs = 1'000'000'000;

std::vector<double> lateness_bounds() {
    return {0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5};
}

}  // namespace

ChannelMetrics::ChannelMetrics(std::string channel,
                               Metrics& metrics,
                               const Clock& clock,
                               std::function<ChannelTotals()> totals)
    : channel_(std::move(channel)),
      metrics_(metrics),
      clock_(clock),
      totals_(std::move(totals)),
      skew_(metrics.gauge("streamgate_channel_audio_skew_seconds",
                          "How much earlier sound arrives than pictures of the same time.",
                          {{"channel", channel_}})),
      window_bytes_(metrics.gauge("streamgate_channel_window_bytes",
                                  "Media that the channel holds in memory.",
                                  {{"channel", channel_}})) {}

void ChannelMetrics::on_track(const ingest::LiveTrack& described) {
    auto& track = tracks_[described.id];
    track = Track();
    track.video = formats::is_video(described.config.codec);
    const MetricLabels labels{{"channel", channel_},
                              {"track", std::to_string(described.id)},
                              {"codec", formats::codec_name(described.config.codec)}};
    track.bitrate =
        metrics_.gauge("streamgate_input_bits_per_second", "Of a track as it arrives.", labels);
    track.rate = metrics_.gauge(
        "streamgate_input_frames_per_second", "Pictures or audio frames that arrive.", labels);
    track.jitter = metrics_.gauge("streamgate_input_jitter_seconds",
                                  "Smoothed difference of arrival and media time (RFC 3550 section "
                                  "6.4.1).",
                                  labels);
    if (track.video) {
        track.key_interval = metrics_.gauge("streamgate_input_key_frame_interval_seconds",
                                            "Between the last two key frames.",
                                            labels);
    }
}

void ChannelMetrics::on_unit(const ingest::TimedUnit& unit) {
    const auto found = tracks_.find(unit.track);
    if (found == tracks_.end()) return;
    auto& track = found->second;
    const auto now_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.now().time_since_epoch())
            .count();
    if (track.units == 0 && track.since_ns == 0) track.since_ns = now_ns;
    ++track.units;
    track.bytes += unit.data.size();
    if (unit.key && track.video) {
        if (track.last_key_ns != 0)
            track.key_interval.set(static_cast<double>(unit.pts_ns - track.last_key_ns) * kNanos);
        track.last_key_ns = unit.pts_ns;
    }
    const auto transit = now_ns - unit.dts_ns;
    if (track.last_transit_ns != 0) {
        const auto change = std::abs(static_cast<double>(transit - track.last_transit_ns)) * kNanos;
        track.jitter_s += (change - track.jitter_s) / 16;
    }
    track.last_transit_ns = transit;
    if (now_ns - track.since_ns >= kMeasureNs) measure(track, now_ns);
}

void ChannelMetrics::measure(Track& track, std::int64_t now_ns) {
    const auto seconds = static_cast<double>(now_ns - track.since_ns) * kNanos;
    track.bitrate.set(static_cast<double>(track.bytes) * 8 / seconds);
    track.rate.set(static_cast<double>(track.units) / seconds);
    track.jitter.set(track.jitter_s);
    track.units = track.bytes = 0;
    track.since_ns = now_ns;
}

void ChannelMetrics::on_discontinuity(std::int64_t /*at_ns*/) {
    least_delay_s_ = std::numeric_limits<double>::max();
    for (auto& [id, track] : tracks_) track.last_transit_ns = track.last_key_ns = 0;
}

void ChannelMetrics::on_rendition(std::size_t number,
                                  const std::shared_ptr<const packagers::LiveInit>& init) {
    auto& rendition = renditions_[number];
    rendition.timescale = init->description.timescale;
    const MetricLabels labels{{"channel", channel_}, {"rendition", init->description.rendition}};
    rendition.segments =
        metrics_.counter("streamgate_segments_total", "Live segments made.", labels);
    rendition.bytes = metrics_.counter("streamgate_packaged_bytes_total", "Bytes of them.", labels);
    rendition.bitrate =
        metrics_.gauge("streamgate_rendition_bits_per_second", "Of the last segment.", labels);
    rendition.part_lateness =
        metrics_.histogram("streamgate_part_lateness_seconds",
                           "From when a part could have been ready to when it was.",
                           lateness_bounds(),
                           labels);
    rendition.segment_lateness =
        metrics_.histogram("streamgate_segment_lateness_seconds",
                           "From when a segment could have been ready to when it was.",
                           lateness_bounds(),
                           labels);
}

double ChannelMetrics::lateness(double end_s) {
    const auto now_s = std::chrono::duration<double>(clock_.now().time_since_epoch()).count();
    const auto delay = now_s - end_s;
    least_delay_s_ = std::min(least_delay_s_, delay);
    return delay - least_delay_s_;
}

void ChannelMetrics::on_part(std::size_t number, const packagers::LivePart& part) {
    const auto found = renditions_.find(number);
    if (found == renditions_.end()) return;
    auto& rendition = found->second;
    rendition.part_lateness.observe(
        lateness(static_cast<double>(part.start + part.duration) / rendition.timescale));
}

void ChannelMetrics::on_segment(std::size_t number,
                                const std::shared_ptr<const packagers::LiveSegment>& segment) {
    const auto found = renditions_.find(number);
    if (found == renditions_.end()) return;
    auto& rendition = found->second;
    const auto bytes = segment->bytes();
    rendition.segments.add();
    rendition.bytes.add(bytes);
    if (segment->duration > 0) {
        rendition.bitrate.set(static_cast<double>(bytes) * 8 * rendition.timescale /
                              static_cast<double>(segment->duration));
    }
    rendition.segment_lateness.observe(
        lateness(static_cast<double>(segment->start + segment->duration) / rendition.timescale));
    if (number == 0) count_totals();
}

void ChannelMetrics::count(const std::string& name,
                           const std::string& help,
                           const std::string& kind,
                           std::uint64_t total) {
    auto [entry, fresh] = counted_.try_emplace(name + "/" + kind);
    auto& counted = entry->second;
    if (fresh)
        counted.counter = metrics_.counter(name, help, {{"channel", channel_}, {"kind", kind}});
    counted.counter.add(total - std::exchange(counted.told, total));
}

void ChannelMetrics::count_totals() {
    const auto totals = totals_();
    const auto& repairs = totals.repairs;
    const std::array<std::pair<const char*, std::uint64_t>, 17> by_kind{{
        {"wrap", repairs.wraps},
        {"jump_forward", repairs.jumps_forward},
        {"jump_back", repairs.jumps_back},
        {"hole_closed", repairs.holes_closed},
        {"gap_kept", repairs.gaps_kept},
        {"track_realigned", repairs.tracks_realigned},
        {"audio_resync", repairs.audio_resyncs},
        {"audio_stuck", repairs.audio_stuck},
        {"overlap_dropped", repairs.overlaps_dropped},
        {"dts_fixed", repairs.dts_fixed},
        {"missing_cts", repairs.missing_cts},
        {"damaged_unit", repairs.damaged_units},
        {"before_key", repairs.before_key},
        {"parameter_change", repairs.parameter_changes},
        {"track_silent", repairs.tracks_silent},
        {"silence_frame", totals.silent_frames},
        {"held_picture", totals.held_pictures},
    }};
    for (const auto& [kind, total] : by_kind)
        count("streamgate_repairs_total", "Repairs of the input's timeline.", kind, total);
    const auto& packaging = totals.packaging;
    const std::array<std::pair<const char*, std::uint64_t>, 6> packaged{{
        {"dependent_segment", packaging.dependent_segments},
        {"forced_cut", packaging.forced_cuts},
        {"gap_segment", packaging.gap_segments},
        {"dropped_sample", packaging.dropped_samples},
        {"bad_sample", packaging.bad_samples},
        {"stall", packaging.stalls},
    }};
    for (const auto& [kind, total] : packaged)
        count(
            "streamgate_packaging_faults_total", "What packaging had to put up with.", kind, total);
    count("streamgate_channel_events_total", "Of a channel.", "session", repairs.sessions);
    count("streamgate_channel_events_total",
          "Of a channel.",
          "discontinuity",
          repairs.discontinuities);
    count("streamgate_channel_events_total", "Of a channel.", "input_switch", totals.switches);
    skew_.set(static_cast<double>(totals.audio_skew_ns) * kNanos);
    window_bytes_.set(static_cast<double>(totals.window_bytes));
}

}  // namespace sg::live

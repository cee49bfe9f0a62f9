#include <algorithm>

#include <fmt/format.h>

#include <media/timestamp.hpp>
#include <packagers/live_dash.hpp>

#include "dash_period.hpp"
#include "live_tracks.hpp"
#include "uri_path.hpp"

namespace sg::packagers {
namespace {

using namespace formats;

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr std::uint32_t kReferenceId = 1;

std::int64_t epoch_ms(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

mpd::SegmentTemplate segment_template(const LiveDashTrack& track,
                                      const LiveDashPeriod& period,
                                      const LiveDashOptions& options) {
    const TrackDescription& d = track.summary.description;
    mpd::SegmentTemplate t;
    t.timescale = d.timescale;
    t.presentation_time_offset =
        d.offset + media::mul_div(period.origin_ns, d.timescale, kNanos, media::Rounding::kNearest);
    t.start_number = track.first_number;
    const std::string folder = uri_segment(d.rendition);
    t.initialization = fmt::format("{}/{}", folder, d.init_file);
    t.media = fmt::format("{}/{}-$Number$.m4s", folder, track.epoch);
    if (options.grid_us > 0) {
        t.duration =
            media::mul_div(options.grid_us, d.timescale, 1'000'000, media::Rounding::kNearest);
        if (options.chunk_us > 0) {
            t.availability_time_offset_us = options.grid_us - options.chunk_us;
            t.availability_time_complete = false;
        }
    } else {
        t.timeline = track.timeline;
    }
    return t;
}

void add_reference(mpd::AdaptationSet& set,
                   const LiveDashPeriod& period,
                   const LiveDashOptions& options) {
    const mpd::SegmentTemplate& t = *set.representations.front().segment_template;
    mpd::ProducerReferenceTime p;
    p.id = kReferenceId;
    p.wall_clock_ms = epoch_ms(options.availability_start) + period.start_us / 1000;
    p.presentation_time = t.presentation_time_offset;
    if (!options.utc_timing_url.empty())
        p.utc_timing = {"urn:mpeg:dash:utc:http-iso:2014", options.utc_timing_url};
    set.producer_reference = std::move(p);
}

mpd::Period period_of(const LiveDashPeriod& from, const LiveDashOptions& options) {
    std::vector<LiveRenditionSummary> summaries;
    for (const LiveDashTrack& t : from.tracks) summaries.push_back(t.summary);
    const std::vector<TrackIndex> tracks = live_tracks(summaries);
    mpd::Period period = dash_period(tracks);
    period.id = from.id;
    period.start_us = from.start_us;
    period.duration_us = from.duration_us;
    for (mpd::AdaptationSet& set : period.adaptation_sets) {
        for (mpd::Representation& r : set.representations) {
            const auto track =
                std::find_if(from.tracks.begin(), from.tracks.end(), [&](const LiveDashTrack& t) {
                    return uri_segment(t.summary.description.rendition) == r.id;
                });
            r.bandwidth = std::max<std::uint64_t>(1, track->summary.bitrate.peak);
            r.segment_template = segment_template(*track, from, options);
        }
        if (options.target_latency_ms > 0) add_reference(set, from, options);
    }
    return period;
}

}  // namespace

void append_live_timeline(std::int64_t start,
                          std::int64_t duration,
                          std::optional<std::int64_t>& next,
                          std::vector<mpd::TimelineEntry>& timeline) {
    if (next == start && !timeline.empty() && timeline.back().d == duration)
        ++timeline.back().r;
    else
        timeline.push_back({next == start ? std::nullopt : std::optional(start), duration, 0});
    next = start + duration;
}

std::string live_dash_manifest(std::span<const LiveDashPeriod> periods,
                               const LiveDashOptions& options) {
    mpd::Mpd out;
    out.profiles = mpd::kLiveProfile;
    out.dynamic = true;
    out.availability_start_ms = epoch_ms(options.availability_start);
    out.publish_time_ms = epoch_ms(options.published);
    if (options.ended_us)
        out.presentation_duration_us = options.ended_us;
    else
        out.minimum_update_us = options.minimum_update_us;
    if (options.time_shift_us > 0) out.time_shift_buffer_us = options.time_shift_us;
    out.suggested_delay_us = options.suggested_delay_us;
    out.max_segment_duration_us = options.max_segment_us;
    // What @bandwidth is measured over (ISO/IEC 23009-1 §5.3.5.2): no segment is larger than it
    // says.
    out.min_buffer_us = std::max<std::int64_t>(1'000'000, options.max_segment_us);
    if (options.target_latency_ms > 0) {
        mpd::ServiceDescription service;
        service.target_latency_ms = options.target_latency_ms;
        service.max_latency_ms = 2 * options.target_latency_ms;
        service.reference_id = kReferenceId;
        service.min_rate_percent = 96;
        service.max_rate_percent = 104;
        out.service = service;
    }
    if (!options.utc_timing_url.empty())
        out.utc_timings = {{"urn:mpeg:dash:utc:http-iso:2014", options.utc_timing_url}};
    for (const LiveDashPeriod& p : periods) out.periods.push_back(period_of(p, options));
    return mpd::write(out);
}

}  // namespace sg::packagers

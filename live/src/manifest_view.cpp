#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "window_view.hpp"

namespace sg::live {
namespace {

using packagers::LiveDashPeriod;
using packagers::LiveDashTrack;

/// The segments of one rendition in [from, to) that a client may ask for.
std::optional<LiveDashTrack> track_in(const ManifestText::Track& track,
                                      const PeriodMark& period,
                                      std::int64_t from,
                                      std::int64_t to,
                                      bool unfinished,
                                      const packagers::LiveDashOptions& options) {
    LiveDashTrack out;
    out.summary = track.summary;
    const std::int64_t first = std::max(from, track.closed->first_number());
    const std::int64_t end = std::min(to, track.closed->end_number());
    const bool any = !track.closed->empty() && first < end;
    if (!any && !(unfinished && options.grid_us > 0)) return std::nullopt;
    std::optional<std::int64_t> next;
    std::shared_ptr<const packagers::LiveInit> init = track.init;
    out.epoch = track.epoch;
    for (std::int64_t n = first; any && n < end; ++n) {
        const packagers::LiveSegment& s = *track.closed->find(n)->segment;
        init = s.init;
        out.epoch = s.epoch;
        if (options.grid_us == 0)
            packagers::append_live_timeline(
                s.start + init->description.offset, s.duration, next, out.timeline);
    }
    out.summary.description = init->description;
    out.first_number = options.grid_us > 0 ? period.first_number : first;
    return out;
}

}  // namespace

std::string ManifestText::render() const {
    std::vector<LiveDashPeriod> list;
    for (std::size_t i = 0; i < periods.size(); ++i) {
        const PeriodMark& mark = periods[i];
        const std::int64_t to = i + 1 == periods.size() ? std::numeric_limits<std::int64_t>::max()
                                                        : periods[i + 1].first_number;
        const bool unfinished = to > newest_started;
        if (to <= first_listed) continue;
        LiveDashPeriod period;
        period.id = fmt::format("{}", mark.first_number);
        period.start_us = mark.start_us;
        period.origin_ns = mark.origin_us * 1000;
        if (mark.end_us) period.duration_us = *mark.end_us - mark.start_us;
        for (const Track& t : tracks) {
            auto track = track_in(
                t, mark, std::max(first_listed, mark.first_number), to, unfinished, options);
            if (track) period.tracks.push_back(std::move(*track));
        }
        if (period.tracks.empty()) continue;
        // The first segments of a Period close one after the other: those who see only some would
        // begin without sound.
        const bool begins = unfinished && newest_started <= mark.first_number + 1;
        if (begins && !list.empty() && period.tracks.size() < tracks.size()) continue;
        list.push_back(std::move(period));
    }
    // Known to end only together with what follows it.
    if (!list.empty() && !options.ended_us) list.back().duration_us.reset();
    return packagers::live_dash_manifest(list, options);
}

}  // namespace sg::live

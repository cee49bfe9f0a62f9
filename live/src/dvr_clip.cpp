#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <live/dvr_clip.hpp>
#include <live/segment_store.hpp>

#include <base/clock.hpp>

#include "clip_archive.hpp"
#include "clip_folder.hpp"
#include "clip_media.hpp"
#include "clip_plan.hpp"
#include "clip_writer.hpp"

namespace sg::live {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

ClipSummary summary_of(const std::vector<ClipStretch>& stretches) {
    ClipSummary summary;
    microseconds length{0};
    for (const auto& s : stretches) {
        const microseconds own(s.length_us());
        summary.stretches.push_back({s.begins(), s.ends(), duration_cast<milliseconds>(own)});
        length += own;
        summary.segments += s.keys.size();
    }
    summary.begins = stretches.front().begins();
    summary.ends = stretches.back().ends();
    summary.length = duration_cast<milliseconds>(length);
    return summary;
}

}  // namespace

Result<ClipSummary> make_clip(const ClipRequest& request) {
    const auto folder = channel_folder(request.store, request.channel);
    const auto archive = ClipArchive::read(folder);
    const auto range = range_of(archive, request.from, request.to);
    if (!range)
        return Error{Errc::kNotFound,
                     fmt::format("clip {}: there is nothing of it in {}; the channel needs a DVR "
                                 "window (output.dvr)",
                                 request.channel,
                                 folder.string())};
    if (range->to <= range->from)
        return Error{Errc::kInvalidArgument,
                     fmt::format("clip {}: --to {} is not behind --from {}",
                                 request.channel,
                                 rfc3339(range->to),
                                 rfc3339(range->from))};
    std::vector<std::string> notes;
    auto stretches = stretches_in(archive, *range, notes);
    if (stretches.empty())
        return Error{Errc::kNotFound,
                     fmt::format("clip {}: nothing between {} and {} is on disk any more",
                                 request.channel,
                                 rfc3339(range->from),
                                 rfc3339(range->to))};
    auto output = ClipFolder::take(request.output);
    if (!output) return output.error().within("clip " + request.channel);
    ClipFiles files;
    SG_TRY(files.open(stretches));
    SG_TRY(settle_ends(files, stretches));
    const auto tracks = choose_tracks(archive, stretches, notes);
    ClipWriter writer(request.output, files, stretches);
    for (const auto& track : tracks) SG_TRY(writer.add(track));
    SG_TRY(writer.finish());
    SG_TRY(output->keep());
    auto summary = summary_of(stretches);
    summary.bytes = writer.bytes();
    summary.notes = std::move(notes);
    return summary;
}

}  // namespace sg::live

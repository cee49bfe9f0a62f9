#include <algorithm>
#include <map>
#include <utility>

#include <fcntl.h>

#include <live/channel.hpp>
#include <live/dvr_index.hpp>
#include <live/segment_store.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "dvr_observer.hpp"
#include "recorder.hpp"

namespace sg::live {
namespace {

namespace fs = std::filesystem;

/// Segments that were lost between the last one on disk and the restart are listed as gaps, up to
/// so many; with more of them the old window is given up.
constexpr std::int64_t kMaxLost = 32;

struct Place {
    const DvrSegment* segment = nullptr;
    std::shared_ptr<const StoredFile> file;
};
/// Of one rendition, by number: later epochs count where both have one.
using Track = std::map<std::int64_t, Place>;

struct OldWindow {
    std::vector<DvrFile> files;
    std::vector<std::pair<std::string, Track>> tracks;  ///< in order of appearance

    Track& track(const std::string& rendition) {
        for (auto& [name, track] : tracks)
            if (name == rendition) return track;
        return tracks.emplace_back(rendition, Track()).second;
    }
};

OldWindow read_window(const fs::path& folder, const ChannelState& state) {
    OldWindow window;
    bool ours = false;
    for (const auto& epoch : dvr_epochs(folder)) {
        ours = ours || epoch.filename() == state.first_epoch;
        if (!ours) continue;
        for (auto& file : read_dvr_epoch(epoch)) window.files.push_back(std::move(file));
        if (epoch.filename() == state.epoch) break;
    }
    for (const auto& file : window.files) {
        auto fd = open_file(file.media, O_RDONLY);
        if (!fd) continue;
        auto stored = std::make_shared<StoredFile>();
        stored->fd = std::move(*fd);
        auto& track = window.track(file.init->description.rendition);
        for (const auto& segment : file.segments)
            if (segment.segment.number < state.next_number)
                track.insert_or_assign(segment.segment.number, Place{&segment, stored});
    }
    return window;
}

/// First number of the run without holes that ends a track; its end where it is empty.
std::int64_t run_begin(const Track& track, std::int64_t end) {
    std::int64_t first = end;
    for (auto it = track.rbegin(); it != track.rend() && it->first == first - 1; ++it) --first;
    return first;
}

packagers::LiveSegment lost_after(const packagers::LiveSegment& last,
                                  std::chrono::milliseconds length) {
    packagers::LiveSegment gap = last;
    gap.number = last.number + 1;
    gap.start = last.start + last.duration;
    gap.duration = length.count() * last.init->description.timescale / 1000;
    gap.discontinuity = false;
    gap.gap = true;
    if (last.date)
        gap.date = *last.date + std::chrono::milliseconds(last.duration * 1000 /
                                                          last.init->description.timescale);
    return gap;
}

void restore_window(const OldWindow& window,
                    const ChannelSettings& settings,
                    ChannelContinuation& out) {
    std::int64_t newest = -1;
    for (const auto& [name, track] : window.tracks)
        if (!track.empty()) newest = std::max(newest, track.rbegin()->first);
    if (newest < 0 || out.next_number - newest > kMaxLost) return;
    std::map<std::int64_t, bool> broken;  // numbers, and whether a discontinuity stands there
    for (std::size_t i = 0; i < window.tracks.size(); ++i) {
        const Track& track = window.tracks[i].second;
        if (track.empty()) continue;
        const std::int64_t end = track.rbegin()->first + 1;
        for (std::int64_t n = run_begin(track, end); n < end; ++n) {
            const auto& place = track.at(n);
            RestoredSegment restored;
            restored.rendition = i;
            restored.segment = place.segment->segment;
            restored.where.file = place.file;
            restored.where.offset = place.segment->offset;
            restored.where.bytes = place.segment->bytes;
            broken[n] = broken[n] || restored.segment.discontinuity;
            out.segments.push_back(std::move(restored));
        }
        // A rendition that ended long ago is not dragged along.
        if (end <= newest - kMaxLost) continue;
        packagers::LiveSegment last = out.segments.back().segment;
        while (last.number + 1 < out.next_number) {
            last = lost_after(last, settings.output.segment);
            out.segments.push_back({i, last, {}});
        }
    }
    std::stable_sort(out.segments.begin(),
                     out.segments.end(),
                     [](const RestoredSegment& a, const RestoredSegment& b) {
                         return a.segment.number < b.segment.number;
                     });
    for (const auto& [number, discontinuity] : broken)
        out.discontinuities_restored += discontinuity ? 1 : 0;
}

}  // namespace

fs::path channel_folder(const fs::path& store, std::string_view channel) {
    return store / "live" / channel;
}

struct SegmentStore::Impl {
    Impl(SegmentStoreOptions options, const Clock& clock, Metrics& metrics)
        : parts(std::make_shared<StoreParts>(
              std::move(options.folder), options.disk, clock, metrics)) {}

    std::shared_ptr<StoreParts> parts;
};

SegmentStore::SegmentStore(SegmentStoreOptions options, const Clock& clock, Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(options), clock, metrics)) {}

SegmentStore::~SegmentStore() {
    // Observers may live on with their channels; they write nothing any more.
    impl_->parts->disk.stop();
}

ChannelContinuation SegmentStore::restore(const ChannelSettings& settings) const {
    ChannelContinuation out;
    const fs::path folder = channel_folder(impl_->parts->folder, settings.name);
    // What ended in this run ended for good, also when that is yet to be written.
    if (impl_->parts->states.in_use(folder)) return out;
    const auto state = ChannelStateFile::read(folder / "state");
    if (!state || state->final || state->next_number == 0) return out;
    const auto age = impl_->parts->clock.wall() - state->written;
    if (age > settings.keep_ended) return out;
    out.first_epoch = state->first_epoch;
    out.next_number = state->next_number + (state->under_way ? 1 : 0);
    out.discontinuities = state->discontinuities;
    out.availability_start = state->availability_start;
    out.not_before = state->end_date;
    if (settings.output.event || settings.output.dvr.count() > 0)
        restore_window(read_window(folder, *state), settings, out);
    log::info("live_channel_continues channel={} number={} segments={}",
              settings.name,
              out.next_number,
              out.segments.size());
    return out;
}

void SegmentStore::observe(Channel& channel) {
    const auto& parts = impl_->parts;
    const auto& settings = channel.settings();
    channel.add_observer(std::make_unique<DvrObserver>(
        channel, channel_folder(impl_->parts->folder, settings.name), parts));
    if (settings.recording.enabled)
        channel.add_observer(
            std::make_unique<Recorder>(settings.name,
                                       impl_->parts->folder / "recordings" / settings.name,
                                       settings.recording,
                                       parts));
    parts->clean_when_due();
}

void SegmentStore::clean() {
    impl_->parts->clean();
}

void SegmentStore::drain() {
    impl_->parts->disk.drain();
}

}  // namespace sg::live

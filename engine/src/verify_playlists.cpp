#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

#include "verify_media.hpp"
#include "verify_names.hpp"

namespace sg::engine {
namespace {

/// What playlists of three decimals may be off.
constexpr std::int64_t kRoundingUs = 1000;

std::int64_t micros(std::int64_t ticks, std::uint32_t timescale) {
    return media::mul_div(ticks, 1'000'000, timescale, media::Rounding::kNearest);
}

double seconds(std::int64_t us) {
    return static_cast<double>(us) / 1e6;
}

/// Where a segment of a track lies in a file.
struct Place {
    const Track* track = nullptr;
    std::size_t segment = 0;
    std::uint64_t offset = 0;
};

class IframeChecker {
  public:
    IframeChecker(VerifyRun& run, const IframePlaylist& list)
        : run_(run), list_(list), subject_(list.name) {
        for (const auto& t : run.presentation.tracks) {
            for (std::size_t i = 0; i < t.segments.size(); ++i) {
                places_[t.segments[i].name].push_back(
                    {&t, i, t.segments[i].range ? t.segments[i].range->offset : 0});
            }
        }
        for (auto& [name, places] : places_)
            std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
                return a.offset < b.offset;
            });
    }

    void check();

  private:
    [[nodiscard]] std::optional<Place> place_of(const SegmentRef& entry) const;
    /// When the picture is shown; nothing when the entry is wrong or its segment could not be read.
    std::optional<std::int64_t> check_entry(const SegmentRef& entry);
    void fail(std::string detail) {
        run_.checks.fail(kind::kHlsIframes, subject_, std::move(detail));
    }

    VerifyRun& run_;
    const IframePlaylist& list_;
    const std::string& subject_;
    std::map<std::string, std::vector<Place>> places_;
    const Track* track_ = nullptr;
};

std::optional<Place> IframeChecker::place_of(const SegmentRef& entry) const {
    const auto file = places_.find(entry.name);
    if (file == places_.end()) return std::nullopt;
    const auto after =
        std::upper_bound(file->second.begin(),
                         file->second.end(),
                         entry.range->offset,
                         [](std::uint64_t at, const Place& p) { return at < p.offset; });
    if (after == file->second.begin()) return std::nullopt;
    return *(after - 1);
}

std::optional<std::int64_t> IframeChecker::check_entry(const SegmentRef& entry) {
    const auto label = segment_label(entry);
    run_.checks.checked(kind::kHlsIframes, subject_);
    if (!entry.range) {
        fail(label + ": it has no EXT-X-BYTERANGE, so it names more than a picture");
        return std::nullopt;
    }
    const auto place = place_of(entry);
    if (!place) {
        fail(label + ": no media playlist names this file");
        return std::nullopt;
    }
    track_ = place->track;
    const auto* stream = track_->main_stream();
    if (stream == nullptr || place->segment >= stream->segments.size() ||
        !stream->segments[place->segment].known)
        return std::nullopt;
    const auto& segment = stream->segments[place->segment];
    const auto start = entry.range->offset - place->offset;
    if (track_->transport_stream) {
        if (start % 188 != 0 || start + entry.range->bytes > segment.bytes)
            fail(fmt::format("{}: bytes {} to {} are not whole packets of its segment",
                             label,
                             start,
                             start + entry.range->bytes));
        return std::nullopt;
    }
    const auto fragment = std::find_if(segment.fragments.begin(),
                                       segment.fragments.end(),
                                       [&](const auto& f) { return f.offset == start; });
    if (fragment == segment.fragments.end()) {
        fail(fmt::format("{}: no movie fragment (moof) starts at this byte", label));
        return std::nullopt;
    }
    if (!fragment->key) {
        fail(fmt::format("{}: the fragment's first sample is not a key frame", label));
    } else if (entry.range->bytes != fragment->key_end - fragment->offset) {
        fail(fmt::format("{}: the range is {} bytes long; headers and key frame are {}",
                         label,
                         entry.range->bytes,
                         fragment->key_end - fragment->offset));
    }
    return fragment->shown;
}

void IframeChecker::check() {
    struct Shown {
        std::optional<std::int64_t> at;
        const Track* track = nullptr;  // from discontinuity to discontinuity
    };
    std::vector<Shown> shown;
    for (const auto& entry : list_.segments) {
        const auto at = check_entry(entry);
        shown.push_back({at, track_});
    }
    if (track_ == nullptr || track_->transport_stream) return;
    const auto* first = shown.front().track;
    run_.checks.expect(first == nullptr || list_.inits.empty() || first->inits.empty() ||
                           list_.inits.front() == first->inits.front(),
                       kind::kHlsIframes,
                       subject_,
                       [&] { return "its EXT-X-MAP differs from that of the media playlist"; });
    for (std::size_t i = 0; i < shown.size(); ++i) {
        const auto* stream = shown[i].track != nullptr ? shown[i].track->main_stream() : nullptr;
        if (!shown[i].at || stream == nullptr || !stream->complete()) continue;
        const bool last = i + 1 == shown.size() || shown[i + 1].track != shown[i].track;
        const auto end = last ? stream->shown_end() + stream->edit_shift : shown[i + 1].at;
        if (!end) continue;
        const auto lasts = micros(*end - *shown[i].at, stream->timescale);
        const auto declared = list_.segments[i].duration_us;
        const auto slack = kRoundingUs + micros(1, stream->timescale);
        const auto unsure = last ? micros(stream->segments.back().unsure, stream->timescale) : 0;
        run_.checks.expect(
            std::abs(declared - lasts) <= slack + unsure, kind::kHlsIframes, subject_, [&] {
                return fmt::format(
                    "{}: EXTINF says {:.6f} s, the next key frame comes after {:.6f} s",
                    segment_label(list_.segments[i]),
                    seconds(declared),
                    seconds(lasts));
            });
    }
}

void check_track_durations(VerifyRun& run, const Track& track) {
    const auto* stream = track.main_stream();
    if (stream == nullptr || track.playlist.empty()) return;
    auto& book = run.checks;
    // In a transport stream the last picture's length can only be guessed.
    const auto slack = kRoundingUs + micros(track.transport_stream ? stream->longest_sample : 1,
                                            stream->timescale);
    std::int64_t declared_sum = 0;
    std::int64_t measured_sum = 0;
    bool complete = true;
    const auto count = std::min(track.segments.size(), stream->segments.size());
    for (std::size_t i = 0; i < count; ++i) {
        const auto& ref = track.segments[i];
        const auto& segment = stream->segments[i];
        if (ref.duration_us < 0 || !segment.known) {
            complete = false;
            continue;
        }
        const auto lasts = micros(segment.duration, stream->timescale);
        const auto unsure = micros(segment.unsure, stream->timescale);
        const bool same = std::abs(ref.duration_us - lasts) <= slack + unsure;
        declared_sum += ref.duration_us;
        measured_sum += unsure > 0 && same ? ref.duration_us : lasts;
        book.expect(same, kind::kHlsDurations, track.subject, [&] {
            return fmt::format("{}: EXTINF says {:.6f} s, its samples last {:.6f} s",
                               segment_label(ref),
                               seconds(ref.duration_us),
                               seconds(lasts));
        });
    }
    if (!complete || count == 0) return;
    const auto drift = std::min(kRoundingUs * static_cast<std::int64_t>(count),
                                micros(stream->longest_sample, stream->timescale)) +
                       slack;
    book.expect(
        std::abs(declared_sum - measured_sum) <= drift, kind::kHlsDurations, track.subject, [&] {
            return fmt::format("the EXTINF values add up to {:.6f} s, the samples to {:.6f} s",
                               seconds(declared_sum),
                               seconds(measured_sum));
        });
}

}  // namespace

void check_unreferenced(VerifyRun& run) {
    std::map<std::string, std::set<std::string>> named;  // files by folder
    const auto note = [&](const std::string& name) {
        if (!origin_of(name).empty()) return;
        named[folder_of(name)].insert(name.substr(name.rfind('/') + 1));
    };
    for (const auto& m : run.presentation.manifests) note(m);
    for (const auto& t : run.presentation.tracks) {
        for (const auto& i : t.inits) note(i.name);
        for (const auto& s : t.segments) note(s.name);
    }
    for (const auto& [name, list] : run.presentation.iframes) {
        for (const auto& s : list.segments) note(s.name);
    }
    for (const auto& [folder, files] : named) {
        // Beside the manifests anything may lie.
        if (folder.empty()) continue;
        const auto found = run.fetcher.list(folder);
        if (!found) continue;
        for (const auto& file : *found) {
            run.checks.recommend(files.contains(file), kind::kFilesUnreferenced, folder, [&] {
                return fmt::format("no manifest refers to {}", file);
            });
        }
    }
}

void check_playlist_durations(VerifyRun& run) {
    for (const auto& t : run.presentation.tracks) check_track_durations(run, t);
}

void check_iframes(VerifyRun& run) {
    for (const auto& [name, list] : run.presentation.iframes) IframeChecker(run, list).check();
}

}  // namespace sg::engine

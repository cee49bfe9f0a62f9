#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>

#include <fmt/format.h>
#include <live/dvr_clip.hpp>
#include <live/dvr_index.hpp>
#include <live/segment_store.hpp>

#include <base/clock.hpp>
#include <base/file.hpp>
#include <formats/bmff_reader.hpp>
#include <packagers/dash_presentation.hpp>
#include <packagers/hls_presentation.hpp>
#include <packagers/live_hls.hpp>

#include "fragment_rewrite.hpp"

namespace sg::live {
namespace {

namespace fs = std::filesystem;
using packagers::TrackIndex;
using packagers::WallTime;

constexpr std::uint64_t kMaxSegment = std::uint64_t{1} << 30;

/// An epoch's place in time, and a number in it.
using Key = std::pair<std::size_t, std::int64_t>;

struct Source {
    const DvrFile* file = nullptr;
    const DvrSegment* segment = nullptr;

    [[nodiscard]] std::int64_t micros(std::int64_t ticks) const {
        return packagers::live_micros(ticks, file->init->description.timescale);
    }
    [[nodiscard]] std::optional<WallTime> begins() const { return segment->segment.date; }
    [[nodiscard]] std::optional<WallTime> ends() const {
        if (!segment->segment.date) return std::nullopt;
        return *segment->segment.date +
               std::chrono::microseconds(micros(segment->segment.duration));
    }
};

struct Rendition {
    std::string name;
    bool video = false;
    std::map<Key, Source> segments;
};

struct Archive {
    std::vector<std::vector<DvrFile>> epochs;
    std::vector<Rendition> renditions;

    [[nodiscard]] const Rendition* leader() const {
        for (const auto& r : renditions)
            if (r.video) return &r;
        return renditions.empty() ? nullptr : &renditions.front();
    }
};

Archive read_archive(const fs::path& folder) {
    Archive archive;
    for (const auto& epoch : dvr_epochs(folder)) archive.epochs.push_back(read_dvr_epoch(epoch));
    for (std::size_t e = 0; e < archive.epochs.size(); ++e) {
        for (const auto& file : archive.epochs[e]) {
            const auto& description = file.init->description;
            auto found = std::find_if(
                archive.renditions.begin(), archive.renditions.end(), [&](const Rendition& r) {
                    return r.name == description.rendition;
                });
            if (found == archive.renditions.end()) {
                archive.renditions.push_back(
                    {description.rendition, description.type == packagers::TrackType::kVideo, {}});
                found = archive.renditions.end() - 1;
            }
            for (const auto& segment : file.segments)
                found->segments.insert_or_assign(Key(e, segment.segment.number),
                                                 Source{&file, &segment});
        }
    }
    return archive;
}

struct Range {
    WallTime from;
    WallTime to;
};

/// What the points mean for these segments; nothing when none has a date.
std::optional<Range> range_of(const Rendition& leader, const ClipRequest& request) {
    std::optional<WallTime> first;
    std::optional<WallTime> last;
    for (const auto& [key, source] : leader.segments) {
        if (!source.begins()) continue;
        first = first ? std::min(*first, *source.begins()) : *source.begins();
        last = last ? std::max(*last, *source.ends()) : *source.ends();
    }
    if (!first) return std::nullopt;
    const auto when = [&](const ClipPoint& point) {
        switch (point.from) {
            case ClipPoint::From::kBeginning:
                return *first + point.distance;
            case ClipPoint::From::kEnd:
                return *last - point.distance;
            default:
                return point.date;
        }
    };
    return Range{when(request.from), when(request.to)};
}

std::vector<std::pair<Key, Source>> segments_in(const Rendition& leader, const Range& range) {
    std::vector<std::pair<Key, Source>> out;
    for (const auto& [key, source] : leader.segments)
        if (source.begins() && *source.ends() > range.from && *source.begins() < range.to)
            out.emplace_back(key, source);
    return out;
}

Status check_unbroken(const std::vector<std::pair<Key, Source>>& segments,
                      const std::string& channel) {
    for (std::size_t i = 1; i < segments.size(); ++i) {
        const auto& [before, last] = segments[i - 1];
        const auto& [key, source] = segments[i];
        const bool lost = key.first == before.first && key.second != before.second + 1;
        if (!lost && key.first == before.first && !source.segment->segment.discontinuity) continue;
        const auto from = rfc3339(*source.begins());
        return Error{Errc::kUnsupported,
                     fmt::format("clip {}: {} at {}, and one clip cannot hold both sides; end it "
                                 "with --to {} or begin it with --from {}",
                                 channel,
                                 lost ? "segments are missing from the disk"
                                      : "the stream was interrupted or changed",
                                 from,
                                 rfc3339(*last.ends()),
                                 from)};
    }
    return {};
}

bool plain_name(const std::string& name) {
    return !name.empty() && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
           });
}

packagers::SegmentIndex index_of(const formats::ParsedSegment& parsed,
                                 std::int64_t number,
                                 std::int64_t start,
                                 const DvrSegment& segment) {
    packagers::SegmentIndex out;
    out.number = number;
    out.start = start;
    out.duration = segment.segment.duration;
    out.samples = segment.samples;
    out.bytes = segment.bytes;
    out.independent = segment.segment.independent;
    const auto& fragments = parsed.fragments;
    for (std::size_t i = 0; i < fragments.size(); ++i) {
        const auto& f = fragments[i];
        packagers::FragmentIndex index;
        index.offset = f.offset;
        index.bytes =
            (i + 1 < fragments.size() ? fragments[i + 1].offset : segment.bytes) - f.offset;
        if (!f.samples.empty() && f.samples.front().key)
            index.key_bytes = f.samples.front().offset + f.samples.front().size - f.offset;
        index.start =
            start + static_cast<std::int64_t>(f.decode_time - fragments.front().decode_time);
        index.duration = static_cast<std::int64_t>(f.duration());
        out.fragments.push_back(index);
    }
    return out;
}

class ClipWriter {
  public:
    ClipWriter(const ClipRequest& request, std::vector<std::pair<Key, Source>> chosen)
        : request_(request), chosen_(std::move(chosen)) {
        const auto& first = chosen_.front().second;
        origin_us_ = first.micros(first.segment->segment.start);
    }

    Status add(const Rendition& rendition);
    Status finish();
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    Status copy(const Source& source, std::size_t n, TrackIndex& track, std::uint32_t& sequence);

    const ClipRequest& request_;
    std::vector<std::pair<Key, Source>> chosen_;
    std::int64_t origin_us_ = 0;
    std::vector<TrackIndex> tracks_;
    std::uint64_t bytes_ = 0;
};

Status ClipWriter::copy(const Source& source,
                        std::size_t n,
                        TrackIndex& track,
                        std::uint32_t& sequence) {
    const DvrSegment& segment = *source.segment;
    const auto name = source.file->media.string();
    if (segment.bytes > kMaxSegment)
        return Error{Errc::kBadData, fmt::format("clip: {} has a segment of over 1 GiB", name)};
    SG_TRY_ASSIGN(const UniqueFd fd, open_file(source.file->media, O_RDONLY));
    std::vector<std::byte> bytes(segment.bytes);
    SG_TRY_ASSIGN(const std::size_t got, read_at(fd.get(), segment.offset, bytes, name));
    if (got != bytes.size())
        return Error{Errc::kBadData, fmt::format("clip: {} is shorter than its index", name)};
    const std::int64_t scale = track.description.timescale;
    FragmentEdit edit;
    edit.earlier = origin_us_ / 1'000'000 * scale + origin_us_ % 1'000'000 * scale / 1'000'000;
    SG_TRY(rewrite_fragments(bytes, edit, sequence));
    SG_TRY_ASSIGN(const auto movie, formats::parse_init(*source.file->init->bytes));
    std::vector<formats::TrackExtends> defaults;
    for (const auto& t : movie.tracks) defaults.push_back(t.extends);
    SG_TRY_ASSIGN(const auto parsed, formats::parse_segment(bytes, defaults));
    if (parsed.fragments.empty())
        return Error{Errc::kBadData, fmt::format("clip: {} has an empty segment", name)};
    track.segments.push_back(index_of(
        parsed, static_cast<std::int64_t>(n), segment.segment.start - edit.earlier, segment));
    track.target_ms =
        std::max(track.target_ms, (source.micros(segment.segment.duration) + 999) / 1000);
    bytes_ += bytes.size();
    const auto path = request_.output / track.description.rendition / fmt::format("seg-{}.m4s", n);
    SG_TRY_ASSIGN(const UniqueFd out, open_file(path, O_WRONLY | O_CREAT | O_EXCL));
    return write_all(out.get(), bytes, path.string());
}

Status ClipWriter::add(const Rendition& rendition) {
    TrackIndex track;
    std::uint32_t sequence = 0;
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
        const auto found = rendition.segments.find(chosen_[i].first);
        if (found == rendition.segments.end()) {
            // Another language that came later, or sound that stopped: not a part of this time.
            if (i == 0) return {};
            return Error{Errc::kUnsupported,
                         fmt::format("clip {}: rendition {} has nothing from {} on; end the clip "
                                     "there with --to",
                                     request_.channel,
                                     rendition.name,
                                     rfc3339(*chosen_[i].second.begins()))};
        }
        const Source& source = found->second;
        if (i == 0) {
            track.description = source.file->init->description;
            if (!plain_name(rendition.name))
                return Error{
                    Errc::kBadData,
                    fmt::format("clip {}: a rendition's name is no folder name", request_.channel)};
            const auto folder = request_.output / rendition.name;
            SG_TRY(make_folders(folder));
            const auto path = folder / track.description.init_file;
            SG_TRY_ASSIGN(const UniqueFd out, open_file(path, O_WRONLY | O_CREAT | O_EXCL));
            SG_TRY(write_all(out.get(), *source.file->init->bytes, path.string()));
        }
        SG_TRY(copy(source, i + 1, track, sequence));
    }
    tracks_.push_back(std::move(track));
    return {};
}

/// Media playlists first: what names others comes behind them.
Status ClipWriter::finish() {
    // Video first, as players' menus and checkers expect it.
    std::stable_sort(tracks_.begin(), tracks_.end(), [](const TrackIndex& a, const TrackIndex& b) {
        return a.description.type == packagers::TrackType::kVideo &&
               b.description.type != packagers::TrackType::kVideo;
    });
    packagers::MediaPlaylistOptions media;
    media.target_seconds = packagers::final_target_seconds(tracks_);
    for (const auto& track : tracks_)
        SG_TRY(write_file_atomic(request_.output / track.description.rendition / "index.m3u8",
                                 packagers::media_playlist(track, media),
                                 Durability::kNone));
    packagers::MultivariantOptions options;
    // Fragments of live streams hold more than a key frame.
    options.iframe_playlists = false;
    options.target_seconds = media.target_seconds;
    SG_TRY(write_file_atomic(request_.output / "index.m3u8",
                             packagers::multivariant_playlist(tracks_, options),
                             Durability::kNone));
    return write_file_atomic(
        request_.output / "manifest.mpd", packagers::dash_manifest(tracks_), Durability::kNone);
}

}  // namespace

Result<ClipSummary> make_clip(const ClipRequest& request) {
    const auto folder = channel_folder(request.store, request.channel);
    const Archive archive = read_archive(folder);
    const Rendition* leader = archive.leader();
    const auto range = leader != nullptr ? range_of(*leader, request) : std::nullopt;
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
    auto chosen = segments_in(*leader, *range);
    if (chosen.empty())
        return Error{Errc::kNotFound,
                     fmt::format("clip {}: nothing between {} and {} is on disk any more",
                                 request.channel,
                                 rfc3339(range->from),
                                 rfc3339(range->to))};
    SG_TRY(check_unbroken(chosen, request.channel));
    std::error_code failed;
    if (fs::exists(request.output, failed) && !fs::is_empty(request.output, failed))
        return Error{
            Errc::kInvalidArgument,
            fmt::format(
                "clip {}: {} is not an empty folder", request.channel, request.output.string())};
    ClipSummary summary;
    summary.begins = *chosen.front().second.begins();
    summary.length = std::chrono::duration_cast<std::chrono::milliseconds>(
        *chosen.back().second.ends() - summary.begins);
    summary.segments = chosen.size();
    ClipWriter writer(request, std::move(chosen));
    for (const auto& rendition : archive.renditions) SG_TRY(writer.add(rendition));
    SG_TRY(writer.finish());
    summary.bytes = writer.bytes();
    return summary;
}

}  // namespace sg::live

#include "clip_writer.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <media/timestamp.hpp>
#include <packagers/dash_presentation.hpp>
#include <packagers/hls_presentation.hpp>
#include <packagers/live_hls.hpp>

#include "clip_silence.hpp"
#include "fragment_rewrite.hpp"

namespace sg::live {
namespace {

namespace fs = std::filesystem;
using packagers::SegmentIndex;
using packagers::Stretch;
using packagers::TrackDescription;
using packagers::TrackIndex;

constexpr std::int64_t kMicros = 1'000'000;

bool plain_name(const std::string& name) {
    return !name.empty() && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
           });
}

Status write_new(const fs::path& path, std::span<const std::byte> bytes) {
    SG_TRY_ASSIGN(const UniqueFd out, open_file(path, O_WRONLY | O_CREAT | O_EXCL));
    return write_all(out.get(), bytes, path.string());
}

void list_fragments(const formats::ParsedSegment& parsed, SegmentIndex& out) {
    const auto& fragments = parsed.fragments;
    for (std::size_t i = 0; i < fragments.size(); ++i) {
        const auto& f = fragments[i];
        packagers::FragmentIndex index;
        index.offset = f.offset;
        index.bytes = (i + 1 < fragments.size() ? fragments[i + 1].offset : out.bytes) - f.offset;
        if (!f.samples.empty() && f.samples.front().key)
            index.key_bytes = f.samples.front().offset + f.samples.front().size - f.offset;
        index.start =
            out.start + static_cast<std::int64_t>(f.decode_time - fragments.front().decode_time);
        index.duration = static_cast<std::int64_t>(f.duration());
        out.fragments.push_back(index);
    }
}

/// The init segment that a silent stretch goes on with: that of the nearest one before, else
/// behind.
const packagers::LiveInit& nearest_init(const ClipTrack& track,
                                        const std::vector<ClipStretch>& stretches,
                                        std::size_t at) {
    const auto init_of = [&](std::size_t i) -> const packagers::LiveInit& {
        return track.own->find(stretches[i].keys.front())->init();
    };
    for (std::size_t i = at; i > 0; --i)
        if (track.sources[i - 1] == track.own) return init_of(i - 1);
    for (std::size_t i = at + 1; i < stretches.size(); ++i)
        if (track.sources[i] == track.own) return init_of(i);
    return track.own->segments.begin()->second.init();
}

std::int64_t date_ms(const packagers::WallTime& date) {
    return std::chrono::floor<std::chrono::milliseconds>(date.time_since_epoch()).count();
}

}  // namespace

ClipWriter::ClipWriter(fs::path folder,
                       const ClipFiles& files,
                       const std::vector<ClipStretch>& stretches)
    : folder_(std::move(folder)), files_(files), stretches_(stretches) {
    std::int64_t number = 1;
    std::int64_t start_us = 0;
    for (const auto& s : stretches) {
        first_numbers_.push_back(number);
        hls_.push_back({start_us, {}});
        number += static_cast<std::int64_t>(s.keys.size());
        start_us += s.length_us();
    }
    dash_ = hls_;
}

std::int64_t ClipWriter::number(std::size_t stretch, std::size_t index) const {
    return first_numbers_[stretch] + static_cast<std::int64_t>(index);
}

std::int64_t ClipWriter::earlier_ticks(std::size_t stretch, std::uint32_t timescale) const {
    return media::mul_div(stretches_[stretch].origin_us() - hls_[stretch].start_us,
                          timescale,
                          kMicros,
                          media::Rounding::kDown);
}

bool ClipWriter::is_cut(const Passage& passage, std::size_t index) const {
    const auto& stretch = stretches_[passage.stretch];
    return stretch.until_us && index + 1 == stretch.keys.size();
}

fs::path ClipWriter::folder_of(const Passage& passage) const {
    return folder_ / passage.track->own->name;
}

/// The description of what is shown, under the name of the rendition that it is shown as.
Status ClipWriter::begin(const packagers::LiveInit& init, Passage& passage) {
    const ClipRendition& own = *passage.track->own;
    TrackDescription& d = passage.index.description;
    d = init.description;
    const auto& usual = own.segments.begin()->second.init().description;
    if (d.rendition != own.name) {
        d.rendition = own.name;
        d.language = usual.language;
        d.label = usual.label;
        d.is_default = usual.is_default;
        d.source_track = usual.source_track;
        d.describes_video = usual.describes_video;
    }
    const auto path = folder_of(passage) / d.init_file;
    std::error_code ignored;
    if (fs::exists(path, ignored)) return {};
    return write_new(path, *init.bytes);
}

Status ClipWriter::write_segment(std::span<const std::byte> bytes,
                                 SegmentIndex segment,
                                 Passage& passage) {
    SG_TRY(write_new(folder_of(passage) / fmt::format("seg-{}.m4s", segment.number), bytes));
    auto& track = passage.index;
    track.target_ms = std::max(
        track.target_ms,
        (packagers::live_micros(segment.duration, track.description.timescale) + 999) / 1000);
    bytes_ += bytes.size();
    track.segments.push_back(std::move(segment));
    return {};
}

Status ClipWriter::copy(const ClipRendition& from, Passage& passage) {
    const auto& stretch = stretches_[passage.stretch];
    const ClipSource& first = *from.find(stretch.keys.front());
    SG_TRY(begin(first.init(), passage));
    if (stretches_.size() > 1 && first.begins()) passage.index.date_ms = date_ms(*first.begins());
    const TrackDescription& d = passage.index.description;
    FragmentEdit edit;
    edit.earlier = earlier_ticks(passage.stretch, d.timescale);
    SampleEdit samples;
    for (std::size_t i = 0; i < stretch.keys.size(); ++i) {
        const ClipSource& source = *from.find(stretch.keys[i]);
        SG_TRY_ASSIGN(auto media, files_.read(source));
        SegmentIndex index;
        index.number = number(passage.stretch, i);
        index.start = source.segment->segment.start - edit.earlier;
        index.duration = source.segment->segment.duration;
        index.samples = source.segment->samples;
        index.independent = source.segment->segment.independent;
        // Players go by decode times at a discontinuity: they begin with what is shown first.
        if (i == 0 && stretches_.size() > 1)
            samples.decode_later = media.first_shown - media.first_decoded;
        if (is_cut(passage, i)) {
            samples.samples = samples_until(media, d, *stretch.until_us);
            index.duration = media.samples[samples.samples - 1].ends - media.first_shown;
            index.samples = static_cast<std::uint32_t>(samples.samples);
        }
        if (samples.decode_later != 0 || samples.samples < media.samples.size()) {
            SG_TRY_ASSIGN(media.bytes, remake_fragments(media.bytes, media.parsed, samples));
            SG_TRY_ASSIGN(media.parsed, formats::parse_segment(media.bytes, media.defaults));
        }
        index.bytes = media.bytes.size();
        SG_TRY(rewrite_fragments(media.bytes, edit, sequence_));
        list_fragments(media.parsed, index);
        SG_TRY(write_segment(media.bytes, std::move(index), passage));
    }
    return {};
}

Status ClipWriter::fill_silent(const packagers::LiveInit& init, Passage& passage) {
    const auto& stretch = stretches_[passage.stretch];
    SG_TRY(begin(init, passage));
    passage.index.date_ms = date_ms(stretch.begins());
    const TrackDescription& d = passage.index.description;
    const auto ticks = [&](std::int64_t us) {
        return media::mul_div(us, d.timescale, kMicros, media::Rounding::kUp);
    };
    const std::int64_t shift_us = hls_[passage.stretch].start_us - stretch.origin_us();
    std::int64_t now = ticks(hls_[passage.stretch].start_us);
    for (std::size_t i = 0; i < stretch.keys.size(); ++i) {
        const auto& lead = stretch.lead(i);
        const auto until =
            is_cut(passage, i) ? stretch.end_us() : lead.start_us() + lead.length_us();
        const auto frames = std::max<std::int64_t>(
            1, (ticks(until + shift_us) - now + kSilentFrame - 1) / kSilentFrame);
        SegmentIndex index;
        index.number = number(passage.stretch, i);
        index.start = now;
        index.duration = frames * kSilentFrame;
        index.samples = static_cast<std::uint32_t>(frames);
        SG_TRY_ASSIGN(const auto bytes,
                      silent_segment(
                          d, static_cast<std::uint64_t>(now + d.offset), index.samples, sequence_));
        index.bytes = bytes.size();
        now += index.duration;
        SG_TRY(write_segment(bytes, std::move(index), passage));
    }
    return {};
}

Status ClipWriter::add(const ClipTrack& track) {
    if (!plain_name(track.own->name))
        return Error{Errc::kBadData, "clip: a rendition's name is no folder name"};
    SG_TRY(make_folders(folder_ / track.own->name));
    sequence_ = 0;
    for (std::size_t i = 0; i < stretches_.size(); ++i) {
        Passage passage{&track, i, {}};
        if (track.sources[i] != nullptr) {
            SG_TRY(copy(*track.sources[i], passage));
        } else if (track.whole) {
            SG_TRY(fill_silent(nearest_init(track, stretches_, i), passage));
        } else {
            continue;
        }
        const bool stands_in = track.sources[i] != nullptr && track.sources[i] != track.own;
        if (!stands_in) dash_[i].tracks.push_back(passage.index);
        if (track.whole) hls_[i].tracks.push_back(std::move(passage.index));
    }
    if (track.whole) playlists_.push_back(track.own->name);
    return {};
}

/// Media playlists first: what names others comes behind them.
Status ClipWriter::finish() {
    packagers::MediaPlaylistOptions media;
    media.target_seconds = packagers::final_target_seconds(hls_);
    for (const auto& name : playlists_)
        SG_TRY(write_file_atomic(folder_ / name / "index.m3u8",
                                 packagers::media_playlist(hls_, name, media),
                                 Durability::kNone));
    packagers::MultivariantOptions options;
    // Fragments of live streams hold more than a key frame.
    options.iframe_playlists = false;
    options.target_seconds = media.target_seconds;
    SG_TRY(write_file_atomic(folder_ / "index.m3u8",
                             packagers::multivariant_playlist(hls_, options),
                             Durability::kNone));
    return write_file_atomic(
        folder_ / "manifest.mpd", packagers::dash_manifest(dash_), Durability::kNone);
}

}  // namespace sg::live

#include "ts_presentation.hpp"

#include <algorithm>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <packagers/hls_presentation.hpp>
#include <packagers/ts_renditions.hpp>

#include "attempt_sink.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using packagers::TrackIndex;
using packagers::TsTrack;

/// Larger than any segment that a plan allows.
constexpr std::size_t kMaxSegmentBytes = std::size_t{2} << 30;

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

struct Input {
    const TrackIndex* index = nullptr;
    fs::path folder;
    TsTrack track;

    [[nodiscard]] Result<std::string> segment(std::size_t i) const {
        if (i >= index->segments.size()) return std::string();
        return read_file(folder / segment_file(index->segments[i].number), kMaxSegmentBytes);
    }
};

Result<Input> open_track(const fs::path& stage, const TrackIndex& index) {
    Input input;
    input.index = &index;
    input.folder = stage / index.description.rendition;
    SG_TRY_ASSIGN(const auto init,
                  read_file(input.folder / index.description.init_file, kMaxSegmentBytes));
    SG_TRY_ASSIGN(input.track, packagers::make_ts_track(bytes_of(init), index.description));
    if (index.description.type == packagers::TrackType::kVideo) {
        for (std::size_t i = 0; i < index.segments.size(); ++i) {
            SG_TRY_ASSIGN(const auto segment, input.segment(i));
            SG_TRY_ASSIGN(const auto reorder,
                          packagers::largest_reorder(input.track, bytes_of(segment)));
            input.track.reorder = std::max(input.track.reorder, reorder);
        }
    }
    return input;
}

using Done = std::function<Status(std::uint64_t)>;

Result<TrackIndex> write_rendition(const fs::path& output,
                                   const Input* video,
                                   const Input* audio,
                                   const Done& done) {
    const auto& main = video != nullptr ? *video->index : *audio->index;
    const auto folder = output / "ts" / main.description.rendition;
    SG_TRY(make_folders(folder));
    SG_TRY_ASSIGN(auto writer,
                  packagers::TsRenditionWriter::create(
                      video != nullptr ? std::optional(video->track) : std::nullopt,
                      audio != nullptr ? std::optional(audio->track) : std::nullopt));
    TrackIndex made;
    made.description =
        packagers::describe_ts_rendition(video != nullptr ? &video->index->description : nullptr,
                                         audio != nullptr ? &audio->index->description : nullptr);
    made.target_ms = main.target_ms;
    for (std::size_t i = 0; i < main.segments.size(); ++i) {
        std::string video_bytes;
        std::string audio_bytes;
        if (video != nullptr) {
            SG_TRY_ASSIGN(video_bytes, video->segment(i));
        }
        if (audio != nullptr) {
            SG_TRY_ASSIGN(audio_bytes, audio->segment(i));
        }
        const auto number = main.segments[i].number;
        SG_TRY_ASSIGN(auto segment,
                      writer.write_segment(number, bytes_of(video_bytes), bytes_of(audio_bytes)));
        const auto path = folder / fmt::format("seg-{}.ts", number);
        SG_TRY_ASSIGN(auto fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
        SG_TRY(write_all(fd.get(), segment.bytes, path.string()));
        SG_TRY(done(segment.bytes.size()));
        made.segments.push_back(std::move(segment.index));
    }
    return made;
}

Status write_playlists(const fs::path& output,
                       const pipeline::Plan& plan,
                       const std::vector<TrackIndex>& made,
                       const packagers::TrackDescription* muxed_audio) {
    packagers::MultivariantOptions options;
    options.target_seconds = packagers::final_target_seconds(made);
    options.folder = "ts/";
    options.iframe_playlists = plan.packaging.iframe_playlists;
    if (muxed_audio != nullptr) options.muxed_audio = *muxed_audio;
    packagers::MediaPlaylistOptions media;
    media.target_seconds = options.target_seconds;
    for (const auto& track : made) {
        const auto folder = output / "ts" / track.description.rendition;
        SG_TRY(write_file_atomic(
            folder / "index.m3u8", packagers::media_playlist(track, media), Durability::kNone));
        if (plan.packaging.iframe_playlists &&
            track.description.type == packagers::TrackType::kVideo) {
            SG_TRY(write_file_atomic(folder / "iframes.m3u8",
                                     packagers::iframe_playlist(track, media),
                                     Durability::kNone));
        }
    }
    const auto* name = plan.packaging.hls_cmaf ? "index-ts.m3u8" : "index.m3u8";
    return write_file_atomic(
        output / name, packagers::multivariant_playlist(made, options), Durability::kNone);
}

}  // namespace

Status write_ts_presentation(const fs::path& stage,
                             const fs::path& output,
                             const pipeline::Plan& plan,
                             const std::vector<TrackPart>& tracks,
                             const Done& done) {
    std::vector<TrackIndex> indexes;
    for (const auto& t : tracks) {
        TrackIndex index;
        index.description = t.description;
        index.segments = t.segments;
        index.target_ms = plan.packaging.target_ms;
        indexes.push_back(std::move(index));
    }
    const auto selection = packagers::select_ts_tracks(indexes);
    std::optional<Input> sound;
    if (selection.default_audio != nullptr) {
        SG_TRY_ASSIGN(sound, open_track(stage, *selection.default_audio));
    }
    std::vector<TrackIndex> made;
    for (const auto* index : selection.videos) {
        SG_TRY_ASSIGN(const auto video, open_track(stage, *index));
        SG_TRY_ASSIGN(auto rendition,
                      write_rendition(output, &video, sound ? &*sound : nullptr, done));
        made.push_back(std::move(rendition));
    }
    auto apart = selection.other_audio;
    // Without pictures to ride in, the default track is a rendition of its own.
    if (selection.videos.empty() && selection.default_audio != nullptr)
        apart.insert(apart.begin(), selection.default_audio);
    for (const auto* index : apart) {
        SG_TRY_ASSIGN(const auto audio, open_track(stage, *index));
        SG_TRY_ASSIGN(auto rendition, write_rendition(output, nullptr, &audio, done));
        made.push_back(std::move(rendition));
    }
    const bool muxed = sound && !selection.videos.empty();
    return write_playlists(
        output, plan, made, muxed ? &selection.default_audio->description : nullptr);
}

}  // namespace sg::engine

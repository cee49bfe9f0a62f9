#include "presentation.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <base/file.hpp>
#include <packagers/dash_presentation.hpp>
#include <packagers/hls_presentation.hpp>

namespace sg::engine {
namespace {

namespace fs = std::filesystem;
using packagers::TrackIndex;

Status write_text(const fs::path& path, const std::string& text) {
    return write_file_atomic(path, text, Durability::kNone);
}

packagers::MediaPlaylistOptions media_options(std::int64_t target_seconds, bool ended) {
    packagers::MediaPlaylistOptions options;
    options.type = ended ? formats::m3u8::PlaylistType::kVod : formats::m3u8::PlaylistType::kEvent;
    options.ended = ended;
    options.target_seconds = target_seconds;
    return options;
}

/// What no run of segments can exceed: a full buffer on top of the cap, and the container's share.
packagers::Bitrate promised(const pipeline::EncoderSettings& encoder, std::int64_t segment_ms) {
    const auto burst = segment_ms > 0 ? encoder.buffer_bits * 1000 / segment_ms : 0;
    const auto peak =
        static_cast<std::uint64_t>((encoder.max_bitrate + burst) * 102 / 100 + 16'000);
    return {peak, static_cast<std::uint64_t>(encoder.max_bitrate)};
}

}  // namespace

std::vector<std::string> Assembly::names() const {
    std::vector<std::string> names;
    for (const auto& r : plan_.video.renditions) names.push_back(r.name);
    for (const auto& r : plan_.audio) names.push_back(r.name);
    return names;
}

Status Assembly::add(std::vector<TrackPart> parts) {
    const auto known = names();
    for (auto& part : parts) {
        const auto& name = part.description.rendition;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return Error{Errc::kMismatch,
                         "a task made rendition " + name + ", which the plan does not have"};
        }
        const auto [at, fresh] = tracks_.try_emplace(name);
        auto& track = at->second;
        if (fresh) {
            track.description = part.description;
        } else if (track.description.init_file != part.description.init_file) {
            return Error{
                Errc::kMismatch,
                fmt::format(
                    "rendition {}: two chunks have different parameter sets ({} and {}); were they "
                    "made by different versions of the encoder? Start again without --resume",
                    name,
                    track.description.init_file,
                    part.description.init_file)};
        }
        for (auto& s : part.segments) {
            if (s.number < 1 || s.number > plan_.segment_count) {
                return Error{
                    Errc::kMismatch,
                    fmt::format("rendition {}: segment {} is not in the plan", name, s.number)};
            }
            track.segments.insert_or_assign(s.number, std::move(s));
        }
    }
    return {};
}

std::size_t Assembly::common_segments() const {
    std::size_t common = static_cast<std::size_t>(plan_.segment_count);
    for (const auto& name : names()) {
        const auto track = tracks_.find(name);
        if (track == tracks_.end()) return 0;
        std::size_t run = 0;
        for (const auto& [number, segment] : track->second.segments) {
            if (number != static_cast<std::int64_t>(run) + 1) break;
            ++run;
        }
        common = std::min(common, run);
    }
    return common;
}

bool Assembly::complete() const {
    return common_segments() == static_cast<std::size_t>(plan_.segment_count);
}

std::int64_t Assembly::bytes() const {
    std::int64_t bytes = 0;
    for (const auto& [name, track] : tracks_) {
        for (const auto& [number, segment] : track.segments)
            bytes += static_cast<std::int64_t>(segment.bytes);
    }
    return bytes;
}

std::vector<TrackIndex> Assembly::tracks(std::size_t segments) const {
    std::vector<TrackIndex> all;
    for (const auto& name : names()) {
        const auto track = tracks_.find(name);
        if (track == tracks_.end()) continue;
        TrackIndex index;
        index.description = track->second.description;
        index.target_ms = plan_.packaging.target_ms;
        for (const auto& [number, segment] : track->second.segments) {
            if (index.segments.size() == segments) break;
            index.segments.push_back(segment);
        }
        all.push_back(std::move(index));
    }
    return all;
}

std::vector<std::string> manifest_names(const pipeline::Plan& plan) {
    std::vector<std::string> names;
    const auto& p = plan.packaging;
    if (p.hls_cmaf || p.hls_ts) names.emplace_back("index.m3u8");
    if (p.hls_cmaf && p.hls_ts) names.emplace_back("index-ts.m3u8");
    if (p.dash) names.emplace_back("manifest.mpd");
    return names;
}

Status write_manifests(const fs::path& stage,
                       const pipeline::Plan& plan,
                       std::span<const TrackIndex> tracks) {
    if (plan.packaging.hls_cmaf) {
        const auto target = packagers::final_target_seconds(tracks);
        for (const auto& track : tracks) {
            const auto folder = stage / track.description.rendition;
            SG_TRY(write_text(folder / "index.m3u8",
                              packagers::media_playlist(track, media_options(target, true))));
            if (plan.packaging.iframe_playlists &&
                track.description.type == packagers::TrackType::kVideo) {
                SG_TRY(write_text(folder / "iframes.m3u8",
                                  packagers::iframe_playlist(track, media_options(target, true))));
            }
        }
        packagers::MultivariantOptions options;
        options.target_seconds = target;
        options.iframe_playlists = plan.packaging.iframe_playlists;
        SG_TRY(write_text(stage / "index.m3u8", packagers::multivariant_playlist(tracks, options)));
    }
    if (plan.packaging.dash)
        SG_TRY(write_text(stage / "manifest.mpd", packagers::dash_manifest(tracks)));
    return write_text(stage / kLedgerFile, ledger_json(plan, tracks, manifest_names(plan)));
}

Status write_growing_playlists(const fs::path& folder,
                               const pipeline::Plan& plan,
                               std::span<const TrackIndex> tracks) {
    const auto target = packagers::planned_target_seconds(tracks);
    packagers::MultivariantOptions options;
    options.target_seconds = target;
    options.iframe_playlists = false;  // written at the end
    for (const auto& r : plan.video.renditions)
        options.declared[r.name] = promised(r.encoder, plan.packaging.target_ms);
    for (const auto& r : plan.audio)
        options.declared[r.name] = promised(r.encoder, plan.packaging.target_ms);
    for (const auto& track : tracks) {
        const auto& name = track.description.rendition;
        SG_TRY(write_text(folder / name / "index.m3u8",
                          packagers::media_playlist(track, media_options(target, false))));
    }
    return write_text(folder / "index.m3u8", packagers::multivariant_playlist(tracks, options));
}

}  // namespace sg::engine

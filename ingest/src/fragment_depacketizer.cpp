#include <utility>

#include <formats/fourcc.hpp>
#include <ingest/fragment_depacketizer.hpp>
#include <media/timestamp.hpp>

namespace sg::ingest {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// Times beyond this, 146 years, are nonsense and would overflow.
constexpr std::uint64_t kMostSeconds = 4'600'000'000;
constexpr std::int64_t kMostSkipSeconds = 60;

std::int64_t nanoseconds(std::int64_t ticks, std::uint32_t timescale) {
    return media::mul_div(ticks, kSecondNs, timescale, media::Rounding::kNearest);
}

/// What the edit list says the presentation begins with; empty edits are left out: live tracks
/// relate by their decode times.
std::int64_t front_skip(const formats::TrackInfo& track) {
    for (const auto& edit : track.edits) {
        if (edit.media_time > 0 && edit.media_time / kMostSkipSeconds <= track.timescale)
            return edit.media_time;
    }
    return 0;
}

}  // namespace

Status FragmentDepacketizer::init(std::span<const std::byte> bytes) {
    SG_TRY_ASSIGN(const auto movie, formats::parse_init(bytes));
    std::map<std::uint32_t, Track> tracks;
    std::vector<formats::TrackExtends> defaults;
    for (const auto& info : movie.tracks) {
        defaults.push_back(info.extends);
        if (info.timescale == 0) continue;
        auto config = formats::codec_config_of(info);
        if (!config) continue;
        Track track;
        track.described.id = static_cast<int>(info.id & 0xffffU);
        track.described.config = std::move(*config);
        if (info.language != "und") track.described.language = info.language;
        track.timescale = info.timescale;
        track.skip = front_skip(info);
        tracks.emplace(info.id, std::move(track));
    }
    if (tracks.empty())
        return Error{Errc::kUnsupported,
                     "read an MP4 init segment: no track in it can be packaged"};
    const auto is_video = [](const Track& track) {
        return formats::is_video(track.described.config.codec);
    };
    for (const auto& [id, track] : tracks_) {
        const auto same = tracks.find(id);
        if (same == tracks.end() || is_video(same->second) != is_video(track))
            sink_.on_track_end(track.described.id);
    }
    defaults_ = std::move(defaults);
    tracks_ = std::move(tracks);
    for (const auto& [id, track] : tracks_) sink_.on_track(track.described);
    return {};
}

Status FragmentDepacketizer::segment(std::span<const std::byte> bytes) {
    SG_TRY_ASSIGN(const auto parsed, formats::parse_segment(bytes, defaults_));
    for (const auto& fragment : parsed.fragments) {
        const auto found = tracks_.find(fragment.track_id);
        if (found == tracks_.end()) continue;
        auto& track = found->second;
        auto time = fragment.has_decode_time ? fragment.decode_time : track.next;
        for (const auto& sample : fragment.samples) {
            if (time / track.timescale > kMostSeconds)
                return Error{Errc::kBadData, "read an MP4 segment: its decode time is absurd"};
            LiveUnit unit;
            unit.track = track.described.id;
            const auto dts = static_cast<std::int64_t>(time) - track.skip;
            unit.dts = nanoseconds(dts, track.timescale);
            unit.pts = nanoseconds(dts + sample.composition_offset, track.timescale);
            unit.key = sample.key || !formats::is_video(track.described.config.codec);
            const auto data = bytes.subspan(sample.offset, sample.size);
            unit.data.assign(data.begin(), data.end());
            time += sample.duration;
            if (!unit.data.empty()) sink_.on_unit(std::move(unit));
        }
        track.next = time;
    }
    return {};
}

}  // namespace sg::ingest

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include <base/clock.hpp>
#include <packagers/hls_presentation.hpp>
#include <packagers/live_hls.hpp>

#include "live_tracks.hpp"
#include "uri_path.hpp"

namespace sg::packagers {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

void append_seconds(std::int64_t micros, std::string& out) {
    fmt::format_to(std::back_inserter(out), "{}.{:06}", micros / kMicros, micros % kMicros);
}

std::string short_seconds(std::int64_t micros) {
    std::string text;
    append_seconds(micros, text);
    while (text.back() == '0' && text[text.size() - 2] != '.') text.pop_back();
    return text;
}

std::int64_t duration_us(std::int64_t start, std::int64_t duration, std::uint32_t timescale) {
    return live_micros(start + duration, timescale) - live_micros(start, timescale);
}

}  // namespace

std::int64_t live_micros(std::int64_t ticks, std::uint32_t timescale) {
    const std::int64_t scale = timescale;
    std::int64_t whole = ticks / scale;
    std::int64_t rest = ticks % scale;
    if (rest < 0) {
        rest += scale;
        --whole;
    }
    return whole * kMicros + (rest * kMicros + scale / 2) / scale;
}

void append_live_segment(const LiveSegment& segment, const LiveSegmentText& how, std::string& out) {
    const auto to = std::back_inserter(out);
    const std::uint32_t timescale = segment.init->description.timescale;
    if (segment.discontinuity) out += "#EXT-X-DISCONTINUITY\n";
    if (how.map && how.container == LiveContainer::kCmaf)
        fmt::format_to(to, "#EXT-X-MAP:URI=\"{}\"\n", segment.init->description.init_file);
    if (segment.date) fmt::format_to(to, "#EXT-X-PROGRAM-DATE-TIME:{}\n", rfc3339(*segment.date));
    out += segment.date_ranges;
    if (segment.gap && segment.closed) out += "#EXT-X-GAP\n";
    if (how.parts) {
        for (std::size_t i = 0; i < segment.parts.size(); ++i) {
            const LivePart& part = segment.parts[i];
            out += "#EXT-X-PART:DURATION=";
            append_seconds(duration_us(part.start, part.duration, timescale), out);
            fmt::format_to(to, ",URI=\"{}-{}.{}.m4s\"", segment.epoch, segment.number, i);
            out += part.independent ? ",INDEPENDENT=YES\n" : "\n";
        }
    }
    if (!segment.closed) return;
    out += "#EXTINF:";
    append_seconds(duration_us(segment.start, segment.duration, timescale), out);
    fmt::format_to(to,
                   ",\n{}-{}.{}\n",
                   segment.epoch,
                   segment.number,
                   how.container == LiveContainer::kTs ? "ts" : "m4s");
}

std::string live_playlist_head(const LivePlaylistHead& head) {
    std::string out = "#EXTM3U\n";
    const auto to = std::back_inserter(out);
    const bool cmaf = head.container == LiveContainer::kCmaf;
    // EXT-X-SKIP needs 9, EXT-X-GAP 8, EXT-X-MAP 6, decimals 3.
    const int version = head.skipped > 0 || head.can_skip ? 9 : head.gaps ? 8 : cmaf ? 6 : 3;
    fmt::format_to(to, "#EXT-X-VERSION:{}\n", version);
    if (head.independent) out += "#EXT-X-INDEPENDENT-SEGMENTS\n";
    fmt::format_to(to, "#EXT-X-TARGETDURATION:{}\n", head.target_seconds);
    if (head.blocking_reload || head.can_skip) {
        out += "#EXT-X-SERVER-CONTROL:";
        const char* comma = "";
        if (head.blocking_reload) {
            out += "CAN-BLOCK-RELOAD=YES";
            comma = ",";
        }
        if (head.can_skip) {
            fmt::format_to(to,
                           "{}CAN-SKIP-UNTIL={}",
                           comma,
                           short_seconds(live_skip_boundary_us(head.target_seconds)));
            comma = ",";
        }
        fmt::format_to(
            to, "{}HOLD-BACK={}", comma, short_seconds(3 * kMicros * head.target_seconds));
        if (head.part_target_us > 0)
            fmt::format_to(to, ",PART-HOLD-BACK={}", short_seconds(3 * head.part_target_us));
        out += '\n';
    }
    if (head.part_target_us > 0)
        fmt::format_to(to, "#EXT-X-PART-INF:PART-TARGET={}\n", short_seconds(head.part_target_us));
    fmt::format_to(to, "#EXT-X-MEDIA-SEQUENCE:{}\n", head.media_sequence);
    if (head.discontinuity_sequence != 0)
        fmt::format_to(to, "#EXT-X-DISCONTINUITY-SEQUENCE:{}\n", head.discontinuity_sequence);
    if (head.event) out += "#EXT-X-PLAYLIST-TYPE:EVENT\n";
    if (head.skipped > 0) {
        fmt::format_to(to, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}\n", head.skipped);
    } else if (cmaf && !head.map_uri.empty()) {
        fmt::format_to(to, "#EXT-X-MAP:URI=\"{}\"\n", head.map_uri);
    }
    return out;
}

void append_preload_hint(std::string_view uri, std::string& out) {
    fmt::format_to(std::back_inserter(out), "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"\n", uri);
}

void append_rendition_report(std::string_view rendition,
                             std::int64_t last_msn,
                             std::optional<std::int64_t> last_part,
                             std::string& out) {
    const auto to = std::back_inserter(out);
    fmt::format_to(to,
                   "#EXT-X-RENDITION-REPORT:URI=\"../{}/index.m3u8\",LAST-MSN={}",
                   uri_segment(rendition),
                   last_msn);
    if (last_part) fmt::format_to(to, ",LAST-PART={}", *last_part);
    out += '\n';
}

std::vector<TrackIndex> live_tracks(std::span<const LiveRenditionSummary> renditions) {
    std::vector<TrackIndex> tracks;
    tracks.reserve(renditions.size());
    for (const LiveRenditionSummary& r : renditions) {
        TrackIndex track;
        track.description = r.description;
        SegmentIndex whole;
        whole.samples = r.samples;
        whole.duration = std::max<std::int64_t>(1, r.duration);
        whole.bytes = static_cast<std::uint64_t>(static_cast<double>(r.bitrate.average) / 8 *
                                                 static_cast<double>(whole.duration) /
                                                 std::max(1U, r.description.timescale));
        whole.independent = r.independent;
        track.segments.push_back(std::move(whole));
        tracks.push_back(std::move(track));
    }
    return tracks;
}

namespace {

MultivariantOptions live_options(std::span<const LiveRenditionSummary> renditions) {
    MultivariantOptions options;
    for (const LiveRenditionSummary& r : renditions)
        options.declared.emplace(r.description.rendition, r.bitrate);
    options.target_seconds = 1;
    return options;
}

}  // namespace

std::string live_multivariant(std::span<const LiveRenditionSummary> renditions) {
    return multivariant_playlist(live_tracks(renditions), live_options(renditions));
}

std::string live_ts_multivariant(std::span<const LiveRenditionSummary> renditions,
                                 const std::optional<TrackDescription>& sound) {
    MultivariantOptions options = live_options(renditions);
    options.playlist = "ts.m3u8";
    options.iframe_playlists = false;
    options.muxed_audio = sound;
    auto tracks = live_tracks(renditions);
    if (sound)
        for (TrackIndex& track : tracks) track.description.codecs += ',' + sound->codecs;
    return multivariant_playlist(tracks, options);
}

}  // namespace sg::packagers

#include <algorithm>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include <base/clock.hpp>
#include <formats/m3u8.hpp>

namespace sg::formats::m3u8 {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

/// A quoted-string may hold neither line ends nor double quotes (RFC 8216 §4.2), and there is no
/// escape.
std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += c == '"' ? '\'' : byte < 0x20 || byte == 0x7f ? ' ' : c;
    }
    return out + '"';
}

const char* type_name(MediaType type) {
    switch (type) {
        case MediaType::kAudio:
            return "AUDIO";
        case MediaType::kVideo:
            return "VIDEO";
        case MediaType::kSubtitles:
            return "SUBTITLES";
        case MediaType::kClosedCaptions:
            return "CLOSED-CAPTIONS";
    }
    return "AUDIO";
}

class Attributes {
  public:
    Attributes& plain(std::string_view name, std::string_view value) {
        text_ += fmt::format("{}{}={}", text_.empty() ? "" : ",", name, value);
        return *this;
    }
    Attributes& number(std::string_view name, std::uint64_t value) {
        return plain(name, fmt::format("{}", value));
    }
    Attributes& text(std::string_view name, std::string_view value) {
        return value.empty() ? *this : plain(name, quoted(value));
    }
    [[nodiscard]] const std::string& str() const { return text_; }

  private:
    std::string text_;
};

std::string rendition_attributes(const Rendition& r) {
    Attributes a;
    a.plain("TYPE", type_name(r.type)).text("GROUP-ID", r.group_id).text("NAME", r.name);
    a.text("LANGUAGE", r.language);
    a.plain("DEFAULT", r.is_default ? "YES" : "NO");
    a.plain("AUTOSELECT", r.autoselect || r.is_default ? "YES" : "NO");
    if (r.forced) a.plain("FORCED", "YES");
    a.text("CHARACTERISTICS", r.characteristics).text("CHANNELS", r.channels);
    a.text("INSTREAM-ID", r.instream_id).text("URI", r.uri);
    return a.str();
}

Attributes variant_attributes(const Variant& v) {
    Attributes a;
    a.number("BANDWIDTH", v.bandwidth);
    if (v.average_bandwidth != 0) a.number("AVERAGE-BANDWIDTH", v.average_bandwidth);
    a.text("CODECS", v.codecs);
    if (v.resolution)
        a.plain("RESOLUTION", fmt::format("{}x{}", v.resolution->width, v.resolution->height));
    if (v.frame_rate_milli != 0)
        a.plain("FRAME-RATE",
                fmt::format("{}.{:03}", v.frame_rate_milli / 1000, v.frame_rate_milli % 1000));
    if (!v.video_range.empty()) a.plain("VIDEO-RANGE", v.video_range);
    a.text("AUDIO", v.audio).text("SUBTITLES", v.subtitles);
    return a;
}

std::string date_time(std::int64_t ms) {
    return rfc3339(std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(ms)));
}

std::string map_line(const Map& map) {
    Attributes a;
    a.text("URI", map.uri);
    if (map.range) a.text("BYTERANGE", fmt::format("{}@{}", map.range->bytes, map.range->offset));
    return "#EXT-X-MAP:" + a.str() + '\n';
}

}  // namespace

unsigned required_version(const Media& playlist) {
    unsigned version = 3;  // EXTINF is always written as a decimal
    if (playlist.iframes_only) version = 4;
    for (const Segment& s : playlist.segments) {
        if (s.range) version = std::max(version, 4U);
        if (s.map) version = std::max(version, playlist.iframes_only ? 5U : 6U);
        if (s.gap) version = std::max(version, 8U);
    }
    return version;
}

std::int64_t target_seconds(std::int64_t duration_us) {
    return std::max<std::int64_t>(1, (duration_us + kMicros / 2) / kMicros);
}

std::string write(const Multivariant& playlist) {
    std::string out = "#EXTM3U\n";
    auto to = std::back_inserter(out);
    if (playlist.version != 0) fmt::format_to(to, "#EXT-X-VERSION:{}\n", playlist.version);
    if (playlist.independent_segments) out += "#EXT-X-INDEPENDENT-SEGMENTS\n";
    if (!playlist.renditions.empty()) out += '\n';
    for (const Rendition& r : playlist.renditions)
        fmt::format_to(to, "#EXT-X-MEDIA:{}\n", rendition_attributes(r));
    if (!playlist.variants.empty()) out += '\n';
    for (const Variant& v : playlist.variants)
        fmt::format_to(to, "#EXT-X-STREAM-INF:{}\n{}\n", variant_attributes(v).str(), v.uri);
    if (!playlist.iframe_variants.empty()) out += '\n';
    for (const Variant& v : playlist.iframe_variants)
        fmt::format_to(
            to, "#EXT-X-I-FRAME-STREAM-INF:{}\n", variant_attributes(v).text("URI", v.uri).str());
    return out;
}

std::string write(const Media& playlist) {
    std::string out = "#EXTM3U\n";
    out.reserve(128 + playlist.segments.size() * 48);
    auto to = std::back_inserter(out);
    fmt::format_to(
        to, "#EXT-X-VERSION:{}\n", std::max(playlist.version, required_version(playlist)));
    fmt::format_to(to, "#EXT-X-TARGETDURATION:{}\n", playlist.target_seconds);
    fmt::format_to(to, "#EXT-X-MEDIA-SEQUENCE:{}\n", playlist.media_sequence);
    if (playlist.discontinuity_sequence != 0)
        fmt::format_to(to, "#EXT-X-DISCONTINUITY-SEQUENCE:{}\n", playlist.discontinuity_sequence);
    if (playlist.type == PlaylistType::kVod) out += "#EXT-X-PLAYLIST-TYPE:VOD\n";
    if (playlist.type == PlaylistType::kEvent) out += "#EXT-X-PLAYLIST-TYPE:EVENT\n";
    if (playlist.iframes_only) out += "#EXT-X-I-FRAMES-ONLY\n";
    if (playlist.independent_segments) out += "#EXT-X-INDEPENDENT-SEGMENTS\n";
    std::optional<std::size_t> map;
    for (const Segment& s : playlist.segments) {
        if (s.discontinuity) out += "#EXT-X-DISCONTINUITY\n";
        if (s.gap) out += "#EXT-X-GAP\n";
        if (s.map && s.map != map) out += map_line(playlist.maps[*s.map]);
        map = s.map;
        if (s.program_date_time_ms)
            fmt::format_to(to, "#EXT-X-PROGRAM-DATE-TIME:{}\n", date_time(*s.program_date_time_ms));
        fmt::format_to(
            to, "#EXTINF:{}.{:06},{}\n", s.duration_us / kMicros, s.duration_us % kMicros, s.title);
        if (s.range)
            fmt::format_to(to, "#EXT-X-BYTERANGE:{}@{}\n", s.range->bytes, s.range->offset);
        out += s.uri;
        out += '\n';
    }
    if (playlist.ended) out += "#EXT-X-ENDLIST\n";
    return out;
}

}  // namespace sg::formats::m3u8

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include <formats/m3u8.hpp>

#include "m3u8_attributes.hpp"
#include "utf8.hpp"

namespace sg::formats::m3u8 {
namespace {

constexpr std::size_t kMaxBytes = 64U << 20;
constexpr std::size_t kMaxUnknown = 64;

Error bad(std::string message) {
    return Error{Errc::kBadData, std::move(message)};
}

enum class Kind { kUnknown, kMultivariant, kMedia };

class Parser {
  public:
    explicit Parser(Reading reading) : lenient_(reading == Reading::kLenient) {}
    Result<Playlist> run(std::string_view bytes);

  private:
    using Handler = Status (Parser::*)(std::string_view);
    struct Tag {
        std::string_view name;
        Kind kind;  ///< kUnknown: allowed in both
        bool once;
        Handler handler;
        bool vital = false;  ///< nothing can be played without understanding it
    };
    static const std::array<Tag, 23> kTags;

    Status line(std::string_view text);
    Status tag(std::string_view text);
    Status uri(std::string_view text);
    Status variant(std::string_view value, Variant& into);
    Result<ByteRange> resolve(const RawRange& raw, std::string_view of);
    Result<Playlist> finish();
    Status check_renditions() const;
    Status check_groups() const;
    Status check_media();

    /// A breach that a lenient reader passes over.
    [[nodiscard]] Status breach(std::string message) const {
        return lenient_ ? Status() : Status(bad(std::move(message)));
    }

    Status on_nothing(std::string_view) { return {}; }
    Status on_version(std::string_view value);
    Status on_independent(std::string_view);
    Status on_media(std::string_view value);
    Status on_stream_inf(std::string_view value);
    Status on_iframe_stream_inf(std::string_view value);
    Status on_target(std::string_view value);
    Status on_media_sequence(std::string_view value);
    Status on_discontinuity_sequence(std::string_view value);
    Status on_playlist_type(std::string_view value);
    Status on_iframes_only(std::string_view);
    Status on_endlist(std::string_view);
    Status on_extinf(std::string_view value);
    Status on_byterange(std::string_view value);
    Status on_discontinuity(std::string_view);
    Status on_gap(std::string_view);
    Status on_key(std::string_view value);
    Status on_map(std::string_view value);
    Status on_date_time(std::string_view value);

    const bool lenient_;
    Kind kind_ = Kind::kUnknown;
    Multivariant multivariant_;
    Media media_;
    std::set<std::string_view> seen_;
    std::size_t line_ = 0;
    unsigned version_ = 1;
    bool has_target_ = false;
    std::optional<Variant> pending_variant_;
    std::optional<std::int64_t> extinf_us_;
    std::optional<RawRange> range_;
    Segment next_;
    std::optional<std::size_t> map_;
    /// First byte after the last range of the same resource: where a range without an offset
    /// starts.
    std::string range_uri_;
    std::uint64_t range_end_ = 0;
};

const std::array<Parser::Tag, 23> Parser::kTags{{
    {"EXTM3U", Kind::kUnknown, true, &Parser::on_nothing},
    {"EXT-X-VERSION", Kind::kUnknown, true, &Parser::on_version},
    {"EXT-X-INDEPENDENT-SEGMENTS", Kind::kUnknown, true, &Parser::on_independent},
    {"EXT-X-START", Kind::kUnknown, true, &Parser::on_nothing},
    {"EXT-X-MEDIA", Kind::kMultivariant, false, &Parser::on_media},
    {"EXT-X-STREAM-INF", Kind::kMultivariant, false, &Parser::on_stream_inf, true},
    {"EXT-X-I-FRAME-STREAM-INF", Kind::kMultivariant, false, &Parser::on_iframe_stream_inf},
    {"EXT-X-SESSION-DATA", Kind::kMultivariant, false, &Parser::on_nothing},
    {"EXT-X-SESSION-KEY", Kind::kMultivariant, false, &Parser::on_nothing},
    {"EXT-X-TARGETDURATION", Kind::kMedia, true, &Parser::on_target, true},
    {"EXT-X-MEDIA-SEQUENCE", Kind::kMedia, true, &Parser::on_media_sequence, true},
    {"EXT-X-DISCONTINUITY-SEQUENCE", Kind::kMedia, true, &Parser::on_discontinuity_sequence},
    {"EXT-X-PLAYLIST-TYPE", Kind::kMedia, true, &Parser::on_playlist_type},
    {"EXT-X-I-FRAMES-ONLY", Kind::kMedia, true, &Parser::on_iframes_only},
    {"EXT-X-ENDLIST", Kind::kMedia, true, &Parser::on_endlist},
    {"EXTINF", Kind::kMedia, false, &Parser::on_extinf, true},
    {"EXT-X-BYTERANGE", Kind::kMedia, false, &Parser::on_byterange, true},
    {"EXT-X-DISCONTINUITY", Kind::kMedia, false, &Parser::on_discontinuity},
    {"EXT-X-GAP", Kind::kMedia, false, &Parser::on_gap},
    {"EXT-X-KEY", Kind::kMedia, false, &Parser::on_key, true},
    {"EXT-X-MAP", Kind::kMedia, false, &Parser::on_map, true},
    {"EXT-X-PROGRAM-DATE-TIME", Kind::kMedia, false, &Parser::on_date_time},
    {"EXT-X-DATERANGE", Kind::kMedia, false, &Parser::on_nothing},
}};

Result<Playlist> Parser::run(std::string_view bytes) {
    if (bytes.size() > kMaxBytes)
        return Error{
            Errc::kLimit,
            fmt::format(
                "playlist has {} bytes, more than {} are not read", bytes.size(), kMaxBytes)};
    if (!is_utf8(bytes)) return bad("playlist is not UTF-8 text");
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (lenient_ && bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        std::string_view text = bytes.substr(0, end);
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
        const auto is_end = [this](char c) {
            return c == '\r' || (lenient_ && (c == ' ' || c == '\t'));
        };
        while (!text.empty() && is_end(text.back())) {
            text.remove_suffix(1);
            if (!lenient_) break;
        }
        ++line_;
        if (Status status = line(text); !status)
            return status.error().within(fmt::format("line {}", line_));
    }
    return finish();
}

Status Parser::line(std::string_view text) {
    if (line_ == 1) {
        if (text != "#EXTM3U") return bad("a playlist starts with #EXTM3U");
        return {};
    }
    for (const char c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return bad("control character");
    if (text.empty()) return {};
    if (text.starts_with("#EXT")) return tag(text.substr(1));
    if (text.front() == '#') return {};
    return uri(text);
}

Status Parser::tag(std::string_view text) {
    const auto colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    const auto known =
        std::find_if(kTags.begin(), kTags.end(), [&](const Tag& t) { return t.name == name; });
    if (known == kTags.end()) {
        auto& unknown = kind_ == Kind::kMultivariant ? multivariant_.unknown : media_.unknown;
        if (unknown.size() < kMaxUnknown) unknown.push_back({line_, std::string(name)});
        return {};
    }
    if (known->kind != Kind::kUnknown) {
        if (kind_ != Kind::kUnknown && kind_ != known->kind)
            return bad(fmt::format("{} does not belong in a {} playlist",
                                   name,
                                   kind_ == Kind::kMedia ? "media" : "multivariant"));
        kind_ = known->kind;
    }
    if (known->once && !seen_.insert(known->name).second)
        SG_TRY(breach(fmt::format("{} appears twice", name)));
    if (pending_variant_) SG_TRY(breach("a URI must follow EXT-X-STREAM-INF"));
    const Status status = (this->*known->handler)(value);
    if (status || (lenient_ && !known->vital)) return {};
    return status.error().within(std::string(name));
}

Status Parser::uri(std::string_view text) {
    if (text.find_first_of(" \t") != std::string_view::npos)
        return bad(fmt::format("\"{}\" is not a URI: it holds white space", text.substr(0, 80)));
    if (kind_ == Kind::kMultivariant) {
        if (!pending_variant_) return bad("URI without EXT-X-STREAM-INF before it");
        pending_variant_->uri = text;
        multivariant_.variants.push_back(std::move(*pending_variant_));
        pending_variant_.reset();
        return {};
    }
    if (!extinf_us_) return bad("segment without EXTINF");
    next_.uri = text;
    next_.duration_us = *extinf_us_;
    next_.map = map_;
    if (range_) {
        SG_TRY_ASSIGN(next_.range, resolve(*range_, text));
    }
    media_.segments.push_back(std::move(next_));
    next_ = Segment{};
    extinf_us_.reset();
    range_.reset();
    return {};
}

Result<ByteRange> Parser::resolve(const RawRange& raw, std::string_view of) {
    if (!raw.offset && range_uri_ != of)
        return bad(
            "EXT-X-BYTERANGE without an offset, and the segment before is of another resource");
    const std::uint64_t offset = raw.offset.value_or(range_end_);
    if (offset + raw.bytes < offset) return bad("EXT-X-BYTERANGE ends above 2^64");
    range_uri_ = of;
    range_end_ = offset + raw.bytes;
    return ByteRange{offset, raw.bytes};
}

Status Parser::on_version(std::string_view value) {
    const auto n = parse_integer(value);
    if (!n || *n == 0 || *n > 1000) return bad(fmt::format("\"{}\" is not a version", value));
    version_ = static_cast<unsigned>(*n);
    multivariant_.version = media_.version = version_;
    return {};
}

Status Parser::on_independent(std::string_view) {
    multivariant_.independent_segments = media_.independent_segments = true;
    return {};
}

Status Parser::on_media(std::string_view value) {
    SG_TRY_ASSIGN(const AttributeList a, AttributeList::parse(value));
    for (const char* name : {"TYPE", "GROUP-ID", "NAME"}) SG_TRY(a.require(name));
    Rendition r;
    std::string type;
    SG_TRY(a.word("TYPE", type));
    if (type == "AUDIO") {
        r.type = MediaType::kAudio;
    } else if (type == "VIDEO") {
        r.type = MediaType::kVideo;
    } else if (type == "SUBTITLES") {
        r.type = MediaType::kSubtitles;
        SG_TRY(a.require("URI"));
    } else if (type == "CLOSED-CAPTIONS") {
        r.type = MediaType::kClosedCaptions;
        SG_TRY(a.require("INSTREAM-ID"));
        if (a.has("URI")) return bad("CLOSED-CAPTIONS must not have a URI");
    } else {
        return bad(fmt::format("TYPE={} is not known", type));
    }
    SG_TRY(a.text("GROUP-ID", r.group_id));
    SG_TRY(a.text("NAME", r.name));
    SG_TRY(a.text("LANGUAGE", r.language));
    SG_TRY(a.text("URI", r.uri));
    SG_TRY(a.text("CHANNELS", r.channels));
    SG_TRY(a.text("CHARACTERISTICS", r.characteristics));
    SG_TRY(a.text("INSTREAM-ID", r.instream_id));
    SG_TRY(a.yes_no("DEFAULT", r.is_default));
    SG_TRY(a.yes_no("AUTOSELECT", r.autoselect));
    SG_TRY(a.yes_no("FORCED", r.forced));
    if (r.is_default && a.has("AUTOSELECT") && !r.autoselect)
        return bad("DEFAULT=YES with AUTOSELECT=NO");
    multivariant_.renditions.push_back(std::move(r));
    return {};
}

Status Parser::variant(std::string_view value, Variant& into) {
    SG_TRY_ASSIGN(const AttributeList a, AttributeList::parse(value));
    if (!a.has("BANDWIDTH")) SG_TRY(breach("no BANDWIDTH attribute"));
    SG_TRY(a.integer("BANDWIDTH", into.bandwidth));
    SG_TRY(a.integer("AVERAGE-BANDWIDTH", into.average_bandwidth));
    SG_TRY(a.text("CODECS", into.codecs));
    SG_TRY(a.resolution("RESOLUTION", into.resolution));
    std::int64_t rate = 0;
    SG_TRY(a.decimal("FRAME-RATE", 3, rate));
    if (rate > 1'000'000'000) return bad("FRAME-RATE is above a million");
    into.frame_rate_milli = static_cast<std::uint32_t>(rate);
    SG_TRY(a.word("VIDEO-RANGE", into.video_range));
    SG_TRY(a.text("AUDIO", into.audio));
    SG_TRY(a.text("SUBTITLES", into.subtitles));
    SG_TRY(a.text("URI", into.uri));
    return {};
}

Status Parser::on_stream_inf(std::string_view value) {
    Variant v;
    SG_TRY(variant(value, v));
    v.uri.clear();
    pending_variant_ = std::move(v);
    return {};
}

Status Parser::on_iframe_stream_inf(std::string_view value) {
    Variant v;
    SG_TRY(variant(value, v));
    if (v.uri.empty()) return bad("no URI attribute");
    multivariant_.iframe_variants.push_back(std::move(v));
    return {};
}

Status Parser::on_target(std::string_view value) {
    const auto n = parse_integer(value);
    if (!n || *n > 1'000'000'000) return bad(fmt::format("\"{}\" is not a whole number", value));
    media_.target_seconds = static_cast<std::int64_t>(*n);
    has_target_ = true;
    return {};
}

Status Parser::on_media_sequence(std::string_view value) {
    const auto n = parse_integer(value);
    if (!n) return bad(fmt::format("\"{}\" is not a whole number", value));
    if (!media_.segments.empty()) return bad("stands after the first segment");
    media_.media_sequence = *n;
    return {};
}

Status Parser::on_discontinuity_sequence(std::string_view value) {
    const auto n = parse_integer(value);
    if (!n) return bad(fmt::format("\"{}\" is not a whole number", value));
    if (!media_.segments.empty() || next_.discontinuity)
        return bad("stands after the first segment or discontinuity");
    media_.discontinuity_sequence = *n;
    return {};
}

Status Parser::on_playlist_type(std::string_view value) {
    if (value != "VOD" && value != "EVENT")
        return bad(fmt::format("\"{}\" is neither VOD nor EVENT", value));
    media_.type = value == "VOD" ? PlaylistType::kVod : PlaylistType::kEvent;
    return {};
}

Status Parser::on_iframes_only(std::string_view) {
    media_.iframes_only = true;
    return {};
}

Status Parser::on_endlist(std::string_view) {
    media_.ended = true;
    return {};
}

Status Parser::on_extinf(std::string_view value) {
    const auto comma = value.find(',');
    const auto duration = parse_decimal(value.substr(0, comma), 6);
    if ((comma == std::string_view::npos && !lenient_) || !duration)
        return bad(fmt::format("\"{}\" is not DURATION,[TITLE]", value.substr(0, 40)));
    if (extinf_us_) SG_TRY(breach("two EXTINF for one segment"));
    if (version_ < 3 && value.substr(0, comma).find('.') != std::string_view::npos)
        SG_TRY(breach("a decimal duration needs EXT-X-VERSION 3"));
    extinf_us_ = *duration;
    next_.title = comma == std::string_view::npos ? "" : value.substr(comma + 1);
    return {};
}

Status Parser::on_byterange(std::string_view value) {
    range_ = parse_range(value);
    if (!range_) return bad(fmt::format("\"{}\" is not <n>[@<o>]", value));
    if (version_ < 4) return breach("needs EXT-X-VERSION 4");
    return {};
}

Status Parser::on_discontinuity(std::string_view) {
    next_.discontinuity = true;
    return {};
}

Status Parser::on_gap(std::string_view) {
    next_.gap = true;
    return {};
}

Status Parser::on_key(std::string_view value) {
    SG_TRY_ASSIGN(const AttributeList a, AttributeList::parse(value));
    SG_TRY(a.require("METHOD"));
    std::string method;
    SG_TRY(a.word("METHOD", method));
    if (method == "NONE") return {};
    SG_TRY(a.require("URI"));
    media_.encrypted = true;
    return {};
}

Status Parser::on_map(std::string_view value) {
    SG_TRY_ASSIGN(const AttributeList a, AttributeList::parse(value));
    SG_TRY(a.require("URI"));
    Map map;
    SG_TRY(a.text("URI", map.uri));
    if (a.has("BYTERANGE")) {
        std::string text;
        SG_TRY(a.text("BYTERANGE", text));
        const auto range = parse_range(text);
        if (!range) return bad(fmt::format("BYTERANGE=\"{}\" is not <n>[@<o>]", text));
        map.range = ByteRange{range->offset.value_or(0), range->bytes};
    }
    media_.maps.push_back(std::move(map));
    map_ = media_.maps.size() - 1;
    return {};
}

Status Parser::on_date_time(std::string_view value) {
    next_.program_date_time_ms = parse_date_time(value);
    if (!next_.program_date_time_ms)
        return bad(fmt::format("\"{}\" is not an ISO 8601 date and time with a zone",
                               value.substr(0, 40)));
    return {};
}

Status Parser::check_renditions() const {
    std::set<std::pair<MediaType, std::pair<std::string_view, std::string_view>>> names;
    std::set<std::pair<MediaType, std::string_view>> defaults;
    for (const Rendition& r : multivariant_.renditions) {
        if (!names.insert({r.type, {r.group_id, r.name}}).second)
            return bad(fmt::format(
                "EXT-X-MEDIA: NAME \"{}\" appears twice in group \"{}\"", r.name, r.group_id));
        if (r.is_default && !defaults.insert({r.type, r.group_id}).second)
            return bad(fmt::format("EXT-X-MEDIA: group \"{}\" has two renditions with DEFAULT=YES",
                                   r.group_id));
    }
    return {};
}

Status Parser::check_groups() const {
    std::set<std::pair<MediaType, std::string_view>> groups;
    for (const Rendition& r : multivariant_.renditions) groups.insert({r.type, r.group_id});
    const auto missing = [&](MediaType type, const std::string& id) {
        return !id.empty() && !groups.contains({type, id});
    };
    for (const Variant& v : multivariant_.variants) {
        if (missing(MediaType::kAudio, v.audio))
            return bad(fmt::format(
                "variant {}: no EXT-X-MEDIA has the audio group \"{}\"", v.uri, v.audio));
        if (missing(MediaType::kSubtitles, v.subtitles))
            return bad(fmt::format(
                "variant {}: no EXT-X-MEDIA has the subtitles group \"{}\"", v.uri, v.subtitles));
    }
    return {};
}

Status Parser::check_media() {
    if (!has_target_) {
        SG_TRY(breach("media playlist without EXT-X-TARGETDURATION"));
        for (const auto& s : media_.segments)
            media_.target_seconds = std::max(media_.target_seconds, target_seconds(s.duration_us));
    }
    if (lenient_) return {};
    for (std::size_t i = 0; i < media_.segments.size(); ++i) {
        const Segment& s = media_.segments[i];
        if ((s.duration_us + 500'000) / 1'000'000 > media_.target_seconds)
            return bad(fmt::format(
                "segment {} ({}): EXTINF {:.3f} rounds to more than EXT-X-TARGETDURATION {}",
                i,
                s.uri,
                static_cast<double>(s.duration_us) / 1e6,
                media_.target_seconds));
    }
    if (media_.iframes_only && version_ < 4)
        return bad("EXT-X-I-FRAMES-ONLY needs EXT-X-VERSION 4");
    if (!media_.maps.empty() && version_ < (media_.iframes_only ? 5U : 6U))
        return bad(fmt::format("EXT-X-MAP needs EXT-X-VERSION {}", media_.iframes_only ? 5 : 6));
    if (media_.type == PlaylistType::kVod && !media_.ended)
        return bad("EXT-X-PLAYLIST-TYPE:VOD without EXT-X-ENDLIST");
    return {};
}

Result<Playlist> Parser::finish() {
    if (line_ == 0) return bad("playlist is empty");
    if (kind_ == Kind::kUnknown)
        return bad("playlist has no tag of a multivariant or a media playlist");
    if (kind_ == Kind::kMedia) {
        if (extinf_us_) SG_TRY(breach("the last EXTINF is not followed by a URI"));
        SG_TRY(check_media());
        return Playlist{std::move(media_)};
    }
    if (pending_variant_) SG_TRY(breach("the last EXT-X-STREAM-INF is not followed by a URI"));
    if (!lenient_) {
        SG_TRY(check_renditions());
        SG_TRY(check_groups());
    }
    if (multivariant_.unknown.empty()) multivariant_.unknown = std::move(media_.unknown);
    return Playlist{std::move(multivariant_)};
}

}  // namespace

Result<Playlist> parse(std::string_view bytes, Reading reading) {
    return Parser(reading).run(bytes);
}

}  // namespace sg::formats::m3u8

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "verify_model.hpp"
#include "verify_names.hpp"

namespace sg::engine {
namespace {

namespace m3u8 = formats::m3u8;

class HlsLoader {
  public:
    explicit HlsLoader(VerifyRun& run) : run_(run) {}

    Status load(const std::string& name);

  private:
    Result<std::optional<m3u8::Playlist>> read(const char* check, const std::string& name);
    Status multivariant(const std::string& name, m3u8::Multivariant list);
    Status media_of(const std::string& from, const std::string& uri);
    Status iframes_of(const std::string& from, const std::string& uri);
    void add_track(const std::string& name, const m3u8::Media& list);
    void split(const std::string& name, Track whole);
    void check_media(const char* check, const std::string& name, const m3u8::Media& list);
    void show_unknown(const char* check,
                      const std::string& name,
                      const std::vector<m3u8::UnknownTag>& unknown);
    bool resolve(const char* check,
                 const std::string& name,
                 const m3u8::Media& list,
                 std::vector<SegmentRef>& segments,
                 std::vector<InitRef>& inits);

    VerifyRun& run_;
    std::set<std::string> seen_;
};

Status HlsLoader::load(const std::string& name) {
    SG_TRY_ASSIGN(auto parsed, read(kind::kHlsMultivariant, name));
    if (!parsed) return {};
    if (auto* list = std::get_if<m3u8::Multivariant>(&*parsed))
        return multivariant(name, std::move(*list));
    const auto& media = std::get<m3u8::Media>(*parsed);
    check_media(kind::kHlsMedia, name, media);
    add_track(name, media);
    return {};
}

/// Nothing when it is missing or wrong, which is then in the book; an error only for a stop.
Result<std::optional<m3u8::Playlist>> HlsLoader::read(const char* check, const std::string& name) {
    ObjectBytes bytes;
    auto status = run_.fetcher.read(name, std::nullopt, kMaxManifestBytes, bytes);
    if (!status) {
        if (status.error().code == Errc::kCancelled) return status.error();
        run_.checks.fail(kind::kFilesPresent, name, status.error().message);
        return std::optional<m3u8::Playlist>();
    }
    run_.presentation.manifests.push_back(name);
    auto parsed = m3u8::parse(bytes.text());
    if (!run_.checks.expect(
            parsed.has_value(), check, name, [&] { return parsed.error().message; }))
        return std::optional<m3u8::Playlist>();
    return std::optional(std::move(parsed).value());
}

void HlsLoader::show_unknown(const char* check,
                             const std::string& name,
                             const std::vector<m3u8::UnknownTag>& unknown) {
    for (const auto& tag : unknown)
        run_.checks.warn(
            check, name, fmt::format("line {}: tag {} is not checked", tag.line, tag.name));
}

Status HlsLoader::multivariant(const std::string& name, m3u8::Multivariant list) {
    show_unknown(kind::kHlsMultivariant, name, list.unknown);
    run_.checks.expect(!list.variants.empty(), kind::kHlsMultivariant, name, [] {
        return "it has no variant (EXT-X-STREAM-INF)";
    });
    for (const auto& v : list.variants) {
        run_.checks.recommend(!v.codecs.empty(), kind::kHlsMultivariant, name, [&] {
            return fmt::format("variant {} has no CODECS", v.uri);
        });
        SG_TRY(media_of(name, v.uri));
    }
    for (const auto& r : list.renditions) {
        if (!r.uri.empty()) SG_TRY(media_of(name, r.uri));
    }
    if (list.independent_segments) {
        for (auto& track : run_.presentation.tracks)
            track.independent |= seen_.contains(track.playlist);
    }
    for (const auto& v : list.iframe_variants) SG_TRY(iframes_of(name, v.uri));
    run_.presentation.hls.push_back({name, std::move(list)});
    return {};
}

Status HlsLoader::media_of(const std::string& from, const std::string& uri) {
    const auto name = resolve_name(run_.fetcher.root(), run_.fetcher.base_of(from), uri);
    if (!run_.checks.expect(
            name.has_value(), kind::kHlsMultivariant, from, [&] { return name.error().message; }))
        return {};
    if (!seen_.insert(*name).second || run_.presentation.tracks_of_playlist.contains(*name))
        return {};
    if (run_.presentation.tracks_of_playlist.size() >= kMaxTracks) {
        run_.checks.warn(
            kind::kHlsMultivariant, from, fmt::format("only {} playlists are read", kMaxTracks));
        return {};
    }
    SG_TRY_ASSIGN(const auto parsed, read(kind::kHlsMedia, *name));
    if (!parsed) return {};
    const auto* media = std::get_if<m3u8::Media>(&*parsed);
    const bool right = media != nullptr && !media->iframes_only;
    if (!run_.checks.expect(right, kind::kHlsMedia, *name, [] {
            return "a variant or rendition must name a media playlist";
        }))
        return {};
    check_media(kind::kHlsMedia, *name, *media);
    add_track(*name, *media);
    return {};
}

Status HlsLoader::iframes_of(const std::string& from, const std::string& uri) {
    const auto name = resolve_name(run_.fetcher.root(), run_.fetcher.base_of(from), uri);
    if (!run_.checks.expect(
            name.has_value(), kind::kHlsMultivariant, from, [&] { return name.error().message; }))
        return {};
    const auto& known = run_.presentation.iframes;
    if (!seen_.insert(*name).second || known.contains(*name) || known.size() >= kMaxTracks)
        return {};
    SG_TRY_ASSIGN(auto parsed, read(kind::kHlsIframes, *name));
    if (!parsed) return {};
    auto* media = std::get_if<m3u8::Media>(&*parsed);
    const bool right = media != nullptr && media->iframes_only;
    if (!run_.checks.expect(right, kind::kHlsIframes, *name, [] {
            return "EXT-X-I-FRAME-STREAM-INF must name a playlist with EXT-X-I-FRAMES-ONLY";
        }))
        return {};
    check_media(kind::kHlsIframes, *name, *media);
    IframePlaylist list;
    list.name = *name;
    if (!resolve(kind::kHlsIframes, *name, *media, list.segments, list.inits)) return {};
    list.list = std::move(*media);
    run_.presentation.iframes.emplace(*name, std::move(list));
    return {};
}

void HlsLoader::check_media(const char* check, const std::string& name, const m3u8::Media& list) {
    auto& book = run_.checks;
    show_unknown(check, name, list.unknown);
    const auto version = std::max(1U, list.version);
    book.expect(version >= m3u8::required_version(list), check, name, [&] {
        return fmt::format("EXT-X-VERSION is {}, but what it uses needs {} (RFC 8216 section 7)",
                           version,
                           m3u8::required_version(list));
    });
    book.expect(!list.segments.empty(), check, name, [] { return "it has no segment"; });
    book.recommend(list.ended, check, name, [] {
        return "it has no EXT-X-ENDLIST: the presentation is still growing, its length is not "
               "checked";
    });
    book.recommend(!list.ended || list.type != m3u8::PlaylistType::kEvent, check, name, [] {
        return "an ended playlist is still marked EVENT";
    });
    std::int64_t longest = 0;
    for (const auto& s : list.segments) {
        longest = std::max(longest, m3u8::target_seconds(s.duration_us));
        book.expect(s.duration_us > 0, check, name, [&] {
            return fmt::format("segment {} lasts 0 s", s.uri);
        });
    }
    // A planned target may be above the longest segment while a playlist grows; far above it
    // misleads a player's buffering.
    book.recommend(
        list.iframes_only || list.segments.empty() || list.target_seconds <= 2 * longest + 1,
        check,
        name,
        [&] {
            return fmt::format("EXT-X-TARGETDURATION is {}, but the longest segment rounds to {} s",
                               list.target_seconds,
                               longest);
        });
}

bool HlsLoader::resolve(const char* check,
                        const std::string& name,
                        const m3u8::Media& list,
                        std::vector<SegmentRef>& segments,
                        std::vector<InitRef>& inits) {
    auto& book = run_.checks;
    const auto base = run_.fetcher.base_of(name);
    const auto range_of = [](const std::optional<m3u8::ByteRange>& r) {
        return r ? std::optional(ByteRange{r->offset, r->bytes}) : std::nullopt;
    };
    for (const auto& map : list.maps) {
        const auto target = resolve_name(run_.fetcher.root(), base, map.uri);
        if (!book.expect(target.has_value(), check, name, [&] { return target.error().message; }))
            return false;
        inits.push_back({*target, range_of(map.range)});
    }
    if (!book.expect(list.segments.size() <= kMaxSegments, check, name, [&] {
            return fmt::format("{} segments are more than are read", list.segments.size());
        }))
        return false;
    for (const auto& s : list.segments) {
        const auto target = resolve_name(run_.fetcher.root(), base, s.uri);
        if (!book.expect(target.has_value(), check, name, [&] { return target.error().message; }))
            return false;
        segments.push_back(
            {*target, range_of(s.range), s.map.value_or(0), s.duration_us, s.discontinuity});
    }
    return true;
}

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> endings) {
    const auto path = name.substr(0, name.find('?'));
    return std::any_of(
        endings.begin(), endings.end(), [&](std::string_view e) { return path.ends_with(e); });
}

void HlsLoader::add_track(const std::string& name, const m3u8::Media& list) {
    Track track;
    track.playlist = name;
    track.rendition = folder_of(name);
    track.subject = track.rendition.empty() ? name : track.rendition;
    track.independent = list.independent_segments;
    track.ended = list.ended;
    track.vod = list.type == m3u8::PlaylistType::kVod;
    track.target_seconds = list.target_seconds;
    if (list.segments.empty() || !resolve(kind::kHlsMedia, name, list, track.segments, track.inits))
        return;
    const auto& first = track.segments.front().name;
    track.transport_stream =
        track.inits.empty() &&
        !ends_with_any(first, {".vtt", ".webvtt", ".aac", ".mp3", ".ac3", ".ec3"});
    track.media = track.transport_stream || !track.inits.empty();
    if (list.encrypted) {
        track.media = false;
        run_.checks.warn(kind::kStructure,
                         track.subject,
                         "the segments are encrypted: only that they exist is checked");
    }
    const auto same_subject = [&](const Track& t) { return t.subject == track.subject; };
    if (std::any_of(run_.presentation.tracks.begin(), run_.presentation.tracks.end(), same_subject))
        track.subject = name;
    track.stretch = static_cast<std::int64_t>(list.discontinuity_sequence);
    split(name, std::move(track));
}

/// At its discontinuities.
void HlsLoader::split(const std::string& name, Track whole) {
    auto segments = std::exchange(whole.segments, {});
    const auto inits = std::exchange(whole.inits, {});
    const auto count = std::count_if(
        segments.begin(), segments.end(), [](const auto& s) { return s.discontinuity; });
    if (!run_.checks.expect(
            count < static_cast<std::ptrdiff_t>(kMaxStretches), kind::kHlsMedia, name, [&] {
                return fmt::format("{} discontinuities are more than are read", count);
            }))
        return;
    auto& tracks = run_.presentation.tracks;
    auto& places = run_.presentation.tracks_of_playlist[name];
    const auto begin = [&] {
        places.push_back(tracks.size());
        tracks.push_back(whole);
    };
    std::optional<std::size_t> init;  // of `inits`, the last one of the track
    for (auto& segment : segments) {
        if (segment.discontinuity) ++whole.stretch;
        if (segment.discontinuity || places.empty()) {
            begin();
            init.reset();
        }
        auto& track = tracks.back();
        if (!inits.empty() && init != segment.init) {
            init = segment.init;
            track.inits.push_back(inits[segment.init]);
        }
        segment.init = inits.empty() ? 0 : track.inits.size() - 1;
        track.segments.push_back(std::move(segment));
    }
}

}  // namespace

Status load_hls(VerifyRun& run, const std::string& name) {
    return HlsLoader(run).load(name);
}

}  // namespace sg::engine

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include <media/timestamp.hpp>

#include "verify_model.hpp"
#include "verify_names.hpp"

namespace sg::engine {
namespace {

namespace m3u8 = formats::m3u8;

/// RFC 8216 section 4.1 asks for the exact peak; declared values may be this much above it.
constexpr double kMostAbove = 1.10;

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return out;
}

std::vector<std::string> split_codecs(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto comma = text.find(',');
        auto part = text.substr(0, comma);
        while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
        if (!part.empty()) out.emplace_back(part);
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    }
    return out;
}

bool contains_codec(const std::vector<std::string>& list, std::string_view codec) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& c) {
        return same_codec(c, codec) || same_codec(codec, c);
    });
}

const char* range_name(std::uint32_t transfer) {
    return transfer == 16 ? "PQ" : transfer == 18 ? "HLG" : "SDR";
}

using Tracks = std::vector<const Track*>;

/// The playlist that a track is of, or the track alone.
Tracks tracks_with(const VerifyRun& run, const Track& track) {
    if (track.playlist.empty()) return {&track};
    Tracks out;
    for (const auto i : run.presentation.tracks_of_playlist.at(track.playlist))
        out.push_back(&run.presentation.tracks[i]);
    return out;
}

std::optional<formats::VideoFacts> largest_picture(const Tracks& tracks) {
    std::optional<formats::VideoFacts> out;
    const auto pixels = [](const formats::VideoFacts& v) {
        return std::uint64_t{v.width} * v.height;
    };
    for (const auto* t : tracks) {
        const auto* stream = t->main_stream();
        if (stream == nullptr || !stream->codec || stream->type != StreamType::kVideo) continue;
        if (!out || pixels(stream->codec->video) > pixels(*out)) out = stream->codec->video;
    }
    return out;
}

/// Over all of a playlist: segments on both sides of a discontinuity are loaded one after the
/// other.
packagers::Bitrate rate_of(const Tracks& tracks) {
    const auto* first = tracks.front()->main_stream();
    const std::uint32_t timescale = first != nullptr ? first->timescale : 1;
    std::vector<packagers::TimedBytes> all;
    for (const auto* t : tracks) {
        auto bytes = t->timed_bytes();
        if (bytes.empty()) return {};
        const auto own = t->main_stream()->timescale;
        for (auto& b : bytes)
            b.duration = media::mul_div(b.duration, timescale, own, media::Rounding::kNearest);
        all.insert(all.end(), bytes.begin(), bytes.end());
    }
    return packagers::measured_bitrate(all, timescale, tracks.front()->target_seconds);
}

class HlsChecker {
  public:
    HlsChecker(VerifyRun& run, const HlsPresentation& hls) : run_(run), hls_(hls) {}

    void declared();
    void bandwidth();

  private:
    [[nodiscard]] const IframePlaylist* iframes_of(const std::string& uri) const;
    /// The playlists that may play together with a variant's own.
    [[nodiscard]] std::vector<Tracks> group_of(const m3u8::Variant& v, const Tracks& own) const;
    void check_codecs(const m3u8::Variant& v, const Tracks& own, const std::vector<Tracks>& others);
    void check_picture(const m3u8::Variant& v, const Tracks& tracks, bool rate_matters);
    void check_range(const m3u8::Variant& v, const Tracks& tracks);
    void check_rate(const m3u8::Variant& v, const Tracks& tracks);
    void check_channels(const m3u8::Rendition& r);
    void compare_rates(const m3u8::Variant& v, packagers::Bitrate measured);
    void expect(bool ok, const m3u8::Variant& v, const std::string& detail) {
        run_.checks.expect(ok, kind::kHlsDeclared, hls_.name, [&] {
            return fmt::format("variant {}: {}", v.uri, detail);
        });
    }

    VerifyRun& run_;
    const HlsPresentation& hls_;
};

const IframePlaylist* HlsChecker::iframes_of(const std::string& uri) const {
    const auto name = resolve_name(run_.fetcher.root(), run_.fetcher.base_of(hls_.name), uri);
    if (!name) return nullptr;
    const auto at = run_.presentation.iframes.find(*name);
    return at == run_.presentation.iframes.end() ? nullptr : &at->second;
}

std::vector<Tracks> HlsChecker::group_of(const m3u8::Variant& v, const Tracks& own) const {
    std::vector<Tracks> out;
    for (const auto& r : hls_.list.renditions) {
        if (v.audio.empty() || r.type != m3u8::MediaType::kAudio || r.group_id != v.audio ||
            r.uri.empty())
            continue;
        auto tracks = tracks_of(run_, hls_.name, r.uri);
        if (!tracks.empty() && tracks != own) out.push_back(std::move(tracks));
    }
    return out;
}

void HlsChecker::check_codecs(const m3u8::Variant& v,
                              const Tracks& own,
                              const std::vector<Tracks>& others) {
    if (v.codecs.empty()) return;
    const auto declared = split_codecs(v.codecs);
    std::vector<std::string> measured;
    bool all_known = true;
    const auto take = [&](const Tracks& tracks) {
        for (const auto* t : tracks) {
            for (const auto& s : t->streams) {
                if (s.codec) measured.push_back(s.codec->codecs);
                all_known &= s.codec.has_value();
            }
            all_known &= !t->streams.empty();
        }
    };
    take(own);
    for (const auto& t : others) take(t);
    for (const auto& m : measured)
        expect(contains_codec(declared, m),
               v,
               fmt::format("the media is {}, which CODECS=\"{}\" does not list", m, v.codecs));
    for (const auto& d : declared) {
        if (all_known)
            expect(contains_codec(measured, d),
                   v,
                   fmt::format("CODECS lists {}, which no media of it is", d));
    }
}

void HlsChecker::check_picture(const m3u8::Variant& v, const Tracks& tracks, bool rate_matters) {
    // Where pictures change at a discontinuity, the largest count.
    const auto facts = largest_picture(tracks);
    if (!facts) return;
    if (v.resolution) {
        // RESOLUTION is what is shown: pixels made square.
        const double sar = facts->sar_num != 0 && facts->sar_den != 0
                               ? static_cast<double>(facts->sar_num) / facts->sar_den
                               : 1.0;
        const auto shown = std::lround(facts->width * sar);
        const bool same = (v.resolution->width == facts->width ||
                           std::abs(static_cast<long>(v.resolution->width) - shown) <= 1) &&
                          v.resolution->height == facts->height;
        expect(same,
               v,
               fmt::format("RESOLUTION={}x{}, the pictures are {}x{} (shown {} wide)",
                           v.resolution->width,
                           v.resolution->height,
                           facts->width,
                           facts->height,
                           shown));
    } else {
        run_.checks.recommend(false, kind::kHlsDeclared, hls_.name, [&] {
            return fmt::format("variant {} has no RESOLUTION", v.uri);
        });
    }
    check_range(v, tracks);
    if (rate_matters) check_rate(v, tracks);
}

void HlsChecker::check_range(const m3u8::Variant& v, const Tracks& tracks) {
    std::string range;
    std::uint32_t transfer = 0;
    for (const auto* t : tracks) {
        const auto* stream = t->main_stream();
        if (stream == nullptr || !stream->codec || stream->type != StreamType::kVideo) continue;
        const std::string here = range_name(stream->codec->video.transfer);
        if (!range.empty() && here == "SDR") continue;
        range = here;
        transfer = stream->codec->video.transfer;
    }
    expect(v.video_range.empty() ? range == "SDR" : v.video_range == range,
           v,
           fmt::format("VIDEO-RANGE is {}, the bitstream's transfer function {} is {}",
                       v.video_range.empty() ? "absent (SDR)" : v.video_range,
                       transfer,
                       range));
}

void HlsChecker::check_rate(const m3u8::Variant& v, const Tracks& tracks) {
    if (v.frame_rate_milli == 0) return;
    const double declared = v.frame_rate_milli / 1000.0;
    double least = 0;
    double most = 0;
    double fastest = 0;
    for (const auto* t : tracks) {
        const auto* s = t->main_stream();
        if (s == nullptr || s->type != StreamType::kVideo || !s->complete()) return;
        const auto ticks = static_cast<double>(s->duration());
        const double exact =
            s->sample_duration > 0
                ? static_cast<double>(s->timescale) / static_cast<double>(s->sample_duration)
                : static_cast<double>(s->samples()) * s->timescale / ticks;
        // A transport stream's 90 kHz and a varying rate leave only an estimate.
        const double slack = s->sample_duration > 0 && !t->transport_stream ? 0.0011 : 0.01 * exact;
        // It is the highest rate (RFC 8216 section 4.3.4.2): between the average and that of the
        // two pictures closest to each other.
        const double highest = s->sample_duration == 0 && s->shortest_sample > 0
                                   ? 1.01 * s->timescale / static_cast<double>(s->shortest_sample)
                                   : exact;
        least = std::max(least, exact - slack);
        most = std::max(most, highest + slack);
        fastest = std::max(fastest, exact);
    }
    expect(declared >= least && declared <= most,
           v,
           fmt::format("FRAME-RATE={:.3f}, the pictures come {:.3f} a second", declared, fastest));
}

void HlsChecker::check_channels(const m3u8::Rendition& r) {
    if (r.type != m3u8::MediaType::kAudio || r.uri.empty() || r.channels.empty()) return;
    std::uint32_t most = 0;
    for (const auto* t : tracks_of(run_, hls_.name, r.uri)) {
        const auto* stream = t->main_stream();
        if (stream == nullptr || !stream->codec || stream->codec->audio.channels == 0) return;
        most = std::max(most, stream->codec->audio.channels);
    }
    if (most == 0) return;
    const auto declared = r.channels.substr(0, r.channels.find('/'));
    run_.checks.expect(declared == std::to_string(most), kind::kHlsDeclared, hls_.name, [&] {
        return fmt::format("rendition {} of group {}: CHANNELS=\"{}\", the sound has {}",
                           r.name,
                           r.group_id,
                           r.channels,
                           most);
    });
}

void HlsChecker::declared() {
    for (const auto& v : hls_.list.variants) {
        const auto own = tracks_of(run_, hls_.name, v.uri);
        if (own.empty() || own.front()->main_stream() == nullptr) continue;
        check_codecs(v, own, group_of(v, own));
        check_picture(v, own, true);
    }
    for (const auto& v : hls_.list.iframe_variants) {
        const auto* list = iframes_of(v.uri);
        if (list == nullptr || list->segments.empty()) continue;
        const auto& tracks = run_.presentation.tracks;
        const auto of = std::find_if(tracks.begin(), tracks.end(), [&](const Track& t) {
            return t.segments.front().name == list->segments.front().name;
        });
        if (of == tracks.end() || of->main_stream() == nullptr) continue;
        const auto& stream = *of->main_stream();
        if (!v.codecs.empty() && stream.codec)
            expect(
                contains_codec(split_codecs(v.codecs), stream.codec->codecs),
                v,
                fmt::format("the media is {}, CODECS says \"{}\"", stream.codec->codecs, v.codecs));
        check_picture(v, tracks_with(run_, *of), false);
    }
    for (const auto& r : hls_.list.renditions) check_channels(r);
}

void HlsChecker::compare_rates(const m3u8::Variant& v, packagers::Bitrate measured) {
    if (measured.peak == 0) return;
    auto& book = run_.checks;
    const auto say =
        [&](const char* attribute, std::uint64_t declared, std::uint64_t found, const char* how) {
            return fmt::format(
                "variant {}: {}={}, {} ({:+.1f} %) the measured {}",
                v.uri,
                attribute,
                declared,
                how,
                100.0 * (static_cast<double>(declared) / static_cast<double>(found) - 1),
                found);
        };
    const auto peak = static_cast<double>(measured.peak);
    const auto declared = static_cast<double>(v.bandwidth);
    // One bit of rounding for each track that is added up.
    if (declared + 4 < peak) {
        book.expect(false, kind::kHlsBandwidth, hls_.name, [&] {
            return say("BANDWIDTH", v.bandwidth, measured.peak, "below");
        });
    } else {
        book.expect(declared <= peak * kMostAbove + 4, kind::kHlsBandwidth, hls_.name, [&] {
            return say("BANDWIDTH", v.bandwidth, measured.peak, "over 10 % above");
        });
    }
    if (v.average_bandwidth == 0) return;
    const auto ratio =
        static_cast<double>(v.average_bandwidth) / static_cast<double>(measured.average);
    book.expect(ratio <= kMostAbove && ratio >= 0.9, kind::kHlsBandwidth, hls_.name, [&] {
        return say(
            "AVERAGE-BANDWIDTH", v.average_bandwidth, measured.average, "over 10 % away from");
    });
}

void HlsChecker::bandwidth() {
    for (const auto& v : hls_.list.variants) {
        const auto own = tracks_of(run_, hls_.name, v.uri);
        // While more is to come, what is declared is a promise.
        if (own.empty() || !own.front()->ended) continue;
        auto measured = rate_of(own);
        packagers::Bitrate sound;
        bool known = measured.peak != 0;
        for (const auto& tracks : group_of(v, own)) {
            const auto rate = rate_of(tracks);
            known &= rate.peak != 0;
            sound.peak = std::max(sound.peak, rate.peak);
            sound.average = std::max(sound.average, rate.average);
        }
        if (known) compare_rates(v, {measured.peak + sound.peak, measured.average + sound.average});
    }
    for (const auto& v : hls_.list.iframe_variants) {
        const auto* list = iframes_of(v.uri);
        if (list == nullptr || !list->list.ended) continue;
        std::vector<packagers::TimedBytes> pictures;
        for (const auto& s : list->segments) {
            if (s.range) pictures.push_back({s.range->bytes, s.duration_us});
        }
        if (pictures.size() == list->segments.size())
            compare_rates(
                v, packagers::measured_bitrate(pictures, 1'000'000, list->list.target_seconds));
    }
}

}  // namespace

bool same_codec(std::string_view declared, std::string_view measured) {
    const auto a = lower(declared);
    const auto b = lower(measured);
    if (a == b) return true;
    // AV1 and VP9 strings may leave out their last fields (AV1 in ISO-BMFF section 5, VP codec
    // binding).
    const bool optional_tail = a.starts_with("av01.") || a.starts_with("vp09.");
    return optional_tail && b.starts_with(a) && b[a.size()] == '.' &&
           std::count(a.begin(), a.end(), '.') >= 3;
}

std::vector<const Track*> tracks_of(const VerifyRun& run,
                                    const std::string& from,
                                    const std::string& uri) {
    const auto name = resolve_name(run.fetcher.root(), run.fetcher.base_of(from), uri);
    if (!name) return {};
    const auto at = run.presentation.tracks_of_playlist.find(*name);
    if (at == run.presentation.tracks_of_playlist.end()) return {};
    return tracks_with(run, run.presentation.tracks[at->second.front()]);
}

void check_hls_declared(VerifyRun& run) {
    for (const auto& hls : run.presentation.hls) HlsChecker(run, hls).declared();
}

void check_hls_bandwidth(VerifyRun& run) {
    for (const auto& hls : run.presentation.hls) HlsChecker(run, hls).bandwidth();
}

}  // namespace sg::engine

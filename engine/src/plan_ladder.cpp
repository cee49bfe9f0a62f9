#include "plan_ladder.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <transcoders/encoder_settings.hpp>
#include <transcoders/filters.hpp>

namespace sg::engine {
namespace {

using media::CodecId;
using media::Rational;
using presets::EffectiveRung;

/// Encoders and players want at least this many pixels a side.
constexpr std::int64_t kSmallestSide = 32;

CodecId codec_of(presets::VideoCodec codec) {
    switch (codec) {
        case presets::VideoCodec::kH264: return CodecId::kH264;
        case presets::VideoCodec::kHevc: return CodecId::kHevc;
        case presets::VideoCodec::kAv1: return CodecId::kAv1;
        case presets::VideoCodec::kVp9: return CodecId::kVp9;
        case presets::VideoCodec::kCopy:
        case presets::VideoCodec::kNone: return CodecId::kH264;
    }
    return CodecId::kH264;
}

/// What the viewer sees, upright and with square pixels.
struct Shown {
    double width = 0;
    double height = 0;
};

Shown shown_size(const ingest::VideoFacts& v) {
    Shown s{static_cast<double>(v.width), static_cast<double>(v.height)};
    // Stretch rather than shrink, so that no line or column is lost.
    const double sar = v.sar.positive() ? v.sar.as_double() : 1.0;
    if (sar > 1) s.width *= sar;
    else s.height /= sar;
    if (v.rotation % 180 != 0) std::swap(s.width, s.height);
    return s;
}

struct Size {
    std::int64_t width = 0;
    std::int64_t height = 0;
    double scale = 1;  ///< against what is shown
    bool enlarged = false;
};

std::int64_t even(double v) { return std::max(kSmallestSide, static_cast<std::int64_t>(std::llround(v / 2)) * 2); }
std::int64_t even_down(double v) { return std::max(kSmallestSide, static_cast<std::int64_t>(std::floor(v / 2 + 1e-9)) * 2); }

Size fit(const Shown& shown, const EffectiveRung& rung) {
    double box_w = rung.width ? *rung.width : 1e9;
    double box_h = rung.height ? *rung.height : 1e9;
    if (shown.height > shown.width) {
        // "1080p" of a portrait film is 1080 wide.
        std::swap(box_w, box_h);
    }
    Size size;
    size.scale = std::min(box_w / shown.width, box_h / shown.height);
    size.enlarged = size.scale > 1.0 + 1e-9;
    if (size.scale >= 1.0) {
        size.scale = 1.0;
        size.width = even_down(shown.width);
        size.height = even_down(shown.height);
    } else {
        size.width = even(shown.width * size.scale);
        size.height = even(shown.height * size.scale);
    }
    return size;
}

/// The number that names a rung: the short side, as in "1080p".
std::int64_t lines(const Size& s) { return std::min(s.width, s.height); }

bool named_by_lines(const std::string& name) {
    return name.size() > 1 && name.back() == 'p' && std::all_of(name.begin(), name.end() - 1, [](char c) { return c >= '0' && c <= '9'; });
}

media::Colour sdr_colour() { return {1, 1, 1, false}; }

/// What the rendition's pictures mean: the source's colours in limited range, RGB turned into BT.709.
media::Colour kept_colour(const media::Colour& source, const std::string& pixel_format) {
    media::Colour c = source;
    c.full_range = false;
    const bool rgb = c.matrix == 0 || pixel_format.starts_with("rgb") || pixel_format.starts_with("bgr") || pixel_format.starts_with("gbr") || pixel_format.starts_with("pal");
    if (rgb) c.matrix = 1;
    return c;
}

std::int64_t branch_for(Planning& p, bool sdr_from_hdr) {
    auto& branches = p.plan.video.branches;
    const std::string name = sdr_from_hdr ? "sdr" : "source";
    for (std::size_t i = 0; i < branches.size(); ++i) {
        if (branches[i].name == name) return static_cast<std::int64_t>(i);
    }
    const auto& v = p.video->video;
    pipeline::VideoBranch branch;
    branch.name = name;
    if (sdr_from_hdr) {
        branch.filters = transcoders::tonemap_filters(v.colour,
                                                      v.has_mastering_display ? std::optional(v.mastering_display) : std::nullopt,
                                                      v.has_content_light ? std::optional(v.content_light) : std::nullopt);
        branch.pixel_format = "yuv420p";
        branch.colour = sdr_colour();
        p.note("tone_mapped", p.facts.name, fmt::format("the source is {}; SDR renditions are tone-mapped to BT.709", v.colour.pq() ? "HDR (PQ)" : "HDR (HLG)"));
    } else {
        branch.pixel_format = v.pixel_format;
        branch.colour = v.colour;
    }
    const auto turned = transcoders::rotation_filters(v.rotation, v.flip, false);
    branch.filters.insert(branch.filters.end(), turned.begin(), turned.end());
    branches.push_back(std::move(branch));
    return static_cast<std::int64_t>(branches.size()) - 1;
}

/// Scaling an already scaled picture again costs no visible quality when it is at least half as large again.
std::int64_t scale_source(const pipeline::VideoPlan& video, const pipeline::VideoRendition& r) {
    std::int64_t best = -1;
    for (std::size_t i = 0; i < video.renditions.size(); ++i) {
        const auto& larger = video.renditions[i];
        if (larger.branch != r.branch || larger.pixel_format != r.pixel_format || !(larger.colour == r.colour)) continue;
        if (r.frame_divisor % larger.frame_divisor != 0) continue;
        if (larger.width * 2 < r.width * 3) continue;
        if (best < 0 || larger.width < video.renditions[static_cast<std::size_t>(best)].width) best = static_cast<std::int64_t>(i);
    }
    return best;
}

void add_rendition(Planning& p, const EffectiveRung& rung, const Size& size, const std::string& name) {
    auto& video = p.plan.video;
    const auto& v = p.video->video;
    pipeline::VideoRendition r;
    r.name = unique_name(p, name);
    r.codec = codec_of(rung.codec);
    r.source_stream = p.video->index;
    r.width = size.width;
    r.height = size.height;

    const bool keeps_hdr = rung.range == presets::DynamicRange::kSource && p.preset.hdr.keep && rung.depth >= 10;
    const bool sdr_from_hdr = v.colour.hdr() && !keeps_hdr && p.preset.hdr.tone_map != presets::ToneMap::kNever;
    r.branch = branch_for(p, sdr_from_hdr);
    r.colour = sdr_from_hdr ? sdr_colour() : kept_colour(v.colour, v.pixel_format);
    r.pixel_format = transcoders::encoder_pixel_format(r.codec, rung.depth);

    const auto base = video.grid.rate;
    if (rung.max_frame_rate) {
        const Rational most{rung.max_frame_rate->num, rung.max_frame_rate->den};
        while (media::compare({base.num, base.den * r.frame_divisor}, most) > 0) ++r.frame_divisor;
    }
    r.frame_rate = media::reduced({base.num, base.den * r.frame_divisor});
    const auto scale = pipeline::video_timescale(r.frame_rate);
    r.timescale = scale.timescale;
    r.frame_duration = scale.frame_duration;
    r.scale_from = scale_source(video, r);
    video.renditions.push_back(std::move(r));
}

}  // namespace

Status plan_ladder(Planning& p) {
    auto& video = p.plan.video;
    const auto& v = p.video->video;
    if (static_cast<std::int64_t>(v.width) * v.height > p.preset.limits.max_pixels) {
        return Error{Errc::kLimit, fmt::format("plan {}: a picture of {}x{} is over the limit of {} pixels (limits.max_pixels)", p.facts.name, v.width, v.height, p.preset.limits.max_pixels)};
    }
    video.source_width = v.width;
    video.source_height = v.height;
    video.source_pixel_format = v.pixel_format;
    video.source_sar = v.sar;
    video.source_colour = v.colour;
    video.rotation = v.rotation;
    if (v.rotation != 0) p.note("rotated", p.facts.name, fmt::format("the picture is turned by {} degrees, as players show it", v.rotation));
    if (v.sar.positive() && media::compare(v.sar, {1, 1}) != 0) {
        p.note("square_pixels", p.facts.name, fmt::format("pixels of {}:{} are made square", v.sar.num, v.sar.den));
    }

    const auto shown = shown_size(v);
    auto ladder = p.preset.video.ladder;
    if (p.preset.video.codec == presets::VideoCodec::kCopy) {
        // What could not be copied is encoded once, at its own size.
        presets::Rung own;
        own.name = fmt::format("{}p", std::min(even_down(shown.width), even_down(shown.height)));
        own.codec = presets::VideoCodec::kH264;
        ladder = {own};
    }
    // Per codec: rungs that would enlarge are dropped, but the smallest of them keeps a source between two rungs at its own size.
    for (std::size_t i = 0; i < ladder.size(); ++i) {
        const auto rung = presets::effective_rung(p.preset, ladder[i]);
        const auto size = fit(shown, rung);
        std::string name = rung.name;
        if (size.enlarged) {
            std::optional<Size> next;
            for (std::size_t j = i + 1; j < ladder.size() && !next; ++j) {
                const auto other = presets::effective_rung(p.preset, ladder[j]);
                if (other.codec == rung.codec && other.range == rung.range) next = fit(shown, other);
            }
            const bool next_is_enough = next && (next->enlarged || next->scale > 0.9);
            if (next_is_enough) {
                p.note("rung_dropped", rung.name, fmt::format("the source is only {}x{}", even_down(shown.width), even_down(shown.height)));
                continue;
            }
            if (named_by_lines(name)) name = fmt::format("{}p", lines(size));
            if (name != rung.name) {
                p.note("rung_fitted", rung.name, fmt::format("made at the source's own size as {} ({}x{})", name, size.width, size.height));
            }
        }
        add_rendition(p, rung, size, name);
        p.rungs.push_back(rung);
    }
    if (video.renditions.empty()) {
        return Error{Errc::kUnsupported, fmt::format("plan {}: preset {} has no rung for it", p.facts.name, p.preset.name)};
    }
    return {};
}

Status resolve_encoders(Planning& p) {
    const auto& v = p.video->video;
    auto& renditions = p.plan.video.renditions;
    for (std::size_t i = 0; i < renditions.size(); ++i) {
        auto& r = renditions[i];
        const auto& rung = p.rungs[i];
        transcoders::EncoderRequest request;
        request.codec = r.codec;
        request.width = r.width;
        request.height = r.height;
        request.frame_rate = r.frame_rate;
        request.gop_frames = r.encoder.gop_frames;
        if (rung.rate_control == presets::RateControl::kCappedCrf) request.crf_x100 = rung.crf_x100;
        request.bitrate = rung.rate_control == presets::RateControl::kBitrate ? rung.bitrate_bps : 0;
        request.max_bitrate = rung.max_bitrate_bps;
        request.buffer_bits = rung.buffer_bits;
        request.speed = rung.speed;
        request.tune = rung.tune;
        request.profile = rung.profile;
        request.level = rung.level;
        request.bit_depth = rung.depth;
        request.colour = r.colour;
        if (r.colour.hdr()) {
            if (v.has_mastering_display) request.mastering_display = v.mastering_display;
            if (v.has_content_light) request.content_light = v.content_light;
        }
        request.b_frames = rung.b_frames;
        request.lookahead = rung.lookahead;
        request.threads = rung.threads;
        request.extra = rung.encoder_options;
        auto settings = transcoders::encoder_settings(request);
        if (!settings) return settings.error().within("rendition " + r.name);
        r.encoder = std::move(settings).value();
    }
    return {};
}

}  // namespace sg::engine

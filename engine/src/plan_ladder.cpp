#include "plan_ladder.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <transcoders/encoder_settings.hpp>
#include <transcoders/filters.hpp>

#include "plan_colour.hpp"
#include "plan_copy.hpp"
#include "plan_rate.hpp"
#include "plan_size.hpp"

namespace sg::engine {
namespace {

using media::CodecId;
using media::Rational;
using presets::EffectiveRung;

CodecId codec_of(presets::VideoCodec codec) {
    switch (codec) {
        case presets::VideoCodec::kHevc:
            return CodecId::kHevc;
        case presets::VideoCodec::kAv1:
            return CodecId::kAv1;
        case presets::VideoCodec::kVp9:
            return CodecId::kVp9;
        // A copy that turns out not to fit is encoded for every player.
        case presets::VideoCodec::kH264:
        case presets::VideoCodec::kCopy:
        case presets::VideoCodec::kNone:
            break;
    }
    return CodecId::kH264;
}

bool keeps_hdr(const Planning& p, const EffectiveRung& rung) {
    return rung.range == presets::DynamicRange::kSource && rung.depth >= 10 && p.preset.hdr.keep &&
           p.preset.hdr.tone_map != presets::ToneMap::kAlways;
}

/// The preset's rungs that this source gets, each with what the preset as a whole says.
std::vector<presets::Rung> wanted_rungs(Planning& p) {
    auto ladder = p.preset.video.ladder;
    if (p.preset.video.codec == presets::VideoCodec::kCopy) {
        // What could not be copied is encoded once, at its own size.
        presets::Rung own;
        own.codec = presets::VideoCodec::kH264;
        const auto size = fit(shown_size(p.video->video), presets::effective_rung(p.preset, own));
        own.name = fmt::format("{}p", std::min(size.width, size.height));
        ladder = {own};
    }
    if (p.video->video.colour.hdr() && p.preset.hdr.tone_map == presets::ToneMap::kNever) {
        std::erase_if(ladder, [&](const presets::Rung& rung) {
            if (rung.codec == presets::VideoCodec::kCopy ||
                keeps_hdr(p, presets::effective_rung(p.preset, rung)))
                return false;
            p.note("rung_dropped",
                   rung.name,
                   "the source is HDR, the rung is SDR and the preset forbids tone mapping");
            return true;
        });
    }
    return ladder;
}

/// A rung that asks for a copy, as it is encoded when the source does not fit.
EffectiveRung encodable(const Planning& p, presets::Rung rung) {
    if (rung.codec.value_or(p.preset.video.codec) == presets::VideoCodec::kCopy) {
        rung.codec = presets::VideoCodec::kH264;
        rung.range = presets::DynamicRange::kSdr;
    }
    return presets::effective_rung(p.preset, rung);
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
        branch.filters = transcoders::tonemap_filters(
            p.plan.video.source_colour,
            v.has_mastering_display ? std::optional(v.mastering_display) : std::nullopt,
            v.has_content_light ? std::optional(v.content_light) : std::nullopt);
        branch.pixel_format = "yuv420p";
        branch.colour = sdr_colour();
        p.note("tone_mapped",
               kSource,
               fmt::format("the source is {}; SDR renditions are tone-mapped to BT.709",
                           v.colour.pq() ? "HDR (PQ)" : "HDR (HLG)"));
    } else {
        branch.pixel_format = p.plan.video.source_pixel_format;
        branch.colour = p.plan.video.source_colour;
    }
    const auto turned = transcoders::rotation_filters(v.rotation, v.flip, false);
    branch.filters.insert(branch.filters.end(), turned.begin(), turned.end());
    branches.push_back(std::move(branch));
    return static_cast<std::int64_t>(branches.size()) - 1;
}

void add_rendition(Planning& p,
                   const EffectiveRung& rung,
                   const Size& size,
                   const std::string& name) {
    auto& video = p.plan.video;
    pipeline::VideoRendition r;
    r.name = unique_name(p, name);
    r.codec = codec_of(rung.codec);
    r.source_stream = p.video->index;
    r.width = size.width;
    r.height = size.height;

    const bool hdr = p.video->video.colour.hdr();
    const bool kept = keeps_hdr(p, rung);
    r.branch = branch_for(p, hdr && !kept);
    r.colour = hdr && !kept ? sdr_colour() : rendition_colour(video.source_colour, kept);
    r.pixel_format = transcoders::encoder_pixel_format(r.codec, rung.depth);

    const auto base = video.grid.rate;
    if (rung.max_frame_rate)
        r.frame_divisor = divisor_for(base, {rung.max_frame_rate->num, rung.max_frame_rate->den});
    r.frame_rate = media::reduced({base.num, base.den * r.frame_divisor});
    const auto scale = pipeline::video_timescale(r.frame_rate);
    r.timescale = scale.timescale;
    r.frame_duration = scale.frame_duration;
    video.renditions.push_back(std::move(r));
}

void describe_source(Planning& p) {
    auto& video = p.plan.video;
    const auto& v = p.video->video;
    video.source_width = v.width;
    video.source_height = v.height;
    video.source_pixel_format = transcoders::working_pixel_format(v.pixel_format);
    video.source_sar = believable_sar(v);
    video.source_colour = source_colour(v);
    video.rotation = v.rotation;
    if (v.rotation != 0)
        p.note("rotated",
               kSource,
               fmt::format("the picture is turned by {} degrees clockwise, as players show it",
                           v.rotation));
    if (v.flip) p.note("mirrored", kSource, "the picture is mirrored, as players show it");
    if (v.sar.positive() && media::compare(v.sar, {1, 1}) != 0) {
        p.note("square_pixels",
               kSource,
               media::compare(v.sar, video.source_sar) == 0
                   ? fmt::format("pixels of {}:{} are made square", v.sar.num, v.sar.den)
                   : fmt::format("a pixel shape of {}:{} cannot be meant and is ignored",
                                 v.sar.num,
                                 v.sar.den));
    }
    if (v.has_dolby_vision && v.dolby_vision.compatibility_id == 0) {
        p.note("dolby_vision",
               kSource,
               fmt::format("Dolby Vision profile {} has no picture for other players; its colours "
                           "will be wrong",
                           v.dolby_vision.profile));
    }
}

std::string size_text(const Shown& shown) {
    return fmt::format("{}x{}",
                       static_cast<std::int64_t>(shown.width + 0.5),
                       static_cast<std::int64_t>(shown.height + 0.5));
}

}  // namespace

Result<Ladder> plan_ladder(Planning& p) {
    auto& video = p.plan.video;
    const auto& v = p.video->video;
    if (static_cast<std::int64_t>(v.width) * v.height > p.preset.limits.max_pixels) {
        return Error{
            Errc::kLimit,
            fmt::format(
                "plan {}: a picture of {}x{} is over the limit of {} pixels (limits.max_pixels)",
                p.facts.name,
                v.width,
                v.height,
                p.preset.limits.max_pixels)};
    }
    describe_source(p);
    if (video.source_pixel_format.empty()) {
        return Error{
            Errc::kUnsupported,
            fmt::format("plan {}: pictures of format \"{}\" are not known to this libavutil",
                        p.facts.name,
                        v.pixel_format)};
    }
    const auto shown = shown_size(v);
    const auto ladder = wanted_rungs(p);
    if (ladder.empty()) {
        return Error{Errc::kUnsupported,
                     fmt::format("plan {}: it is HDR, and preset {} has only SDR rungs with "
                                 "hdr.tone_map never; allow tone mapping",
                                 p.facts.name,
                                 p.preset.name)};
    }
    Ladder made;
    for (std::size_t i = 0; i < ladder.size(); ++i) {
        const auto asked = ladder[i].codec.value_or(p.preset.video.codec);
        const auto rung = encodable(p, ladder[i]);
        const auto size = fit(shown, rung);
        auto name = rung.name;
        if (size.enlarged) {
            // Per codec and range: rungs that would enlarge are dropped, but the smallest of them
            // keeps a source between two rungs.
            std::optional<Size> next;
            for (std::size_t j = i + 1; j < ladder.size() && !next; ++j) {
                const auto other = encodable(p, ladder[j]);
                if (ladder[j].codec.value_or(p.preset.video.codec) == asked &&
                    other.range == rung.range)
                    next = fit(shown, other);
            }
            if (next && (next->enlarged || next->scale > kNearlyWhole)) {
                p.note("rung_dropped",
                       rung.name,
                       fmt::format("the source is only {}", size_text(shown)));
                continue;
            }
            name = fitted_name(name, size);
            if (name != rung.name) {
                p.note("rung_fitted",
                       rung.name,
                       fmt::format("made at the source's own size as {} ({}x{})",
                                   name,
                                   size.width,
                                   size.height));
            }
        }
        add_rendition(p, rung, size, name);
        made.rungs.push_back(rung);
        made.copy_wanted.push_back(asked == presets::VideoCodec::kCopy &&
                                   p.preset.video.codec != presets::VideoCodec::kCopy &&
                                   size.scale >= 1.0);
    }
    return made;
}

void settle_copied_rungs(Planning& p,
                         Ladder& ladder,
                         const std::vector<std::int64_t>& frame_borders) {
    auto& renditions = p.plan.video.renditions;
    std::vector<pipeline::VideoRendition> copies;
    std::vector<pipeline::VideoRendition> encoded;
    std::vector<EffectiveRung> rungs;
    for (std::size_t i = 0; i < renditions.size(); ++i) {
        auto& r = renditions[i];
        if (ladder.copy_wanted[i]) {
            const auto obstacle = rung_copy_obstacle(p, frame_borders);
            if (obstacle.empty()) {
                copies.push_back(copied_onto_grid(p, r));
                continue;
            }
            p.note("copy_refused", r.name, obstacle + "; it is encoded as H.264 instead");
        }
        encoded.push_back(std::move(r));
        rungs.push_back(std::move(ladder.rungs[i]));
    }
    renditions = std::move(encoded);
    renditions.insert(renditions.end(),
                      std::make_move_iterator(copies.begin()),
                      std::make_move_iterator(copies.end()));
    ladder.rungs = std::move(rungs);
    ladder.copy_wanted.assign(ladder.rungs.size(), false);
}

}  // namespace sg::engine

#include <algorithm>

#include <fmt/format.h>

#include <engine/planner.hpp>

#include "plan_parts.hpp"

namespace sg::engine {
namespace {

using media::Rounding;
using presets::Format;

/// K: larger than any encoder's delay and any reordering, whole in every timescale.
constexpr std::int64_t kOffsetSeconds = 10;

std::int64_t longest_segment_ms(const pipeline::Plan& plan) {
    std::int64_t longest = 0;
    const auto add = [&](const std::vector<std::int64_t>& borders, std::int64_t timescale) {
        for (std::size_t i = 1; i < borders.size(); ++i) {
            longest = std::max(
                longest,
                media::mul_div(borders[i] - borders[i - 1], 1000, timescale, Rounding::kUp));
        }
    };
    for (const auto& r : plan.video.renditions) add(r.borders, r.timescale);
    for (const auto& r : plan.audio) add(r.borders, r.sample_rate);
    return longest;
}

Status plan_packaging(Planning& p) {
    const auto& wanted = p.preset.packaging;
    auto& packaging = p.plan.packaging;
    packaging.hls_cmaf = wanted.has(Format::kHlsCmaf);
    packaging.hls_ts = wanted.has(Format::kHlsTs);
    packaging.dash = wanted.has(Format::kDash);
    packaging.single_file = wanted.has(Format::kSingleFile);
    packaging.iframe_playlists = wanted.iframe_playlists;
    packaging.offset_seconds = kOffsetSeconds;
    packaging.target_ms = longest_segment_ms(p.plan);
    if (packaging.hls_ts) {
        const auto refuse = [&](const std::string& rendition, media::CodecId codec) {
            return Error{
                Errc::kUnsupported,
                fmt::format("plan {}: rendition {} is {}, which players do not take in MPEG-TS; "
                            "leave hls-ts out of packaging.formats or choose another codec",
                            p.facts.name,
                            rendition,
                            media::codec_name(codec))};
        };
        for (const auto& r : p.plan.video.renditions) {
            if (r.codec != media::CodecId::kH264) return refuse(r.name, r.codec);
        }
        for (const auto& r : p.plan.audio) {
            if (r.codec == media::CodecId::kOpus || r.codec == media::CodecId::kFlac)
                return refuse(r.name, r.codec);
        }
    }
    return {};
}

/// One picture, where every picture takes as long. The first segment starts with its picture, so it
/// must be longer than the lead; half of one that is no longer still lets players join it to the
/// next.
std::int64_t decode_lead(const Planning& p, const pipeline::VideoRendition& r) {
    if (r.borders.size() <= 2) return 0;
    const auto* copied = r.mode == pipeline::RenditionMode::kCopy
                             ? p.index.video_stream(static_cast<int>(r.source_stream))
                             : nullptr;
    if (copied != nullptr && !copied->reorders) return 0;
    return std::min(r.frame_duration, (r.borders[1] - r.borders[0]) / 2);
}

void note_repairs(Planning& p) {
    for (const auto& repair : p.index.repairs) p.note("source_repair", kSource, repair.text);
    if (p.index.truncated)
        p.note("truncated",
               kSource,
               "the source ends before its announced end; what is there is used");
}

bool wants_only_copies(const presets::Preset& preset) {
    const auto& video = preset.video;
    return std::all_of(video.ladder.begin(), video.ladder.end(), [&](const presets::Rung& r) {
        return r.codec.value_or(video.codec) == presets::VideoCodec::kCopy;
    });
}

/// The share that the preset puts up with, of the track with the most frames; at least one where
/// any are.
std::int64_t errors_allowed(const Planning& p) {
    std::int64_t most = p.video_index != nullptr ? p.video_index->frames : 0;
    for (const auto* s : p.audio) most = std::max(most, p.index.audio_stream(s->index)->packets);
    return media::mul_div(
        most, p.preset.limits.max_decode_errors_percent_x100, 10'000, Rounding::kUp);
}

}  // namespace

void set_origin(Planning& p, std::int64_t origin_ns) {
    p.origin_ns = origin_ns;
    auto epochs = p.index.timeline.epochs();
    for (auto& e : epochs) e.shift_ns -= origin_ns;
    p.plan.source.timeline = pipeline::TimelineMap(std::move(epochs));
}

Status check_duration(const Planning& p, std::int64_t duration_ns) {
    const auto most = p.preset.limits.max_duration_ms;
    if (duration_ns / 1'000'000 <= most) return {};
    return Error{Errc::kLimit,
                 fmt::format("plan {}: it lasts {} s, over the limit of {} s (limits.max_duration)",
                             p.facts.name,
                             duration_ns / 1'000'000'000,
                             most / 1000)};
}

Result<pipeline::Plan> make_plan(const ingest::SourceFacts& facts,
                                 const Index& index,
                                 const pipeline::SourceIdentity& identity,
                                 const presets::Preset& preset) {
    Planning p{facts, index, preset};
    p.plan.source.identity = identity;
    p.plan.source.demuxer = index.demuxer;
    p.plan.source.seek = index.seek;
    p.plan.preset = fmt::format("{}@{}", preset.name, preset.version);
    p.plan.preset_digest = presets::digest(preset);
    p.plan.preset_json = presets::canonical_json(preset);

    SG_TRY(choose_streams(p));
    if (p.video != nullptr) {
        bool copied = false;
        if (wants_only_copies(preset)) {
            SG_TRY_ASSIGN(copied, plan_copied_video(p));
        }
        if (!copied) SG_TRY(plan_encoded_video(p));
    } else {
        SG_TRY(plan_audio_only_borders(p));
    }
    for (auto& r : p.plan.video.renditions) r.decode_lead = decode_lead(p, r);
    SG_TRY(plan_audio(p));
    if (p.plan.video.renditions.empty() && p.plan.audio.empty()) {
        return Error{
            Errc::kUnsupported,
            fmt::format("plan {}: no rendition of preset {} fits it", facts.name, preset.name)};
    }
    SG_TRY(plan_packaging(p));
    note_repairs(p);

    auto& plan = p.plan;
    plan.segment_count = static_cast<std::int64_t>(p.borders.size()) - 1;
    plan.duration_ns =
        media::mul_div(p.borders.back(), 1'000'000'000, p.border_timescale, Rounding::kNearest);
    plan.decode_errors_allowed = errors_allowed(p);
    return std::move(p.plan);
}

}  // namespace sg::engine

#include <engine/planner.hpp>

#include "plan_parts.hpp"

#include <algorithm>

#include <fmt/format.h>

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
            longest = std::max(longest, media::mul_div(borders[i] - borders[i - 1], 1000, timescale, Rounding::kUp));
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
            return Error{Errc::kUnsupported,
                         fmt::format("plan {}: rendition {} is {}, which players do not take in MPEG-TS; leave hls-ts out of packaging.formats or choose another codec",
                                     p.facts.name, rendition, media::codec_name(codec))};
        };
        for (const auto& r : p.plan.video.renditions) {
            if (r.codec != media::CodecId::kH264 && r.codec != media::CodecId::kHevc) return refuse(r.name, r.codec);
        }
        for (const auto& r : p.plan.audio) {
            if (r.codec == media::CodecId::kOpus || r.codec == media::CodecId::kFlac) return refuse(r.name, r.codec);
        }
    }
    return {};
}

void note_repairs(Planning& p) {
    for (const auto& repair : p.index.repairs) {
        p.note("source_repair", p.facts.name, fmt::format("{} (x{})", repair.text, repair.count));
    }
    if (p.index.truncated) p.note("truncated", p.facts.name, "the source ends before its announced end; what is there is used");
}

}  // namespace

Result<pipeline::Plan> make_plan(const ingest::SourceFacts& facts,
                                 const Index& index,
                                 const pipeline::SourceIdentity& identity,
                                 const presets::Preset& preset) {
    Planning p{facts, index, preset, {}, nullptr, nullptr, {}, {}, 0, {}, 1};
    p.plan.source.identity = identity;
    p.plan.source.demuxer = index.demuxer;
    p.plan.source.seek = index.seek;
    p.plan.preset = fmt::format("{}@{}", preset.name, preset.version);
    p.plan.preset_digest = presets::digest(preset);
    p.plan.preset_json = presets::canonical_json(preset);

    SG_TRY(choose_streams(p));
    if (p.video != nullptr) {
        bool copied = false;
        if (preset.video.codec == presets::VideoCodec::kCopy) {
            SG_TRY_ASSIGN(copied, plan_copied_video(p));
        }
        if (!copied) SG_TRY(plan_encoded_video(p));
    } else {
        plan_audio_only_borders(p);
    }
    SG_TRY(plan_audio(p));
    SG_TRY(plan_packaging(p));
    note_repairs(p);

    auto& plan = p.plan;
    plan.segment_count = static_cast<std::int64_t>(p.borders.size()) - 1;
    plan.duration_ns = media::mul_div(p.borders.back(), 1'000'000'000, p.border_timescale, Rounding::kNearest);
    if (plan.duration_ns / 1'000'000 > preset.limits.max_duration_ms) {
        return Error{Errc::kLimit,
                     fmt::format("plan {}: it lasts {} s, over the limit of {} s (limits.max_duration)",
                                 facts.name, plan.duration_ns / 1'000'000'000, preset.limits.max_duration_ms / 1000)};
    }
    std::int64_t units = p.video_index != nullptr ? p.video_index->frames : 0;
    for (const auto* s : p.audio) units += index.audio_stream(s->index)->packets;
    plan.decode_errors_allowed = media::mul_div(units, preset.limits.max_decode_errors_percent_x100, 10'000, Rounding::kDown);
    return std::move(p.plan);
}

Estimate estimate(const pipeline::Plan& plan, int jobs) {
    // Nanoseconds of one processor for a pixel, from runs of the benchmark; a guess for display, never part of a plan.
    const auto cost = [](media::CodecId codec) {
        switch (codec) {
            case media::CodecId::kHevc: return 60.0;
            case media::CodecId::kAv1: return 45.0;
            case media::CodecId::kVp9: return 50.0;
            default: return 12.0;
        }
    };
    Estimate e;
    const double seconds = static_cast<double>(plan.duration_ns) / 1e9;
    for (const auto& r : plan.video.renditions) {
        if (r.mode == pipeline::RenditionMode::kCopy) continue;
        const double frames = seconds * r.frame_rate.as_double();
        e.cpu_seconds += frames * static_cast<double>(r.width * r.height) * cost(r.codec) * 1e-9;
        // Capped CRF stays well under its cap on most material.
        e.bytes += static_cast<std::int64_t>(seconds * static_cast<double>(r.encoder.max_bitrate) * 0.6 / 8);
    }
    if (plan.video.source_stream >= 0) {
        const double frames = seconds * plan.video.grid.rate.as_double();
        e.cpu_seconds += frames * static_cast<double>(plan.video.source_width * plan.video.source_height) * 3.5e-9;
    }
    for (const auto& r : plan.audio) {
        if (r.mode == pipeline::RenditionMode::kCopy) continue;
        e.cpu_seconds += seconds * 0.012 * static_cast<double>(std::max<std::int64_t>(r.channels, 1)) / 2;
        e.bytes += static_cast<std::int64_t>(seconds * static_cast<double>(r.encoder.max_bitrate) / 8);
    }
    e.wall_seconds = e.cpu_seconds / std::max(1, jobs);
    return e;
}

std::string describe(const pipeline::Plan& plan) {
    std::string out = fmt::format("plan      {}\npreset    {}\nduration  {:.3f} s in {} segments of at most {} ms\n",
                                  plan.digest().substr(0, 16), plan.preset, static_cast<double>(plan.duration_ns) / 1e9, plan.segment_count, plan.packaging.target_ms);
    std::string formats;
    const auto add = [&](bool on, const char* name) {
        if (on) formats += (formats.empty() ? "" : ", ") + std::string(name);
    };
    add(plan.packaging.hls_cmaf, "HLS (CMAF)");
    add(plan.packaging.hls_ts, "HLS (TS)");
    add(plan.packaging.dash, "DASH");
    add(plan.packaging.single_file, "single files");
    out += "packaging " + formats + "\n\nrenditions\n";
    for (const auto& r : plan.video.renditions) {
        if (r.mode == pipeline::RenditionMode::kCopy) {
            out += fmt::format("  {:<14} {:<5} {}x{} copied from stream {}\n", r.name, media::codec_name(r.codec), r.width, r.height, r.source_stream);
            continue;
        }
        out += fmt::format("  {:<14} {:<5} {}x{} at {:.3f} fps, GOP {} frames, at most {} kbit/s, {}, from {}\n",
                           r.name, media::codec_name(r.codec), r.width, r.height, r.frame_rate.as_double(), r.encoder.gop_frames, r.encoder.max_bitrate / 1000, r.encoder.name,
                           r.scale_from >= 0 ? plan.video.renditions[static_cast<std::size_t>(r.scale_from)].name : plan.video.branches[static_cast<std::size_t>(r.branch)].name);
    }
    for (const auto& r : plan.audio) {
        out += fmt::format("  {:<14} {:<5} {} Hz, {} channel(s), {} ({}){}{}\n",
                           r.name, media::codec_name(r.codec), r.sample_rate, r.channels, r.label, r.language,
                           r.mode == pipeline::RenditionMode::kCopy ? fmt::format(", copied from stream {}", r.source_stream) : fmt::format(", {} kbit/s", r.encoder.max_bitrate / 1000),
                           r.is_default ? ", default" : "");
    }
    if (!plan.video.chunks.empty()) {
        out += "\nchunks\n";
        for (std::size_t i = 0; i < plan.video.chunks.size(); ++i) {
            const auto& c = plan.video.chunks[i];
            out += fmt::format("  {:>4}  segments {}-{}, frames {}-{}\n", i, c.first_segment + 1, c.first_segment + c.segments, c.first_frame, c.first_frame + c.frames - 1);
        }
    }
    if (!plan.notes.empty()) {
        out += "\nwhy\n";
        for (const auto& n : plan.notes) out += fmt::format("  {:<20} {}: {}\n", n.code, n.subject, n.reason);
    }
    return out;
}

}  // namespace sg::engine

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <engine/planner.hpp>

namespace sg::engine {
namespace {

using pipeline::Plan;
using pipeline::RenditionMode;

std::string seconds(std::int64_t ns) {
    return fmt::format("{:.3f} s", static_cast<double>(ns) / 1e9);
}

std::string formats(const pipeline::PackagingPlan& packaging) {
    std::string text;
    const auto add = [&](bool on, std::string_view name) {
        if (!on) return;
        if (!text.empty()) text += ", ";
        text += name;
    };
    add(packaging.hls_cmaf, "HLS (CMAF)");
    add(packaging.hls_ts, "HLS (TS)");
    add(packaging.dash, "DASH");
    add(packaging.single_file, "single files");
    return text;
}

std::string range(const media::Colour& colour) {
    return colour.pq() ? " HDR (PQ)" : (colour.hlg() ? " HDR (HLG)" : "");
}

std::string video_line(const Plan& plan,
                       const pipeline::VideoRendition& r,
                       std::size_t name_width) {
    const auto start = fmt::format("  {:<{}}  {:<5} {}x{}{}",
                                   r.name,
                                   name_width,
                                   media::codec_name(r.codec),
                                   r.width,
                                   r.height,
                                   range(r.colour));
    if (r.mode == RenditionMode::kCopy)
        return start + fmt::format(", copied from stream {}\n", r.source_stream);
    const auto& from = r.scale_from >= 0
                           ? plan.video.renditions[static_cast<std::size_t>(r.scale_from)].name
                           : plan.video.branches[static_cast<std::size_t>(r.branch)].name;
    const auto cap = r.encoder.max_bitrate > 0
                         ? fmt::format("at most {} kbit/s", r.encoder.max_bitrate / 1000)
                         : std::string("no cap");
    return start + fmt::format(", {:.3f} fps, GOP of {} frames, {}, by {}, scaled from {}\n",
                               r.frame_rate.as_double(),
                               r.encoder.gop_frames,
                               cap,
                               r.encoder.name,
                               from);
}

std::string audio_line(const pipeline::AudioRendition& r, std::size_t name_width) {
    auto text = fmt::format("  {:<{}}  {:<5} {} Hz, {} channel{}, {} ({})",
                            r.name,
                            name_width,
                            media::codec_name(r.codec),
                            r.sample_rate,
                            r.channels,
                            r.channels == 1 ? "" : "s",
                            r.label,
                            r.language);
    if (r.mode == RenditionMode::kCopy) {
        text += fmt::format(", copied from stream {}", r.source_stream);
    } else {
        const auto rate = std::find_if(r.encoder.options.begin(),
                                       r.encoder.options.end(),
                                       [](const auto& o) { return o.first == "b"; });
        if (rate != r.encoder.options.end()) text += fmt::format(", {} bit/s", rate->second);
    }
    return text + (r.is_default ? ", default\n" : "\n");
}

}  // namespace

std::string describe(const Plan& plan) {
    std::string out = fmt::format(
        "plan       {}\npreset     {}\nduration   {} in {} segment{} of at most {} ms\npackaging  "
        "{}\n",
        plan.digest().substr(0, 16),
        plan.preset,
        seconds(plan.duration_ns),
        plan.segment_count,
        plan.segment_count == 1 ? "" : "s",
        plan.packaging.target_ms,
        formats(plan.packaging));
    std::size_t name_width = 0;
    for (const auto& r : plan.video.renditions) name_width = std::max(name_width, r.name.size());
    for (const auto& r : plan.audio) name_width = std::max(name_width, r.name.size());
    out += "\nrenditions\n";
    for (const auto& r : plan.video.renditions) out += video_line(plan, r, name_width);
    for (const auto& r : plan.audio) out += audio_line(r, name_width);
    if (!plan.video.source_filters.empty()) {
        out += "\nfilters\n";
        for (const auto& f : plan.video.source_filters)
            out += fmt::format("  {} {}\n", f.name, f.args);
    }
    if (!plan.video.chunks.empty()) {
        out += "\nchunks\n";
        for (std::size_t i = 0; i < plan.video.chunks.size(); ++i) {
            const auto& c = plan.video.chunks[i];
            out += fmt::format("  {:>4}  segments {} to {}, frames {} to {}, {} to {}\n",
                               i + 1,
                               c.first_segment + 1,
                               c.first_segment + c.segments,
                               c.first_frame,
                               c.first_frame + c.frames - 1,
                               seconds(plan.video.grid.time_ns(c.first_frame)),
                               seconds(plan.video.grid.time_ns(c.first_frame + c.frames)));
        }
    }
    if (!plan.notes.empty()) {
        std::size_t code_width = 0;
        for (const auto& n : plan.notes) code_width = std::max(code_width, n.code.size());
        out += "\nwhy\n";
        for (const auto& n : plan.notes)
            out += fmt::format("  {:<{}}  {}: {}\n", n.code, code_width, n.subject, n.reason);
    }
    return out;
}

}  // namespace sg::engine

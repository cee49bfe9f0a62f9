#include <fmt/format.h>

#include <engine/index.hpp>

namespace sg::engine {
namespace {

using media::kNoTime;

constexpr std::size_t kShown = 10;

std::string seconds(std::int64_t ns) {
    return ns == kNoTime ? std::string("unknown")
                         : fmt::format("{:.3f} s", static_cast<double>(ns) / 1e9);
}
double ms(std::int64_t ns) {
    return static_cast<double>(ns) / 1e6;
}

}  // namespace

std::string describe(const Index& index) {
    std::string out;
    const auto row = [&](std::string_view key, const std::string& value) {
        out += fmt::format("{:<10} {}\n", key, value);
    };
    const auto list_gaps = [&](const std::vector<Gap>& gaps, std::int64_t count) {
        for (std::size_t i = 0; i < gaps.size() && i < kShown; ++i)
            row("  gap",
                fmt::format("at {} of {}", seconds(gaps[i].at_ns), seconds(gaps[i].length_ns)));
        if (count > static_cast<std::int64_t>(kShown))
            row("  gap", fmt::format("... {} in all", count));
    };
    for (const auto& v : index.video) {
        row(fmt::format("{} video", v.stream),
            fmt::format("{} pictures from {} to {}, {} key frames{}",
                        v.frames,
                        seconds(v.first_ns),
                        seconds(v.end_ns),
                        v.key_frames.size(),
                        v.key_frames_thinned ? " listed, all pictures are" : ""));
        if (v.frame_rate.positive())
            row("  rate",
                v.constant_rate
                    ? fmt::format("constant, {} ({:.3f} a second)",
                                  media::to_string(v.frame_rate),
                                  v.frame_rate.as_double())
                    : fmt::format("variable, {:.3f} a second on average; {:.1f} to {:.1f} ms "
                                  "between pictures{}",
                                  v.frame_rate.as_double(),
                                  ms(v.min_delta_ns),
                                  ms(v.max_delta_ns),
                                  v.grid_rate.positive()
                                      ? ", all on a grid of " + media::to_string(v.grid_rate)
                                      : ""));
        for (const auto& d : v.deltas)
            row("  spacing", fmt::format("{:.1f} ms: {} times", ms(d.delta_ns), d.count));
        if (v.has_leading_pictures) row("  GOPs", "open");
        list_gaps(v.gaps, v.gap_count);
    }
    for (const auto& a : index.audio) {
        row(fmt::format("{} audio", a.stream),
            fmt::format("{} packets, {} samples from {} to {}, drift {:.1f} ms",
                        a.packets,
                        a.samples,
                        seconds(a.first_ns),
                        seconds(a.end_ns),
                        ms(a.drift_ns)));
        list_gaps(a.gaps, a.gap_count);
    }
    for (std::size_t i = 0; i < index.jumps.size() && i < kShown; ++i) {
        const auto& j = index.jumps[i];
        row("jump",
            fmt::format("{} at {}: the clock went from {} to {}",
                        j.kind,
                        seconds(j.at_ns),
                        seconds(j.from_ns),
                        seconds(j.to_ns)));
    }
    row("seeking", std::string("by ") + pipeline::seek_method_name(index.seek));
    for (const auto& r : index.repairs) row("repaired", r.text);
    return out;
}

}  // namespace sg::engine

#include "summary.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "quantities.hpp"
#include "table.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

using Align = Table::Align;

std::string picture_text(const engine::RenditionSummary& r) {
    if (r.width > 0) return fmt::format("{}x{}", r.width, r.height);
    auto text = r.channels > 0 ? fmt::format("{} ch", r.channels) : std::string();
    if (!r.language.empty() && r.language != "und") text += (text.empty() ? "" : " ") + r.language;
    return text;
}

std::string rendition_table(const engine::InputSummary& input) {
    Table table({{"RENDITION", Align::kLeft},
                 {"CODECS", Align::kLeft},
                 {"SIZE", Align::kLeft},
                 {"FPS", Align::kRight},
                 {"SEGMENTS", Align::kRight},
                 {"BYTES", Align::kRight},
                 {"AVERAGE", Align::kRight},
                 {"PEAK", Align::kRight},
                 {"PSNR", Align::kRight},
                 {"SSIM", Align::kRight},
                 {"", Align::kLeft}});
    for (const auto& r : input.renditions) {
        table.add_row({printable(r.name),
                       r.codecs,
                       printable(picture_text(r)),
                       r.frame_rate > 0 ? rate_text(r.frame_rate) : "",
                       fmt::format("{}", r.segments),
                       bytes_text(r.bytes),
                       bitrate_text(r.average_bps),
                       bitrate_text(r.peak_bps),
                       r.psnr > 0 ? fmt::format("{:.2f} dB", r.psnr) : "",
                       r.ssim > 0 ? fmt::format("{:.4f}", r.ssim) : "",
                       r.copied ? "copied" : ""});
    }
    return table.text(2);
}

std::string cost_line(const engine::InputSummary& input) {
    auto line = fmt::format(
        "  {} of media in {}", clock_text(input.duration_s), seconds_text(input.wall_s));
    if (input.speed > 0) line += fmt::format(" ({:.2f}x real time)", input.speed);
    if (input.cpu_s > 0) line += fmt::format(", CPU {}", seconds_text(input.cpu_s));
    if (input.peak_rss_bytes > 0) {
        line += fmt::format(", largest task {}", bytes_text(input.peak_rss_bytes));
    }
    return line + "\n";
}

std::string good_text(const engine::InputSummary& input) {
    auto text = fmt::format("{}\n", printable(input.uri));
    if (!input.renditions.empty()) text += rendition_table(input);
    text += cost_line(input);
    for (const auto& repair : input.repairs)
        text += fmt::format("  repaired: {}\n", printable(repair.text));
    for (const auto& note : input.notes) text += fmt::format("  note: {}\n", printable(note));
    for (const auto& manifest : input.manifests) {
        text += fmt::format("  {}\n", printable(manifest.string()));
    }
    return text;
}

std::string bad_text(const engine::InputSummary& input) {
    auto text = printable(input.uri);
    if (input.error.code == Errc::kCancelled) {
        text += ": interrupted\n";
    } else {
        text += ": failed";
        if (!input.stage.empty()) text += fmt::format(" ({})", input.stage);
        text += fmt::format(": {}\n", printable(input.error.message));
    }
    if (input.resumable)
        text += "  what is finished is kept: run the same command with --resume to go on\n";
    return text;
}

std::string quoted(const std::string& path) {
    const bool plain = path.find_first_of(" '\"\\$&;()*?<>|`!#~[]{}") == std::string::npos;
    if (plain) return printable(path);
    std::string text = "'";
    for (const char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return printable(text + "'");
}

std::string watch_text(const engine::RunSummary& summary) {
    for (const auto& input : summary.inputs) {
        if (!input.ok || input.manifests.empty()) continue;
        return fmt::format(
            "Watch: ffplay {}\n       or serve the folder to a browser's player: python3 -m "
            "http.server "
            "--directory {}\n",
            quoted(input.manifests.front().string()),
            quoted(input.folder.string()));
    }
    return {};
}

}  // namespace

std::string summary_text(const engine::RunSummary& summary) {
    std::string text;
    for (const auto& input : summary.inputs) {
        text += input.ok ? good_text(input) : bad_text(input);
        text += "\n";
    }
    text += watch_text(summary);
    if (summary.inputs.size() > 1) {
        const auto good = std::ranges::count_if(summary.inputs, &engine::InputSummary::ok);
        text += fmt::format("{} of {} inputs made in {}\n",
                            good,
                            summary.inputs.size(),
                            seconds_text(summary.wall_s));
    }
    if (summary.cancelled) text += "Interrupted.\n";
    return text;
}

ExitCode exit_code_of(const engine::RunSummary& summary) {
    if (summary.cancelled) return ExitCode::kInterrupted;
    const auto& inputs = summary.inputs;
    if (std::ranges::all_of(inputs, &engine::InputSummary::ok)) return ExitCode::kSuccess;
    const auto any_read = std::ranges::any_of(
        inputs, [](const engine::InputSummary& i) { return i.read || i.output_refused; });
    return any_read ? ExitCode::kSomeFailed : ExitCode::kNothingRead;
}

}  // namespace sg::apps

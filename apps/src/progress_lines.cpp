#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "progress_model.hpp"
#include "quantities.hpp"
#include "text_width.hpp"

namespace sg::apps {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kCyan = "\x1b[36m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string painted(std::string_view text, std::string_view colour, const LineStyle& style) {
    if (!style.colour) return std::string(text);
    return fmt::format("{}{}{}", colour, text, kPlain);
}

std::string bar(double percent, std::size_t cells, bool utf8) {
    const char* full = utf8 ? "█" : "#";
    const char* empty = utf8 ? "░" : "-";
    const auto filled =
        static_cast<std::size_t>(std::lround(percent / 100.0 * static_cast<double>(cells)));
    std::string text;
    for (std::size_t i = 0; i < cells; ++i) text += i < filled ? full : empty;
    return text;
}

// What comes after the name, the most telling first, until the line is full.
std::string input_line(const InputProgress& input,
                       std::size_t name_columns,
                       const LineStyle& style) {
    constexpr std::size_t kStageColumns = 8;
    constexpr std::size_t kLeastBar = 6;
    constexpr std::size_t kMostBar = 24;
    const auto columns = style.columns - 1;  // the last column would wrap on some terminals

    const auto stage = fitted(input.stage, kStageColumns);
    const auto percent = fmt::format("{:3.0f} %", std::floor(input.percent));
    std::vector<std::string> figures;
    figures.push_back(fmt::format("{:>5.2f}x", input.speed));
    figures.push_back(
        fmt::format("ETA {:>7}", input.eta_s < 0 ? "--:--" : clock_text(input.eta_s)));
    // A server does not tell these.
    if (input.fps > 0 || input.bytes > 0) {
        figures.push_back(fmt::format("{:>4.0f} fps", input.fps));
        figures.push_back(fmt::format("{:>8}", bytes_text(input.bytes)));
    }

    std::size_t used = name_columns + 1 + stage.size() + 1 + percent.size();
    std::string tail;
    for (const auto& figure : figures) {
        if (used + 2 + figure.size() > columns) break;
        used += 2 + figure.size();
        tail += "  " + figure;
    }
    std::string middle;
    if (used + 1 + kLeastBar <= columns) {
        const auto cells = std::min(kMostBar, columns - used - 1);
        middle = painted(bar(input.percent, cells, style.utf8), kCyan, style) + " ";
    }
    const auto name = fitted(input.name, name_columns);
    if (used > columns) {
        // A terminal too narrow for anything else.
        return clipped(fmt::format("{} {}", percent, input.name), columns);
    }
    return fmt::format("{} {} {}{}{}", painted(name, kBold, style), stage, middle, percent, tail);
}

}  // namespace

std::vector<std::string> progress_lines(const ProgressModel& model,
                                        const LineStyle& style,
                                        std::size_t max_lines) {
    constexpr std::size_t kMostNameColumns = 28;
    constexpr std::size_t kLeastNameColumns = 6;
    std::vector<std::string> lines;
    if (style.columns < 2 || max_lines == 0) return lines;
    const auto active = model.active();
    const bool total = model.input_count() > 1;
    const auto room = max_lines - (total && max_lines > 1 ? 1 : 0);

    std::size_t name_columns = kLeastNameColumns;
    for (const auto& input : active) name_columns = std::max(name_columns, text_width(input.name));
    name_columns =
        std::min({name_columns, kMostNameColumns, std::max(kLeastNameColumns, style.columns / 3)});

    for (const auto& input : active) {
        if (lines.size() == room) break;
        lines.push_back(input_line(input, name_columns, style));
    }
    if (total && lines.size() < max_lines) {
        auto text =
            fmt::format("{} of {} done", model.done() + model.failed(), model.input_count());
        if (model.failed() > 0) text += fmt::format(", {} failed", model.failed());
        if (active.size() > room) text += fmt::format(", {} more at work", active.size() - room);
        lines.push_back(clipped(text, style.columns - 1));
    }
    return lines;
}

std::string notice_line(const Notice& notice, const LineStyle& style) {
    switch (notice.kind) {
        case Notice::Kind::kDone:
            return painted("done ", kGreen, style) + notice.text;
        case Notice::Kind::kFailed:
            return painted("failed ", kRed, style) + notice.text;
        case Notice::Kind::kWarning:
            return painted("warning ", kYellow, style) + notice.text;
    }
    return notice.text;
}

}  // namespace sg::apps

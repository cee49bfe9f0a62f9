#include <cmath>

#include <fmt/format.h>

#include <ingest/facts.hpp>

namespace sg::ingest {
namespace {

using media::kNoTime;

std::string clock_text(std::int64_t ns) {
    if (ns == kNoTime) return "unknown";
    const bool negative = ns < 0;
    const auto ms = (std::abs(ns) + 500'000) / 1'000'000;
    return fmt::format("{}{}:{:02}:{:02}.{:03}",
                       negative ? "-" : "",
                       ms / 3'600'000,
                       ms / 60'000 % 60,
                       ms / 1000 % 60,
                       ms % 1000);
}

std::string size_text(std::int64_t bytes) {
    if (bytes < 10'000) return fmt::format("{} bytes", bytes);
    if (bytes < 10'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
    if (bytes < 10'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
    return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

std::string rate_text(std::int64_t bits) {
    if (bits <= 0) return "";
    return bits < 1'000'000 ? fmt::format("{} kbit/s", (bits + 500) / 1000)
                            : fmt::format("{:.2f} Mbit/s", static_cast<double>(bits) / 1e6);
}

/// Text from a file goes to a terminal: no control characters.
std::string printable(const std::string& text) {
    std::string out;
    for (const char c : text.substr(0, 200)) {
        const auto u = static_cast<unsigned char>(c);
        out += u < 32 || u == 127 ? ' ' : c;
    }
    return out;
}

void append(std::string& line, const std::string& part) {
    if (part.empty()) return;
    if (!line.empty()) line += ", ";
    line += part;
}

std::string colour_text(const media::Colour& c) {
    const auto name = [](int value, std::initializer_list<std::pair<int, const char*>> names) {
        for (const auto& [code, text] : names)
            if (code == value) return std::string(text);
        return value == 2 ? std::string("?") : std::to_string(value);
    };
    if (c.primaries == 2 && c.transfer == 2 && c.matrix == 2) return "";
    return name(c.primaries,
                {{1, "bt709"}, {5, "bt470bg"}, {6, "smpte170m"}, {9, "bt2020"}, {12, "p3-d65"}}) +
           "/" +
           name(c.transfer,
                {{1, "bt709"},
                 {4, "gamma22"},
                 {6, "smpte170m"},
                 {13, "srgb"},
                 {14, "bt2020-10"},
                 {16, "pq"},
                 {18, "hlg"}}) +
           "/" +
           name(c.matrix,
                {{0, "rgb"}, {1, "bt709"}, {5, "bt470bg"}, {6, "smpte170m"}, {9, "bt2020nc"}});
}

std::string video_text(const StreamFacts& s) {
    const auto& v = s.video;
    std::string line = fmt::format("{}x{}", v.width, v.height);
    if (v.sar.num != v.sar.den) append(line, fmt::format("pixels {}:{}", v.sar.num, v.sar.den));
    if (v.true_rate.positive())
        append(line,
               fmt::format("{}{:.3f} fps ({})",
                           v.variable_rate ? "about " : "",
                           v.true_rate.as_double(),
                           media::to_string(v.true_rate)));
    if (v.variable_rate) append(line, "varying");
    append(line, v.pixel_format);
    append(line, colour_text(v.colour));
    if (v.colour_range_known && v.colour.full_range) append(line, "full range");
    if (v.colour.pq()) append(line, "HDR PQ");
    if (v.colour.hlg()) append(line, "HDR HLG");
    if (v.has_mastering_display)
        append(line,
               fmt::format("mastered at {} cd/m2", v.mastering_display.max_luminance / 10'000));
    if (v.has_content_light)
        append(line,
               fmt::format(
                   "MaxCLL {}, MaxFALL {}", v.content_light.max_cll, v.content_light.max_fall));
    if (v.has_dolby_vision)
        append(line, fmt::format("Dolby Vision profile {}", v.dolby_vision.profile));
    if (v.interlaced) append(line, "interlaced " + v.field_order);
    if (v.rotation != 0) append(line, fmt::format("shown turned {} degrees clockwise", v.rotation));
    if (v.flip) append(line, "mirrored");
    if (v.has_b_frames) append(line, "B-frames");
    if (v.keyframe_spacing_ns > 0)
        append(line,
               fmt::format("key frames up to {:.2f} s apart",
                           static_cast<double>(v.keyframe_spacing_ns) / 1e9));
    if (v.closed_captions) append(line, "closed captions");
    return line;
}

std::string audio_text(const StreamFacts& s) {
    const auto& a = s.audio;
    std::string line = fmt::format("{} Hz", a.sample_rate);
    append(line, a.layout.empty() ? fmt::format("{} channels", a.channels) : a.layout);
    if (a.bits > 0) append(line, fmt::format("{} bit", a.bits));
    return line;
}

std::string roles(const Disposition& d) {
    std::string line;
    if (d.is_default) append(line, "default");
    if (d.original) append(line, "original");
    if (d.dub) append(line, "dub");
    if (d.comment) append(line, "comment");
    if (d.forced) append(line, "forced");
    if (d.hearing_impaired) append(line, "hearing impaired");
    if (d.visual_impaired) append(line, "audio description");
    if (d.attached_picture) append(line, "cover picture");
    if (d.still_image) append(line, "still picture");
    return line;
}

}  // namespace

std::string describe(const SourceFacts& facts) {
    std::string out;
    const auto row = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) out += fmt::format("{:<10} {}\n", key, value);
    };
    row("file", printable(facts.name));
    row("container", facts.container);
    row("size", size_text(facts.bytes));
    row("duration", clock_text(facts.duration_ns));
    if (facts.start_ns != kNoTime && facts.start_ns != 0) row("start", clock_text(facts.start_ns));
    row("bit rate", rate_text(facts.bit_rate));
    row("title", printable(facts.title));
    for (const auto& s : facts.streams) {
        std::string line = s.codec_detail;
        if (!s.profile.empty()) line += " " + s.profile;
        if (s.level > 0 && s.type == media::MediaType::kVideo)
            line += fmt::format(" level {}", s.level);
        if (s.type == media::MediaType::kVideo) append(line, video_text(s));
        if (s.type == media::MediaType::kAudio) append(line, audio_text(s));
        append(line, rate_text(s.bit_rate));
        if (s.language_tag != "und") append(line, s.language_tag);
        append(line, roles(s.disposition));
        const auto start = s.start_ns();
        if (start != kNoTime && start != facts.start_ns)
            append(line, "starts at " + clock_text(start));
        if (s.edits.present) append(line, "edit list");
        if (s.encrypted) append(line, "encrypted");
        if (!s.decodable && s.type != media::MediaType::kData &&
            s.type != media::MediaType::kAttachment)
            append(line, "no decoder");
        if (!s.title.empty()) line += " \"" + printable(s.title) + "\"";
        row(fmt::format("{} {}", s.index, media::media_type_name(s.type)), line);
    }
    for (const auto& c : facts.chapters)
        row("chapter",
            fmt::format(
                "{} - {} {}", clock_text(c.start_ns), clock_text(c.end_ns), printable(c.title)));
    for (const auto& w : facts.warnings) row("warning", w.text);
    return out;
}

}  // namespace sg::ingest

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include <formats/mpd.hpp>

namespace sg::formats::mpd {
namespace {

/// Media times below this leave room for sums and products with a microsecond clock.
constexpr std::int64_t kMaxTime = std::numeric_limits<std::int64_t>::max() / 4;

Error bad(std::string message) {
    return Error{Errc::kBadData, std::move(message)};
}

/// Microseconds to ticks, rounded up; exact enough for where a period ends.
std::int64_t ticks(std::int64_t micros, std::uint32_t timescale) {
    const std::int64_t whole = micros / 1'000'000;
    if (whole > kMaxTime / timescale) return kMaxTime;
    return whole * timescale + ((micros % 1'000'000) * timescale + 999'999) / 1'000'000;
}

class Expansion {
  public:
    explicit Expansion(std::size_t limit) : limit_(limit) {}

    Status add(std::int64_t number, std::int64_t time, std::int64_t duration) {
        if (list.size() == limit_)
            return Error{Errc::kLimit, fmt::format("more than {} segments", limit_)};
        if (time > kMaxTime || duration > kMaxTime) return bad("segment times overflow");
        list.push_back({number, time, duration});
        return {};
    }

    std::vector<NamedSegment> list;

  private:
    std::size_t limit_;
};

}  // namespace

Result<std::vector<NamedSegment>> expand(const SegmentTemplate& of,
                                         std::int64_t period_us,
                                         std::size_t max_segments) {
    Expansion out(max_segments);
    if (of.start_number < 0 || of.start_number > kMaxTime ||
        of.presentation_time_offset > kMaxTime || of.presentation_time_offset < -kMaxTime)
        return bad("@startNumber or @presentationTimeOffset is out of range");
    const std::int64_t length = ticks(period_us, of.timescale);
    const std::int64_t end = of.presentation_time_offset + length;
    std::int64_t number = of.start_number;
    if (of.timeline.empty()) {
        if (of.duration <= 0) return bad("template has neither a SegmentTimeline nor @duration");
        std::int64_t time = of.presentation_time_offset;
        // A remainder under a millisecond is the rounding of the period's length, not a segment.
        while (time + std::int64_t{of.timescale} / 1000 < end) {
            SG_TRY(out.add(number++, time, of.duration));
            time += of.duration;
        }
        return std::move(out.list);
    }
    std::int64_t time = 0;
    for (std::size_t i = 0; i < of.timeline.size(); ++i) {
        const TimelineEntry& entry = of.timeline[i];
        if (entry.t) time = *entry.t;
        std::int64_t until = end;
        if (i + 1 < of.timeline.size() && of.timeline[i + 1].t) until = *of.timeline[i + 1].t;
        for (std::int64_t repeat = 0; entry.r < 0 ? time < until : repeat <= entry.r; ++repeat) {
            SG_TRY(out.add(number++, time, entry.d));
            time += entry.d;
        }
    }
    return std::move(out.list);
}

Result<std::string> fill_template(std::string_view pattern,
                                  const Representation& representation,
                                  std::int64_t number,
                                  std::int64_t time) {
    std::string out;
    while (true) {
        const auto dollar = pattern.find('$');
        out += pattern.substr(0, dollar);
        if (dollar == std::string_view::npos) return out;
        pattern.remove_prefix(dollar + 1);
        const auto close = pattern.find('$');
        if (close == std::string_view::npos) return bad("template: a $ is not closed");
        std::string_view name = pattern.substr(0, close);
        pattern.remove_prefix(close + 1);
        if (name.empty()) {
            out += '$';
            continue;
        }
        int width = 1;
        if (const auto percent = name.find('%'); percent != std::string_view::npos) {
            const std::string_view format = name.substr(percent);
            const char* first = format.data() + 2;
            const char* last = format.data() + format.size() - 1;
            if (format.size() < 4 || format.substr(0, 2) != "%0" || format.back() != 'd' ||
                std::from_chars(first, last, width).ptr != last || width < 1 || width > 32)
                return bad(fmt::format("template: \"{:.40}\" is not %0<width>d", format));
            name = name.substr(0, percent);
            if (name == "RepresentationID")
                return bad("template: $RepresentationID$ takes no width");
        }
        if (name == "RepresentationID")
            out += representation.id;
        else if (name == "Number")
            out += fmt::format("{:0{}}", number, width);
        else if (name == "Time")
            out += fmt::format("{:0{}}", time, width);
        else if (name == "Bandwidth")
            out += fmt::format("{:0{}}", representation.bandwidth, width);
        else
            return bad(fmt::format("template: ${:.40}$ is not known", name));
    }
}

}  // namespace sg::formats::mpd

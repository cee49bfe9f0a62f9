#include "break_marks.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include <base/clock.hpp>

namespace sg::live {
namespace {

using formats::scte35::Splice;

constexpr std::size_t kRemembered = 64;
constexpr std::size_t kMaxOpen = 64;
constexpr double kClock = 90'000;

std::string hex(std::span<const std::byte> bytes) {
    std::string out = "0x";
    for (const auto byte : bytes)
        fmt::format_to(std::back_inserter(out), "{:02X}", std::to_integer<unsigned>(byte));
    return out;
}

double seconds(std::chrono::system_clock::duration d) {
    return std::chrono::duration<double>(d).count();
}

}  // namespace

bool BreakMarks::told(const Splice& splice) {
    const auto same = [&](const Splice& other) {
        return other.command == splice.command && other.event_id == splice.event_id &&
               other.out_of_network == splice.out_of_network && other.pts == splice.pts &&
               other.segmentation_type == splice.segmentation_type;
    };
    if (std::any_of(told_.begin(), told_.end(), same)) return true;
    told_.push_back(splice);
    if (told_.size() > kRemembered) told_.pop_front();
    return false;
}

std::optional<std::string> BreakMarks::line(std::span<const std::byte> section,
                                            packagers::WallTime date) {
    const auto splice = formats::scte35::parse_section(section);
    if (!splice || splice->cancelled) return std::nullopt;
    const bool insert = splice->command == Splice::Command::kInsert;
    if (!insert && splice->command != Splice::Command::kTimeSignal) return std::nullopt;
    if (told(*splice)) return std::nullopt;

    // Event numbers are used again after a while; with its time it is unique, also over restarts.
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(date.time_since_epoch()).count();
    std::string id = fmt::format("scte35-{}-{}", splice->event_id, ms);
    const char* attribute = "SCTE35-CMD";
    std::string length;
    if (splice->duration)
        length = fmt::format(",PLANNED-DURATION={:.3f}",
                             static_cast<double>(*splice->duration) / kClock);
    auto begun = date;
    if (insert && splice->out_of_network) {
        attribute = "SCTE35-OUT";
        if (open_.size() >= kMaxOpen) open_.erase(open_.begin());
        open_[splice->event_id] = {id, date};
    } else if (insert) {
        attribute = "SCTE35-IN";
        length.clear();
        if (auto out = open_.extract(splice->event_id); !out.empty() && out.mapped().begun < date) {
            id = out.mapped().id;
            begun = out.mapped().begun;
            length = fmt::format(",DURATION={:.3f}", seconds(date - begun));
        }
    }
    return fmt::format("#EXT-X-DATERANGE:ID=\"{}\",START-DATE=\"{}\"{},{}={}\n",
                       id,
                       rfc3339(begun),
                       length,
                       attribute,
                       hex(section));
}

}  // namespace sg::live

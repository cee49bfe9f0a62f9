#include "plan_size.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace sg::engine {
namespace {

/// Encoders and players want at least this many pixels a side.
constexpr std::int64_t kSmallestSide = 32;
/// SVT-AV1's own bound.
constexpr std::int64_t kSmallestAv1Side = 64;
constexpr double kLargestSide = 16384;

std::int64_t even(double v) {
    return static_cast<std::int64_t>(std::llround(v / 2)) * 2;
}
std::int64_t even_down(double v) {
    return static_cast<std::int64_t>(std::floor(v / 2 + 1e-9)) * 2;
}

}  // namespace

media::Rational believable_sar(const ingest::VideoFacts& v) {
    // The widest in use is 2:1 of anamorphic film, 40:11 at quarter height; damaged headers say
    // anything.
    constexpr std::int64_t kMost = 8;
    const bool believable = v.sar.positive() && media::compare(v.sar, {kMost, 1}) <= 0 &&
                            media::compare(v.sar, {1, kMost}) >= 0;
    return believable ? media::reduced(v.sar) : media::Rational{1, 1};
}

Shown shown_size(const ingest::VideoFacts& v) {
    Shown s{static_cast<double>(v.width), static_cast<double>(v.height)};
    // Stretch rather than shrink, so that no line or column is lost.
    const double sar = believable_sar(v).as_double();
    if (sar > 1) {
        s.width *= sar;
    } else {
        s.height /= sar;
    }
    if (v.rotation % 180 != 0) std::swap(s.width, s.height);
    const double largest = std::max(s.width, s.height);
    if (largest > kLargestSide) {
        s.width *= kLargestSide / largest;
        s.height *= kLargestSide / largest;
    }
    return s;
}

Size fit(const Shown& shown, const presets::EffectiveRung& rung) {
    double box_w = rung.width ? *rung.width : kLargestSide;
    double box_h = rung.height ? *rung.height : kLargestSide;
    const bool bounded = rung.width || rung.height;
    // "1080p" of a portrait film is 1080 wide.
    if (shown.height > shown.width) std::swap(box_w, box_h);
    Size size;
    size.scale = bounded ? std::min(box_w / shown.width, box_h / shown.height) : 1.0;
    size.enlarged = size.scale > 1.0 + 1e-9;
    if (size.scale >= 1.0) {
        size.scale = 1.0;
        size.width = even_down(shown.width);
        size.height = even_down(shown.height);
    } else {
        size.width = even(shown.width * size.scale);
        size.height = even(shown.height * size.scale);
    }
    const auto least = rung.codec == presets::VideoCodec::kAv1 ? kSmallestAv1Side : kSmallestSide;
    size.width = std::max(size.width, least);
    size.height = std::max(size.height, least);
    return size;
}

std::string fitted_name(const std::string& name, const Size& size) {
    const auto digits = name.find_first_not_of("0123456789");
    const bool by_lines =
        digits != 0 && digits != std::string::npos && name[digits] == 'p' &&
        (digits + 1 == name.size() || name[digits + 1] == '-' || name[digits + 1] == '_');
    if (!by_lines) return name;
    return fmt::format("{}{}", std::min(size.width, size.height), name.substr(digits));
}

}  // namespace sg::engine

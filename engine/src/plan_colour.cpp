#include "plan_colour.hpp"

namespace sg::engine {
namespace {

// ISO/IEC 23091-2 code points.
constexpr int kUnspecified = 2;
constexpr int kBt709 = 1;
constexpr int kBt601Pal = 5;
constexpr int kBt601 = 6;
constexpr int kBt2020 = 9;
constexpr int kRgbMatrix = 0;

bool known(int code) {
    return code != kUnspecified && code != 0 && code != 3;
}

/// By lines: 576 and 288 are the heights of 625-line video.
int family_of(const ingest::VideoFacts& v) {
    if (v.colour.hdr()) return kBt2020;
    if (v.width > 1024 || v.height > 576) return kBt709;
    return v.height == 576 || v.height == 288 ? kBt601Pal : kBt601;
}

}  // namespace

media::Colour source_colour(const ingest::VideoFacts& v) {
    auto c = v.colour;
    const bool rgb = v.chroma == "rgb";
    if (rgb) {
        // Turned into limited YUV on the way into the working format.
        c.matrix = kBt709;
        c.full_range = false;
    }
    int family = family_of(v);
    if (rgb) family = kBt709;
    if (known(c.matrix) && (c.matrix == kBt709 || c.matrix == kBt601Pal || c.matrix == kBt601))
        family = c.matrix;
    if (c.matrix == kBt2020 || c.matrix == 10 || c.primaries == kBt2020) family = kBt2020;
    if (!known(c.matrix) || c.matrix == kRgbMatrix) c.matrix = family;
    if (!known(c.primaries)) c.primaries = family;
    if (!known(c.transfer)) {
        // BT.470 BG and BT.601 share BT.709's curve in practice; BT.2020 has a code of its own for
        // ten bits.
        c.transfer = family == kBt2020 ? 14 : (family == kBt709 ? kBt709 : kBt601);
    }
    return c;
}

media::Colour rendition_colour(const media::Colour& source, bool keeps_wide_colours) {
    auto c = source;
    c.full_range = false;
    if (!keeps_wide_colours && !c.hdr() &&
        (c.primaries == kBt2020 || c.matrix == kBt2020 || c.matrix == 10))
        return sdr_colour();
    if (c.matrix != kBt709 && c.matrix != kBt601Pal && c.matrix != kBt601 && c.matrix != kBt2020)
        c.matrix = kBt709;
    return c;
}

media::Colour sdr_colour() {
    return {kBt709, kBt709, kBt709, false};
}

}  // namespace sg::engine

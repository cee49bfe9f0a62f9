#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include <formats/amf0.hpp>
#include <formats/flv.hpp>

namespace sg::formats {

namespace {

constexpr std::uint32_t kUnspecified = 2;

/// A property times `per`, as far as the type holds it; nothing when it is absent or no number.
template <class T>
std::optional<T> scaled(const Amf0Value* object, std::string_view name, double per) {
    const Amf0Value* value = object == nullptr ? nullptr : object->find(name);
    if (value == nullptr || value->number() == nullptr) return std::nullopt;
    const double number = *value->number() * per;
    // Also false for what is not a number.
    if (!(number >= 0)) return std::nullopt;
    return static_cast<T>(
        std::lround(std::min(number, static_cast<double>(std::numeric_limits<T>::max()))));
}

std::optional<MasteringDisplay> read_mdcv(const Amf0Value* object) {
    constexpr double kChromaticity = 50'000;
    constexpr double kLuminance = 10'000;
    const auto point = [&](std::string_view x, std::string_view y) {
        return MasteringDisplay::Point{scaled<std::uint16_t>(object, x, kChromaticity).value_or(0),
                                       scaled<std::uint16_t>(object, y, kChromaticity).value_or(0)};
    };
    const auto brightest = scaled<std::uint32_t>(object, "maxLuminance", kLuminance);
    if (!brightest || *brightest == 0) return std::nullopt;
    MasteringDisplay display;
    display.primaries = {point("greenX", "greenY"), point("blueX", "blueY"), point("redX", "redY")};
    display.white = point("whitePointX", "whitePointY");
    display.max_luminance = *brightest;
    display.min_luminance = scaled<std::uint32_t>(object, "minLuminance", kLuminance).value_or(0);
    return display;
}

FlvColorInfo read_color_info(const Amf0Value& value) {
    FlvColorInfo info;
    const Amf0Value* config = value.find("colorConfig");
    info.primaries = scaled<std::uint8_t>(config, "colorPrimaries", 1);
    info.transfer = scaled<std::uint8_t>(config, "transferCharacteristics", 1);
    info.matrix = scaled<std::uint8_t>(config, "matrixCoefficients", 1);
    info.mastering = read_mdcv(value.find("hdrMdcv"));
    const Amf0Value* light = value.find("hdrCll");
    const auto content = scaled<std::uint16_t>(light, "maxCLL", 1);
    const auto average = scaled<std::uint16_t>(light, "maxFall", 1);
    if (content || average)
        info.content_light = ContentLight{content.value_or(0), average.value_or(0)};
    return info;
}

}  // namespace

void FlvColorInfo::complete(VideoFacts& facts) const {
    const auto take = [](std::uint32_t& known, const std::optional<std::uint32_t>& told) {
        if (known == kUnspecified && told) known = *told;
    };
    take(facts.colour_primaries, primaries);
    take(facts.transfer, transfer);
    take(facts.matrix, matrix);
    if (!facts.mastering) facts.mastering = mastering;
    if (!facts.content_light) facts.content_light = content_light;
}

Result<std::optional<FlvColorInfo>> read_flv_color_info(std::span<const std::byte> data) {
    SG_TRY_ASSIGN(const auto values, read_amf0(data));
    // Pairs of names and values; a later one of the same name counts.
    std::optional<FlvColorInfo> found;
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
        if (values[i].text() != nullptr && *values[i].text() == "colorInfo")
            found = read_color_info(values[i + 1]);
    }
    return found;
}

}  // namespace sg::formats

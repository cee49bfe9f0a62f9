#include "names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sg::presets {

namespace {

constexpr std::array kVideoCodecs{"h264", "hevc", "av1", "vp9", "copy", "none"};
constexpr std::array kAudioCodecs{"aac", "opus", "ac3", "eac3", "flac", "mp3", "copy"};
constexpr std::array kRateControls{"capped-crf", "bitrate"};
constexpr std::array kRanges{"sdr", "source"};
constexpr std::array kToneMaps{"auto", "never", "always"};
constexpr std::array kDeinterlaces{"auto", "off", "always"};
constexpr std::array kFieldOutputs{"frame", "field"};
constexpr std::array kDenoises{"off", "light", "medium"};
constexpr std::array kTracks{"default", "all"};
constexpr std::array kFormats{"hls-cmaf", "hls-ts", "dash", "single-file"};
constexpr std::array kVerifyLevels{"off", "quick", "full"};

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
        }
    }
    return row[b.size()];
}

}  // namespace

#define SG_PRESET_NAMES(Enum, table)                   \
    template <>                                        \
    std::span<const char* const> names_of<Enum>() {    \
        return table;                                  \
    }                                                  \
    const char* to_string(Enum value) noexcept {       \
        return table[static_cast<std::size_t>(value)]; \
    }

SG_PRESET_NAMES(VideoCodec, kVideoCodecs)
SG_PRESET_NAMES(AudioCodec, kAudioCodecs)
SG_PRESET_NAMES(RateControl, kRateControls)
SG_PRESET_NAMES(DynamicRange, kRanges)
SG_PRESET_NAMES(ToneMap, kToneMaps)
SG_PRESET_NAMES(Deinterlace, kDeinterlaces)
SG_PRESET_NAMES(FieldOutput, kFieldOutputs)
SG_PRESET_NAMES(Denoise, kDenoises)
SG_PRESET_NAMES(AudioTracks, kTracks)
SG_PRESET_NAMES(Format, kFormats)
SG_PRESET_NAMES(VerifyLevel, kVerifyLevels)

#undef SG_PRESET_NAMES

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t kLongestWord = 64;
    if (word.empty() || word.size() > kLongestWord) return {};
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

const std::vector<std::string>& copyable_audio_codecs() {
    static const std::vector<std::string> names{
        "aac", "ac3", "eac3", "opus", "flac", "mp3", "alac", "dts"};
    return names;
}

}  // namespace sg::presets

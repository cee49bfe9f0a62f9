#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <presets/preset.hpp>

namespace sg::presets {

/// What one encoder accepts. Empty lists: the setting does not exist for it.
struct EncoderRules {
    int min_crf_x100 = 0;
    int max_crf_x100 = 5100;
    bool whole_crf = false;
    bool ten_bit = false;
    std::vector<std::string> profiles;
    std::vector<std::string> levels;
    std::vector<std::string> speeds;
    std::vector<std::string> tunes;
    /// Options that change quality only. Those that move key frames, threads, rate control or touch
    /// files stay ours.
    std::vector<std::string> options;
};

/// Only for codecs that are encoded.
[[nodiscard]] const EncoderRules& encoder_rules(VideoCodec codec);

[[nodiscard]] const std::vector<int>& sample_rates(AudioCodec codec);
[[nodiscard]] int max_channels(AudioCodec codec);

struct ChainFault {
    std::string message;
    std::vector<std::string> accepted;
};

/// Checks a libavfilter chain: allowed filters only, no graph syntax, no way to name a file.
/// `temporal` is set when a filter looks at neighbouring frames.
[[nodiscard]] std::optional<ChainFault> check_filter_chain(std::string_view chain, bool& temporal);

}  // namespace sg::presets

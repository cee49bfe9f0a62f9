#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <support/make_clip.hpp>
#include <support/temp_folder.hpp>

namespace sg::test {

/// A preset of two small rungs (160x120 and 80x60) and stereo AAC: GOPs and segments of 1 s, chunks
/// of 2 s.
[[nodiscard]] std::string quick_preset(const TempFolder& folder);

/// "transcode", the preset, NDJSON, and then `more`.
[[nodiscard]] std::vector<std::string> quick_words(const TempFolder& folder,
                                                   const std::vector<std::string>& more);

/// A flash and a beep at 0.6 s, 1.6 s, ...: on a frame of 25, 30, 50 and 100 a second.
[[nodiscard]] ClipOptions flash_and_beep(double seconds);

}  // namespace sg::test

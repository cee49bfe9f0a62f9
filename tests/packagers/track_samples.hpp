#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <packagers/segment.hpp>

namespace sg::test {

/// A video track at 30 frames a second, timescale 15360, one fragment of 2 s or less per GOP;
/// `bytes` one entry a segment.
[[nodiscard]] packagers::TrackIndex video_track(const std::string& name,
                                                std::uint32_t width,
                                                std::uint32_t height,
                                                const std::vector<std::int64_t>& frames,
                                                const std::vector<std::uint64_t>& bytes);

/// A 48 kHz AAC track of 1024-sample frames.
[[nodiscard]] packagers::TrackIndex audio_track(const std::string& name,
                                                const std::string& language,
                                                const std::string& label,
                                                const std::vector<std::int64_t>& frames,
                                                const std::vector<std::uint64_t>& bytes);

}  // namespace sg::test

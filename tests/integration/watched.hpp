#pragma once

#include <filesystem>
#include <vector>

// What a viewer sees and hears, through libav's demultiplexer and decoders.

namespace sg::test {

struct Watched {
    std::vector<double> picture_s;  ///< times of all pictures as the container says them
    std::vector<double> luma;       ///< their mean brightness
    std::vector<double> flash_s;    ///< of the white ones
    int width = 0;                  ///< of the first picture
    int height = 0;
    std::vector<double>
        beep_s;  ///< where the beeps of 50 ms begin: their centre of energy, less half their length
    double sound_start_s = 0;
    double sound_s = 0;  ///< length of all decoded sound
    int channels = 0;
};

/// First video and first audio stream of a file.
[[nodiscard]] Watched watch(const std::filesystem::path& path);

}  // namespace sg::test

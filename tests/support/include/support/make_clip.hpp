#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <media/rational.hpp>

namespace sg::test {

/// A small moving picture; each frame is brighter than the one before (modulo 256), so frames can
/// be told apart.
struct ClipVideo {
    std::string encoder =
        "libx264";  ///< or "mpeg4", "mpeg2video", "libvpx-vp9", "libx265", "mjpeg", ...
    int width = 160;
    int height = 120;
    media::Rational rate{25, 1};
    double seconds = 2;
    /// Presentation times of the frames in milliseconds, instead of `rate` and `seconds`: variable
    /// rate, gaps.
    std::vector<std::int64_t> times_ms;
    double start_s = 0;  ///< added to all its times
    int gop = 25;
    int b_frames = 0;
    media::Rational sar{1, 1};
    std::string pixel_format = "yuv420p";
    bool interlaced = false;  ///< top field first
    int rotation = 0;         ///< degrees clockwise, written as a display matrix
    int primaries = 2;        ///< ISO/IEC 23091-2
    int transfer = 2;
    int matrix = 2;
    std::string language;
    int disposition = 0;  ///< AV_DISPOSITION_ flags
    /// The first frame at or after each of these times (seconds of its own time) is white.
    std::vector<double> flash_s;
    std::vector<std::pair<std::string, std::string>> options;
};

/// A sine tone.
struct ClipAudio {
    std::string encoder = "aac";
    int sample_rate = 48000;
    std::string layout = "stereo";
    double seconds = 2;
    double start_s = 0;
    /// From (seconds of its own time), how long: packets that begin inside are left out.
    std::vector<std::pair<double, double>> gaps;
    double frequency = 440;
    /// Silence but for 50 ms of the tone from each of these times (seconds of its own time).
    std::vector<double> beep_s;
    std::string language;
    std::string title;
    int disposition = 0;
    std::int64_t bit_rate = 64'000;
};

struct ClipOptions {
    std::vector<ClipVideo> video{ClipVideo{}};
    std::vector<ClipAudio> audio{ClipAudio{}};
    double start_s = 0;  ///< added to all times of all streams
    std::string format;  ///< libav muxer; empty: by the file's ending
    std::map<std::string, std::string> metadata;
    std::vector<std::pair<std::string, std::string>> muxer_options;
    struct Chapter {
        double start_s = 0;
        double end_s = 0;
        std::string title;
    };
    std::vector<Chapter> chapters;
};

/// Encodes and writes; throws std::runtime_error with libav's reason. Returns `path`.
std::filesystem::path make_clip(const std::filesystem::path& path, const ClipOptions& options);

/// Puts files one after the other, as a transport stream with a jumping clock is made.
std::filesystem::path join_files(const std::vector<std::filesystem::path>& parts,
                                 const std::filesystem::path& path);

/// The first `bytes` of a file.
std::filesystem::path cut_file(const std::filesystem::path& from,
                               const std::filesystem::path& path,
                               std::uintmax_t bytes);

/// Frame times of a constant rate in milliseconds, for lists to take some out of.
[[nodiscard]] std::vector<std::int64_t> frame_times_ms(media::Rational rate, int frames);

}  // namespace sg::test

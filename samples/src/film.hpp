#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "picture.hpp"

namespace sg::samples {

struct FilmFormat {
    int width = 1920;
    int height = 1080;
    int rate_num = 30;
    int rate_den = 1;
    int seconds = 24;
};

inline constexpr int kSampleRate = 48'000;

/// The pictures: a moving landscape of colours and texture, discs that bounce, and in a dark panel
/// the frame's number and time. The first picture of each second is white.
class FilmPictures {
  public:
    explicit FilmPictures(const FilmFormat& format);
    void draw(std::int64_t frame, Picture& picture) const;

  private:
    void draw_landscape(std::int64_t frame, Picture& picture) const;
    void draw_discs(std::int64_t frame, Picture& picture) const;
    void draw_panel(std::int64_t frame, Picture& picture) const;

    FilmFormat format_;
    std::vector<std::int8_t> wave_;     // one sine period
    std::vector<std::int8_t> texture_;  // a square tile
};

/// The sound at a sample: a quiet moving chord, and 50 ms of 1 kHz when the picture is white.
struct StereoSample {
    float left = 0;
    float right = 0;
};
[[nodiscard]] StereoSample film_sound(std::int64_t sample);

/// "00:00:04.100"
[[nodiscard]] std::string film_clock(const FilmFormat& format, std::int64_t frame);

}  // namespace sg::samples

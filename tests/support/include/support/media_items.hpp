#pragma once

#include <cstdint>
#include <string>

#include <media/frame.hpp>
#include <media/packet.hpp>
#include <media/stream_info.hpp>

namespace sg::test {

/// Facts of made-up streams; change what a test is about before sharing.
[[nodiscard]] media::StreamInfo video_info(int width,
                                           int height,
                                           media::Timebase timebase,
                                           media::Rational frame_rate);
[[nodiscard]] media::StreamInfo audio_info(int sample_rate, int channels, media::Timebase timebase);
[[nodiscard]] media::StreamInfoPtr shared(media::StreamInfo info);

struct PacketFields {
    std::int64_t pts = media::kNoTime;
    std::int64_t dts = media::kNoTime;
    std::int64_t duration = 0;
    std::int64_t position = -1;
    int stream = 0;
    bool key = false;
    int bytes = 16;
    std::uint8_t fill = 0;
};
[[nodiscard]] media::Packet make_packet(const PacketFields& fields);

/// All bytes of the first plane are `luma`, all others 128 (8-bit formats).
[[nodiscard]] media::Frame make_video_frame(int width,
                                            int height,
                                            std::int64_t pts,
                                            std::uint8_t luma = 16,
                                            const std::string& pixel_format = "yuv420p");
/// A quiet sine (planar float, 440 Hz), its phase from `pts`, which counts samples.
[[nodiscard]] media::Frame make_audio_frame(int samples,
                                            int sample_rate,
                                            int channels,
                                            std::int64_t pts);
/// The first byte of the first plane.
[[nodiscard]] std::uint8_t first_byte(const media::Frame& frame);

}  // namespace sg::test

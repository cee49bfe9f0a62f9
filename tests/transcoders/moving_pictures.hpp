#pragma once

#include <string>
#include <vector>

#include <media/frame.hpp>
#include <pipeline/item.hpp>
#include <support/media_items.hpp>
#include <support/stage_harness.hpp>
#include <transcoders/video_encoder_stage.hpp>

namespace sg::test {

/// A gradient that moves by one sample a frame with a bright square on it: something for an encoder
/// to do.
[[nodiscard]] media::Frame gradient(int width,
                                    int height,
                                    std::int64_t n,
                                    const std::string& pixel_format = "yuv420p");

/// Small settings of an encoder: 25 frames/s, GOPs of 25, the fastest speed.
[[nodiscard]] transcoders::VideoEncoderOptions small_encoder(media::CodecId codec,
                                                             int width = 128,
                                                             int height = 72);

struct Encoded {
    media::StreamInfoPtr info;
    std::vector<media::Packet> packets;
};
/// Frames first..first+count-1 of the gradient with a Cue at every GOP start. Fails the test on an
/// error.
[[nodiscard]] Encoded encode_gradient(const transcoders::VideoEncoderOptions& options,
                                      std::int64_t first,
                                      std::int64_t count);

[[nodiscard]] bool same_bytes(const media::Packet& a, const media::Packet& b);

}  // namespace sg::test

#pragma once

#include <string>

#include <media/frame.hpp>
#include <media/stream_info.hpp>
#include <media_av/libav.hpp>

namespace sg::transcoders {

/// `base` with the raw format of `frame`: what a stage announces before the first frame of a
/// format.
[[nodiscard]] media::StreamInfo raw_info(const media::StreamInfo& base, const AVFrame& frame);
/// True when frames of both can follow each other without a new StreamStart.
[[nodiscard]] bool same_format(const media::StreamInfo& a, const media::StreamInfo& b);

[[nodiscard]] media::Colour colour_of(const AVFrame& frame);
void set_colour(AVFrame& frame, const media::Colour& colour);
/// Deprecated full-range formats (yuvj420p) become the plain one with the range said beside it;
/// pixels are untouched.
void normalise_range(AVFrame& frame);

[[nodiscard]] std::string pixel_format_name(int format);
[[nodiscard]] std::string sample_format_name(int format);
[[nodiscard]] std::string layout_name(const AVChannelLayout& layout);

}  // namespace sg::transcoders

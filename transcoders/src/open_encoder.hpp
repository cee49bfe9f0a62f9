#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <media_av/ptrs.hpp>
#include <pipeline/plan.hpp>

namespace sg::transcoders {

/// A context of the named encoder; kUnsupported when libavcodec lacks it.
[[nodiscard]] Result<av::CodecContextPtr> new_encoder(const std::string& name,
                                                      const std::string& attempted);
/// Opens it with the plan's options; kInvalidArgument names an option that nobody took.
[[nodiscard]] Status open_encoder(AVCodecContext& context,
                                  const pipeline::EncoderSettings& settings,
                                  const std::string& attempted);
[[nodiscard]] std::vector<std::byte> extradata_of(const AVCodecContext& context);

}  // namespace sg::transcoders

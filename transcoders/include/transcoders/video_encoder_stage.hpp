#pragma once

#include <cstdint>
#include <memory>

#include <base/result.hpp>
#include <media/stream_info.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

struct VideoEncoderOptions {
    media::CodecId codec = media::CodecId::kH264;
    pipeline::EncoderSettings settings;
    std::int64_t width = 0;
    std::int64_t height = 0;
    media::Rational sar{1, 1};
    media::Rational frame_rate{25, 1};
    std::string pixel_format;
    media::Colour colour;
    /// Frames that must come in and packets that must go out; 0: however many come.
    std::int64_t expected_frames = 0;
    std::string name;  ///< of the rendition, for errors
};
/// Of an encoded rendition; `expected_frames` of its own grid.
[[nodiscard]] VideoEncoderOptions video_encoder_options(const pipeline::VideoRendition& rendition,
                                                        std::int64_t expected_frames);

/// Frames with pts n to packets with pts and dts in units of 1/rate; dts may lie before the first
/// pts. Every frame after a Cue becomes an IDR (or key) frame that nothing before it is needed for;
/// that is checked on the packets. The StreamStart that goes out describes the encoded stream.
/// Errors: kInvalidArgument (a setting the encoder does not have), kMismatch (a key frame missing,
/// a wrong number of frames), kInternal (a frame of another format).
class VideoEncoderStage final : public pipeline::Stage {
  public:
    [[nodiscard]] static Result<std::unique_ptr<VideoEncoderStage>> create(
        VideoEncoderOptions options);
    ~VideoEncoderStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit VideoEncoderStage(std::unique_ptr<State> state);

    [[nodiscard]] Status open();
    [[nodiscard]] Result<pipeline::Flow> encode(const media::Frame* frame, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> deliver(media::Packet packet, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> finish(pipeline::Emit& out);

    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders

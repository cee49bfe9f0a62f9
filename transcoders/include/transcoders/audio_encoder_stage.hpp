#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <base/result.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

/// libav's name of the sample format that the encoder is fed with; kUnsupported for an encoder that
/// is not there.
[[nodiscard]] Result<std::string> encoder_sample_format(const std::string& encoder);

/// Audio frames that carry `samples` presented samples after `priming`: ceil((samples + priming) /
/// frame_samples).
[[nodiscard]] std::int64_t audio_frame_count(std::int64_t samples,
                                             std::int64_t priming,
                                             std::int64_t frame_samples);

struct AudioEncoderOptions {
    media::CodecId codec = media::CodecId::kAac;
    pipeline::EncoderSettings settings;
    int sample_rate = 48000;
    std::string channel_layout = "stereo";
    std::int64_t frame_samples = 0;
    std::int64_t priming = 0;
    std::int64_t samples = 0;  ///< presented; negative: as many as come (live)
    std::string name;          ///< of the rendition, for errors
};
[[nodiscard]] AudioEncoderOptions audio_encoder_options(const pipeline::AudioRendition& rendition);

/// Samples from zero (frames of any length, in order) to exactly audio_frame_count() packets in
/// units of 1/sample_rate: packet i has pts i * frame_samples - priming. What is missing at the end
/// is silence. Errors: kMismatch when the library's encoder delay or frame length is not the
/// plan's.
class AudioEncoderStage final : public pipeline::Stage {
  public:
    [[nodiscard]] static Result<std::unique_ptr<AudioEncoderStage>> create(
        AudioEncoderOptions options);
    ~AudioEncoderStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit AudioEncoderStage(std::unique_ptr<State> state);

    [[nodiscard]] Status open();
    [[nodiscard]] Result<pipeline::Flow> encode_ready(pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> encode(const media::Frame* frame, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> finish(pipeline::Emit& out);

    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders

#pragma once

#include <cstdint>
#include <memory>

#include <base/result.hpp>
#include <media/stream_info.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

/// What a decoder saw. Written by the stage's thread; read it when the graph has ended.
struct DecodeReport {
    std::int64_t frames = 0;   ///< sent on
    std::int64_t errors = 0;   ///< packets the decoder refused
    std::int64_t corrupt = 0;  ///< frames sent on that the decoder marks as damaged
    std::int64_t leading = 0;  ///< dropped because they lie before `drop_before_ns`
    std::int64_t guessed_times = 0;
};

struct DecoderOptions {
    int threads = 1;
    /// Frames shown before this are not sent on (pictures that lead the key frame a chunk starts
    /// at).
    std::int64_t drop_before_ns = media::kNoTime;
    /// Damaged packets that are put up with; -1: any number.
    std::int64_t errors_allowed = -1;
    std::int64_t max_pixels = std::int64_t{1} << 26;  ///< of one picture
    DecodeReport* report = nullptr;                   ///< borrowed, may be null
};

/// Packets to frames, one input and one output, video or audio. Times are nanoseconds on both
/// sides. A StreamStart comes before the first frame of each format. Errors: kUnsupported (no
/// decoder), kBadData (more damage than allowed), kLimit (memory, picture size).
class DecoderStage final : public pipeline::Stage {
  public:
    [[nodiscard]] static Result<std::unique_ptr<DecoderStage>> create(
        const DecoderOptions& options);
    ~DecoderStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit DecoderStage(const DecoderOptions& options);

    [[nodiscard]] Status open(media::StreamInfoPtr info);
    [[nodiscard]] Result<pipeline::Flow> decode(const media::Packet* packet, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> deliver(media::Frame frame, pipeline::Emit& out);
    [[nodiscard]] Status count_error(int rc);

    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders

#pragma once

#include <memory>
#include <vector>

#include <base/result.hpp>
#include <media/rational.hpp>
#include <media/stream_info.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

/// Pictures through a chain of filters, one input and one output; the times keep their unit.
/// Without steps everything passes as it is. The chain is drained and built anew on every
/// StreamStart and Discontinuity. A Cue stays in front of the frame it marked.
class FrameFilterStage final : public pipeline::Stage {
  public:
    [[nodiscard]] static Result<std::unique_ptr<FrameFilterStage>> create(
        std::vector<pipeline::FilterStep> steps);
    ~FrameFilterStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit FrameFilterStage(std::unique_ptr<State> state);

    [[nodiscard]] Result<pipeline::Flow> deliver(pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> drain(pipeline::Emit& out);

    std::unique_ptr<State> state_;
};

/// The one picture format that everything behind a decoder sees.
struct PictureFormat {
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::string pixel_format;
    media::Rational sar{1, 1};
    media::Colour colour;
};

/// Brings every picture to one size and format: a picture of another shape is fitted into it and
/// padded with black. One input and one output; exactly one StreamStart goes out. Untouched
/// pictures are passed on without a copy.
class ConformSizeStage final : public pipeline::Stage {
  public:
    [[nodiscard]] static Result<std::unique_ptr<ConformSizeStage>> create(
        const PictureFormat& format);
    ~ConformSizeStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit ConformSizeStage(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// VideoPlan.source_* of a plan.
[[nodiscard]] PictureFormat source_format(const pipeline::VideoPlan& plan);

}  // namespace sg::transcoders

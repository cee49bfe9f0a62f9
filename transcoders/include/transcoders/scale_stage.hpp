#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <media/rational.hpp>
#include <media/stream_info.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

/// One output of a ScaleStage.
struct ScaleTarget {
    std::int64_t width = 0;
    std::int64_t height = 0;
    media::Rational sar{1, 1};
    std::string pixel_format;
    media::Colour colour;
    std::int64_t frame_divisor = 1;
    int from = -1;  ///< an earlier target whose picture is scaled further; -1: the input picture
};

/// Indices into plan.renditions of the encoded renditions of a branch: output port i of its
/// ScaleStage is rendition [i] of this.
[[nodiscard]] std::vector<std::size_t> branch_renditions(const pipeline::VideoPlan& plan,
                                                         std::int64_t branch);
/// The targets of those ports.
[[nodiscard]] Result<std::vector<ScaleTarget>> scale_targets(const pipeline::VideoPlan& plan,
                                                             std::int64_t branch);

/// One picture in, one for each target out, on the port of the target's index. A target with a
/// frame divisor d gets frames 0, d, 2d... with pts n/d. The result does not depend on the
/// processor's cores, and a target of the input's own format is passed on without a copy. Ends
/// (kDone) when no output is wanted any more.
class ScaleStage final : public pipeline::Stage {
  public:
    /// Whether a target has time for a frame (n/d); `marked` ones follow a Cue. Others are not
    /// made.
    using Takes = std::function<bool(std::size_t target, std::int64_t frame, bool marked)>;

    [[nodiscard]] static Result<std::unique_ptr<ScaleStage>> create(
        std::vector<ScaleTarget> targets, Takes takes = nullptr);
    ~ScaleStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit ScaleStage(std::unique_ptr<State> state);

    [[nodiscard]] Result<pipeline::Flow> announce(const media::StreamInfo& info,
                                                  pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> scale(media::Frame frame, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> send(std::size_t target,
                                              pipeline::Item item,
                                              pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> send_to_all(const pipeline::Item& item,
                                                     pipeline::Emit& out);

    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders

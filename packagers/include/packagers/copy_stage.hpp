#pragma once

#include <cstdint>
#include <memory>

#include <base/result.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::packagers {

/// Coded packets of a source in presentation nanoseconds to packets in a copied rendition's own
/// ticks, as CopyTimes says. AAC in ADTS frames loses their headers. One input, one output.
class CopyStage final : public pipeline::Stage {
  public:
    [[nodiscard]] static Result<std::unique_ptr<CopyStage>> create_video(
        const pipeline::VideoRendition& rendition);
    [[nodiscard]] static Result<std::unique_ptr<CopyStage>> create_audio(
        const pipeline::AudioRendition& rendition);
    ~CopyStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit CopyStage(std::unique_ptr<State> state);

    [[nodiscard]] Status start(media::StreamInfoPtr info);
    [[nodiscard]] Result<pipeline::Flow> take(media::Packet packet, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> send(media::Packet packet, pipeline::Emit& out);

    std::unique_ptr<State> state_;
};

}  // namespace sg::packagers

#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include <base/result.hpp>
#include <media/frame.hpp>
#include <pipeline/plan.hpp>

namespace sg::engine {

/// Decodes a finished CMAF rendition of a folder from its first picture on. One thread.
class RenditionFrames {
  public:
    /// `folder` holds init-*.mp4 and seg-<n>.m4s. `offset` is K in the rendition's timescale.
    [[nodiscard]] static Result<std::unique_ptr<RenditionFrames>> open(
        const std::filesystem::path& folder,
        const pipeline::VideoRendition& rendition,
        std::int64_t offset);
    ~RenditionFrames();

    /// The next picture, its pts counted in frames of the rendition's grid; nothing at the end.
    [[nodiscard]] Result<std::optional<media::Frame>> next();

  private:
    struct State;
    explicit RenditionFrames(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace sg::engine

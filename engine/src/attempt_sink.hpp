#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include <packagers/segmenter.hpp>

#include "track_json.hpp"

namespace sg::engine {

/// Writes a track's init segment and segments below a task's attempt folder and remembers what it
/// wrote. One lane writes; `bytes_written` may be read by any.
class AttemptSink final : public packagers::SegmentSink {
  public:
    AttemptSink(std::filesystem::path attempt, std::string rendition);

    /// Called after each segment is on disk; an error ends the run.
    std::function<Status(const packagers::TrackDescription&, const packagers::SegmentIndex&)>
        after_segment;

    [[nodiscard]] Status on_track(const packagers::TrackDescription& track,
                                  std::span<const std::byte> init) override;
    [[nodiscard]] Status on_segment(const packagers::CmafSegment& segment) override;

    /// Of a segment that is written by other hands.
    [[nodiscard]] std::filesystem::path segment_path(std::int64_t number) const;
    void note_segment(const packagers::SegmentIndex& segment);

    [[nodiscard]] const TrackPart& part() const { return part_; }
    [[nodiscard]] std::int64_t bytes_written() const {
        return bytes_.load(std::memory_order_relaxed);
    }

  private:
    std::filesystem::path folder_;
    TrackPart part_;
    std::atomic<std::int64_t> bytes_{0};
};

/// A task's result: `rest` and the tracks of the sinks that are there.
[[nodiscard]] std::string result_text(const nlohmann::json& rest,
                                      const std::vector<std::unique_ptr<AttemptSink>>& sinks);

/// "seg-12.m4s"
[[nodiscard]] std::string segment_file(std::int64_t number);

}  // namespace sg::engine

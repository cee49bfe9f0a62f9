#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <base/result.hpp>
#include <pipeline/grid.hpp>
#include <pipeline/stage.hpp>

namespace sg::transcoders {

struct ConformRateReport {
    std::int64_t frames = 0;
    std::int64_t duplicated = 0;  ///< output frames that show the picture of the frame before
    std::int64_t dropped = 0;     ///< source pictures inside the chunk that no output frame shows
};

struct ConformRateOptions {
    pipeline::FrameGrid grid;
    std::int64_t first_frame = 0;  ///< of the grid
    std::int64_t frames = 0;
    std::int64_t gop_frames =
        0;  ///< of the grid; a GOP starts at every multiple counted from its segment's start
    /// Frame numbers where segments start (any range that covers the chunk; others are ignored).
    std::vector<std::int64_t> segment_starts;
    /// Live: `frames` counts for nothing, pictures come until the stream ends. Instead of the two
    /// above, a GOP starts at the first frame at or after each multiple of this time (from
    /// `first_frame` on) whose number is a multiple of `gop_step`; borders so stay within a frame
    /// of the clock for ever, whatever the rate.
    std::int64_t gop_ns = 0;
    std::int64_t gop_step = 1;
    std::int64_t segment_gops = 1;        ///< a segment starts with every so many
    ConformRateReport* report = nullptr;  ///< borrowed, may be null
};

/// Pictures at any times (nanoseconds) to exactly `frames` frames of the grid, whose pts is their
/// number n in units of 1/rate. The picture of a frame is the one FrameGrid::first_frame_showing
/// gives; the first and last picture are held over what they leave open. A Cue goes in front of
/// each frame that starts a segment or GOP. After the last frame it sends EndOfStream and returns
/// kDone. A Discontinuity ends here: the grid has no holes. Errors: kBadData when there was no
/// picture at all.
///
/// A second input, of live channels, is a clock: packets whose pts (nanoseconds) says how far time
/// has come although no picture has. The last picture is held until then.
class ConformRateStage final : public pipeline::Stage {
  public:
    static constexpr int kClockPort = 1;

    [[nodiscard]] static Result<std::unique_ptr<ConformRateStage>> create(
        ConformRateOptions options);
    ~ConformRateStage() override;

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    struct State;
    explicit ConformRateStage(std::unique_ptr<State> state);

    [[nodiscard]] Result<pipeline::Flow> hold_until(std::int64_t n, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> tick(const pipeline::Item& item, pipeline::Emit& out);
    [[nodiscard]] Result<pipeline::Flow> finish(pipeline::Emit& out);

    std::unique_ptr<State> state_;
};

}  // namespace sg::transcoders

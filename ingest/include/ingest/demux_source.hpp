#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <vector>

#include <base/result.hpp>
#include <ingest/source.hpp>
#include <pipeline/plan.hpp>
#include <pipeline/stage.hpp>

namespace sg::ingest {

struct DemuxOptions {
    std::vector<int> streams;  ///< stream of port 0, 1, ...
    pipeline::TimelineMap timeline;
    pipeline::SeekMethod seek = pipeline::SeekMethod::kScan;
    pipeline::SeekPoint
        start;  ///< of stream `streams[start_port]`; without pts: the start of the source
    int start_port = 0;
    /// Presentation time at which a port may end: every picture or sample shown before it is
    /// delivered.
    std::int64_t stop_ns = std::numeric_limits<std::int64_t>::max();
    int pictures_after = 0;  ///< of a video port, shown at that time or later, are delivered too
};

/// Reads chosen streams of a file in presentation time: packets carry nanoseconds on the plan's
/// timeline, and so says the StreamInfo of each port's StreamStart. Emits Discontinuity on every
/// port where the source's clock jumped. Packets before the start point's key frame are dropped on
/// its port; other ports start with the packet that holds that time. Packets that an edit list cuts
/// off keep libav's discard flag: decode them, show nothing.
class DemuxSource final : public pipeline::Source {
  public:
    /// kBadData when the start point is not in the source.
    [[nodiscard]] static Result<std::unique_ptr<DemuxSource>> create(
        std::unique_ptr<MediaInput> input, DemuxOptions options);
    ~DemuxSource() override;

    [[nodiscard]] Result<pipeline::PortItem> read(std::stop_token stop) override;
    [[nodiscard]] DamageCounters damage() const;
    [[nodiscard]] const SourceFacts& facts() const;

  private:
    struct State;
    explicit DemuxSource(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace sg::ingest

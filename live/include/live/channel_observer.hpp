#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <ingest/live_unit.hpp>
#include <ingest/timed_unit.hpp>
#include <packagers/live_media.hpp>

namespace sg::live {

/// Sees what goes through a channel: recording, DVR, restreaming. Called on the channel's thread;
/// must not block.
class ChannelObserver {
  public:
    virtual ~ChannelObserver() = default;

    // The repaired input.
    virtual void on_track(const ingest::LiveTrack& /*track*/) {}
    /// It has been gone for long.
    virtual void on_track_end(int /*track*/) {}
    virtual void on_unit(const ingest::TimedUnit& /*unit*/) {}
    virtual void on_discontinuity(std::int64_t /*at_ns*/) {}

    // What was packaged of it; `rendition` as in packagers::LiveOutput.
    virtual void on_rendition(std::size_t /*rendition*/,
                              const std::shared_ptr<const packagers::LiveInit>& /*init*/) {}
    virtual void on_rendition_end(std::size_t /*rendition*/) {}
    virtual void on_part(std::size_t /*rendition*/, const packagers::LivePart& /*part*/) {}
    virtual void on_segment(std::size_t /*rendition*/,
                            const std::shared_ptr<const packagers::LiveSegment>& /*segment*/) {}

    /// Viewers see this input from now on.
    virtual void on_air(std::string_view /*input*/) {}

    /// Nothing more will come; with `may_continue` because the service stops, and the channel goes
    /// on when it is back.
    virtual void on_end(bool /*may_continue*/) {}
};

}  // namespace sg::live

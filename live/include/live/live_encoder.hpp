#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <live/window.hpp>

#include <ingest/live_unit.hpp>
#include <ingest/timed_unit.hpp>
#include <packagers/live_rendition.hpp>

namespace sg::live {

/// What an encoder of a channel makes. Called on the channel's thread, from a handler of its own.
class EncoderOutput {
  public:
    virtual ~EncoderOutput() = default;
    /// Before the first sample, and again when what follows does not continue what was before: they
    /// changed, the timeline broke, or the encoder was started anew. `rates` bounds each rendition.
    virtual void on_encoded_renditions(std::vector<packagers::LiveRenditionConfig> renditions,
                                       std::vector<DeclaredRate> rates) = 0;
    /// `rendition` counts in the last on_encoded_renditions().
    virtual void on_encoded(std::size_t rendition, packagers::LiveSample sample) = 0;
    /// A batch of the calls above is over.
    virtual void on_encoded_batch() = 0;
    /// After finish(): done() has become true.
    virtual void on_encoder_done() {}
};

/// Turns a channel's repaired input into the renditions of a ladder, in a child process. Never
/// blocks; on the channel's thread.
class LiveEncoder {
  public:
    virtual ~LiveEncoder() = default;
    virtual void track(const ingest::LiveTrack& track) = 0;
    virtual void track_end(int track) = 0;
    virtual void unit(ingest::TimedUnit unit) = 0;
    virtual void discontinuity(std::int64_t at_ns) = 0;
    /// No more units: what is inside comes out, then done() is true.
    virtual void finish() = 0;
    [[nodiscard]] virtual bool done() const = 0;
};

}  // namespace sg::live

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <vector>

#include <pipeline/stage.hpp>

#include "live_gate.hpp"
#include "live_input.hpp"
#include "live_rate.hpp"

namespace sg::engine {

/// Units to packets, times counted from the start's origin. Ends where the timeline breaks, where a
/// track comes that was not there or comes in a shape that asks for another plan, and with the
/// input.
///
/// Each track has two outputs: its packets, and `ports` further on a clock, which ticks while the
/// track delivers nothing and others do: packets without data whose pts says how far time has come.
class LiveSource final : public pipeline::Source {
  public:
    struct Settings {
        std::map<int, int> ports;  ///< a track's output; tracks without one are left out
        /// Whether what is being made serves as well when a track has this new shape.
        std::function<bool(const LiveSourceTrack&)> serves;
        /// Stands in front of the decoder of the pictures; null without pictures. Borrowed.
        PacketGate* gate = nullptr;
        /// It had no time for a picture.
        std::function<Status()> dropped;
    };
    /// `input` is borrowed.
    LiveSource(LiveStart start, Settings settings, LiveInput& input);

    [[nodiscard]] Result<pipeline::PortItem> read(std::stop_token stop) override;

  private:
    struct Track {
        int id = 0;
        int port = 0;
        bool begun = false;
        bool ended = false;
        std::int64_t last_ns = 0;
        std::vector<std::int64_t> marks;  ///< last_ns of all tracks when this one last delivered
        std::int64_t ticked_ns = 0;
        std::optional<RateWatch> rate;  ///< of pictures
    };

    [[nodiscard]] Status take(LiveInputMessage message);
    [[nodiscard]] Status take(ingest::TimedUnit unit);
    [[nodiscard]] bool passes_gate(const Track& track, const ingest::TimedUnit& unit);
    void take(LiveSourceTrack described);
    /// `again`: what the next run begins with.
    void end(std::optional<LiveInputMessage> again);
    [[nodiscard]] Track* find(int id);
    [[nodiscard]] int clock_of(const Track& track) const;
    void advance(Track& track, std::int64_t dts_ns);
    void tick();
    void start_stream(const LiveSourceTrack& described, const Track& track);
    [[nodiscard]] pipeline::PortItem item_of(const ingest::TimedUnit& unit, int port) const;

    LiveStart start_;
    Settings settings_;
    LiveInput& input_;
    std::vector<Track> tracks_;
    std::vector<int> known_;  ///< tracks that were considered, with or without a port
    std::deque<pipeline::PortItem> ready_;
    std::int64_t newest_ns_ = 0;
};

}  // namespace sg::engine

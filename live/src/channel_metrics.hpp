#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include <live/channel_observer.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <ingest/timeline_repair.hpp>
#include <packagers/live_packager.hpp>

namespace sg::live {

/// What only the channel's own parts know.
struct ChannelTotals {
    ingest::RepairCounters repairs;
    packagers::LivePackagerCounts packaging;
    std::int64_t audio_skew_ns = 0;
    std::uint64_t switches = 0;
    std::uint64_t silent_frames = 0;
    std::uint64_t held_pictures = 0;
    std::uint64_t window_bytes = 0;
};

/// Exports what goes through a channel: counters as it happens, rates and totals at the end of each
/// segment.
class ChannelMetrics final : public ChannelObserver {
  public:
    ChannelMetrics(std::string channel,
                   Metrics& metrics,
                   const Clock& clock,
                   std::function<ChannelTotals()> totals);

    void on_track(const ingest::LiveTrack& track) override;
    void on_unit(const ingest::TimedUnit& unit) override;
    void on_discontinuity(std::int64_t at_ns) override;
    void on_rendition(std::size_t rendition,
                      const std::shared_ptr<const packagers::LiveInit>& init) override;
    void on_part(std::size_t rendition, const packagers::LivePart& part) override;
    void on_segment(std::size_t rendition,
                    const std::shared_ptr<const packagers::LiveSegment>& segment) override;

  private:
    struct Track {
        bool video = false;
        std::uint64_t units = 0;  ///< since `since_ns`, as the others
        std::uint64_t bytes = 0;
        std::int64_t since_ns = 0;
        std::int64_t last_key_ns = 0;
        std::int64_t last_transit_ns = 0;
        double jitter_s = 0;
        Gauge bitrate;
        Gauge rate;
        Gauge key_interval;
        Gauge jitter;
    };
    struct Rendition {
        double timescale = 1;
        Counter segments;
        Counter bytes;
        Gauge bitrate;
        Histogram part_lateness;
        Histogram segment_lateness;
    };

    void measure(Track& track, std::int64_t now_ns);
    void count_totals();
    void count(const std::string& name,
               const std::string& help,
               const std::string& kind,
               std::uint64_t total);
    [[nodiscard]] double lateness(double end_s);

    std::string channel_;
    Metrics& metrics_;
    const Clock& clock_;
    std::function<ChannelTotals()> totals_;
    std::map<int, Track> tracks_;
    std::map<std::size_t, Rendition> renditions_;
    struct Counted {
        Counter counter;
        std::uint64_t told = 0;
    };
    std::map<std::string, Counted> counted_;  ///< by metric and kind
    Gauge skew_;
    Gauge window_bytes_;
    /// The least delay between media and now since the last discontinuity: what is later than that
    /// is late.
    double least_delay_s_ = std::numeric_limits<double>::max();
};

}  // namespace sg::live

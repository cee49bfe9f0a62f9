#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <live/playback.hpp>

#include <packagers/live_hls.hpp>
#include <packagers/live_media.hpp>

namespace sg::live {

struct WindowConfig {
    std::int64_t target_seconds = 6;
    std::chrono::nanoseconds segment{std::chrono::seconds(4)};
    std::chrono::nanoseconds part_target{std::chrono::milliseconds(500)};
    bool low_latency = false;  ///< parts in playlists, blocking reload, growing segments in DASH
    /// What playlists list; 0: all from the start (EVENT).
    std::chrono::nanoseconds length{std::chrono::seconds(30)};
    /// So many closed segments of each rendition stay in memory; older ones are served from where
    /// stored() said. Those that nobody stored by then leave the window, `memory_slack` later.
    /// 0: everything listed stays in memory.
    std::size_t memory_segments = 0;
    std::size_t memory_slack = 16;
    bool hls = true;
    bool dash = true;
    bool ts = false;  ///< set_ts() will be called
    /// All segments last `segment` exactly (transcoded): @duration, and LL-DASH if `low_latency`.
    bool fixed_grid = false;
    std::string utc_timing_url = "/time";

    // What an earlier run of the service left.
    std::int64_t discontinuity_sequence = 0;
    std::optional<packagers::WallTime> availability_start;
};

/// What one rendition's bit rate is said to be, when it is bounded by its encoder.
struct DeclaredRate {
    std::uint64_t peak = 0;
    std::uint64_t average = 0;  ///< 0: as measured
};

/// The segments of a channel that can be played, and the views of them that the origin serves.
/// Calls mirror packagers::LiveOutput. On the channel's thread; the views are for any.
class LiveWindow {
  public:
    explicit LiveWindow(WindowConfig config);
    ~LiveWindow();
    LiveWindow(LiveWindow&&) noexcept;
    LiveWindow& operator=(LiveWindow&&) noexcept;

    void set_rendition(std::size_t rendition, std::shared_ptr<const packagers::LiveInit> init);
    void end_rendition(std::size_t rendition);
    void declare_rate(std::size_t rendition, DeclaredRate rate);
    /// When channel time zero arrived, as measured of late; where segments really come by. DASH
    /// follows it with new Periods. Without it, the segments' dates tell.
    void follow(packagers::WallTime epoch);
    void start_segment(std::size_t rendition, const packagers::LiveSegment& segment);
    void add_part(std::size_t rendition, const packagers::LivePart& part);
    void end_segment(std::size_t rendition, std::shared_ptr<const packagers::LiveSegment> segment);

    /// A line for all playlists, EXT-X-DATERANGE: with the segment that is being made, or the next.
    void announce(const std::string& line);

    /// A closed segment is in a file as well.
    void stored(std::size_t rendition, std::int64_t number, MediaBytes where);
    /// A transport stream of a closed segment: rendition/ts.m3u8 lists those that have one.
    void set_ts(std::size_t rendition, std::int64_t number, packagers::SharedBytes bytes);
    /// A segment of an earlier run, before any other; in order. Only its text is kept in memory.
    void restore(std::size_t rendition, packagers::LiveSegment segment, MediaBytes where);

    /// No media will come any more.
    void end();

    /// The state as it is now. Costs one allocation for each rendition and its open segment's
    /// parts, not the window's length. `now` stands in the MPD only.
    [[nodiscard]] std::shared_ptr<const ChannelView> view(packagers::WallTime now);

    /// First segment that playlists list; -1 without segments.
    [[nodiscard]] std::int64_t first_listed() const;
    /// Of the first listed segment: to be persisted for a restart, with availability_start().
    [[nodiscard]] std::int64_t discontinuity_sequence() const;
    [[nodiscard]] std::optional<packagers::WallTime> availability_start() const;
    /// Of what memory holds in closed and open segments.
    [[nodiscard]] std::uint64_t bytes_in_memory() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::live

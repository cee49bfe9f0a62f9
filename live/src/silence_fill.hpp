#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <formats/silent_frame.hpp>
#include <ingest/timeline_repair.hpp>

namespace sg::live {

/// Stands between a channel's repaired timeline and what is made of it: sound that stops while
/// pictures go on is continued as silence, since players that have begun with sound stand still
/// without it. Where silence cannot be written, the track ends as before. One thread.
class SilenceFill final : public ingest::TimelineSink {
  public:
    SilenceFill(std::string channel, ingest::TimelineSink& sink)
        : channel_(std::move(channel)), sink_(sink) {}

    void on_track(const ingest::LiveTrack& track) override;
    void on_unit(ingest::TimedUnit unit) override;
    void on_marker(ingest::TimedMarker marker) override { sink_.on_marker(std::move(marker)); }
    void on_track_end(int track) override;
    void on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) override;

    /// Frames made so far.
    [[nodiscard]] std::uint64_t frames() const { return frames_; }

  private:
    struct Sound {
        ingest::LiveTrack track;
        std::optional<formats::SilentFrame> silence;
        std::optional<std::int64_t> base_ns;  ///< of frame 0; nothing came yet
        std::int64_t count = 0;               ///< frames since
        std::int64_t lag_ns = 0;              ///< the most it came behind the pictures
        bool filling = false;
        bool ended = false;  ///< and nobody was told

        [[nodiscard]] std::int64_t frame_ns(std::int64_t frames) const;
        [[nodiscard]] std::int64_t due_ns() const { return *base_ns + frame_ns(count); }
    };

    [[nodiscard]] bool alone(int track) const;
    void fill(int id, Sound& sound, std::int64_t until_ns, std::int64_t arrival_ns);
    /// False: silence has taken its place.
    [[nodiscard]] bool take_sound(int id, Sound& sound, const ingest::TimedUnit& unit);

    const std::string channel_;
    ingest::TimelineSink& sink_;
    std::map<int, Sound> sounds_;
    std::int64_t pictures_ns_ = 0;  ///< of the newest one
    std::uint64_t frames_ = 0;
};

}  // namespace sg::live

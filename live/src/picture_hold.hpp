#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include <ingest/timeline_repair.hpp>

#include "last_gop.hpp"

namespace sg::live {

/// Stands between a channel's repaired timeline and what is made of it without an encoder: pictures
/// that stop while sound goes on are continued by the last closed key frame, again and again, since
/// players that have begun with pictures stand still without them. Where none has come (streams of
/// open GOPs), the track ends as before. Pictures that come back in the middle of the GOP that was
/// going on, of which nothing was lost, go on at once: decoders get all of that GOP again, in a
/// moment just before them. The same brings them back behind a discontinuity that came within a
/// GOP. Where that GOP is not at hand, or there is no room, the key frame stays until the next one.
/// Repeats of H.264 keep their idr_pic_id, against ITU-T H.264 section 7.4.3: only decoders that
/// look for picture borders by themselves would mind, and in the samples of MP4 and behind the
/// delimiters of transport streams none has to. One thread.
class PictureHold final : public ingest::TimelineSink {
  public:
    /// Each held picture lasts `cadence_ns`, at most one low-latency part.
    PictureHold(std::string channel, std::int64_t cadence_ns, ingest::TimelineSink& sink)
        : channel_(std::move(channel)), cadence_ns_(cadence_ns), sink_(sink) {}

    void on_track(const ingest::LiveTrack& track) override;
    void on_unit(ingest::TimedUnit unit) override;
    void on_marker(ingest::TimedMarker marker) override { sink_.on_marker(std::move(marker)); }
    void on_track_end(int track) override;
    void on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) override;

    /// Pictures sent again so far.
    [[nodiscard]] std::uint64_t pictures() const { return pictures_; }

  private:
    struct Video {
        ingest::LiveTrack track;
        LastGop gop;
        std::optional<std::int64_t> due_ns;  ///< end of the last picture; nothing came yet
        std::int64_t last_dts_ns = 0;
        std::int64_t interval_ns = 0;        ///< between the last two pictures
        std::int64_t lag_ns = 0;             ///< the most it came behind the sound
        bool holding = false;                ///< repeats take its place
        std::optional<std::int64_t> cut_ns;  ///< a border came since, behind what ended here
        bool ended = false;                  ///< and nobody was told

        [[nodiscard]] std::int64_t patience_ns() const;
        /// Decoders no longer have what its pictures refer to.
        [[nodiscard]] bool lost_place() const { return holding || cut_ns; }
        void forget();
    };

    [[nodiscard]] bool alone(int track) const;
    /// False: a repeat has taken its place, or it cannot follow one.
    [[nodiscard]] bool take_picture(int id, Video& video, const ingest::TimedUnit& unit);
    /// A picture that may refer to what decoders no longer have. False: it must wait.
    [[nodiscard]] bool come_back(int id, Video& video, const ingest::TimedUnit& unit);
    [[nodiscard]] bool send_again(Video& video, const ingest::TimedUnit& next);
    void fill(Video& video, const ingest::TimedUnit& until);
    void begin_hold(int id, Video& video);
    void hold(int id, Video& video, std::int64_t until_ns, std::int64_t arrival_ns);
    void repeat(Video& video, std::int64_t arrival_ns);

    const std::string channel_;
    const std::int64_t cadence_ns_;
    ingest::TimelineSink& sink_;
    std::map<int, Video> videos_;
    std::int64_t sound_ns_ = 0;  ///< of the newest frame
    std::uint64_t pictures_ = 0;
};

}  // namespace sg::live

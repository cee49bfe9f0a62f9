#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <live/channel_observer.hpp>
#include <live/channel_settings.hpp>
#include <live/channel_state.hpp>
#include <live/live_encoder.hpp>
#include <live/window.hpp>

#include <base/clock.hpp>
#include <ingest/arrival_clock.hpp>
#include <ingest/timeline_repair.hpp>
#include <packagers/live_packager.hpp>
#include <packagers/live_ts.hpp>

#include "break_marks.hpp"

namespace sg::live {

/// From the repaired timeline of a channel to the window that viewers see: as it came, or through
/// an encoder. Home thread.
class ChannelMedia final : public ingest::TimelineSink,
                           public packagers::LiveOutput,
                           public EncoderOutput {
  public:
    struct Start {
        std::string epoch;
        /// Its segments are taken.
        ChannelContinuation* continuation = nullptr;
        bool fixed_grid = false;
    };
    ChannelMedia(const ChannelSettings& settings, Start start, const Clock& clock);

    void set_encoder(std::unique_ptr<LiveEncoder> encoder) { encoder_ = std::move(encoder); }
    void add_observer(std::unique_ptr<ChannelObserver> observer);
    void on_air(std::string_view input) {
        for (auto& observer : observers_) observer->on_air(input);
    }

    /// When what comes next arrived.
    void arrived(Clock::Monotonic when) { arrival_ = when; }
    /// A new view when something changed since the last one.
    [[nodiscard]] std::shared_ptr<const ChannelView> changed_view();
    /// Lets time pass.
    void advance(Clock::Monotonic now);
    /// Tracks that have been gone for long are given up then.
    [[nodiscard]] std::optional<Clock::Monotonic> deadline() const;
    /// No more units: false when an encoder has something left, which comes before on_drained.
    [[nodiscard]] bool drain();
    std::function<void()> on_drained;
    /// Closes everything, with ENDLIST unless it may continue.
    void finish(bool may_continue);
    void stored(std::size_t rendition, std::int64_t number, MediaBytes where);

    [[nodiscard]] LiveWindow& window() { return window_; }
    [[nodiscard]] const LiveWindow& window() const { return window_; }
    [[nodiscard]] std::uint64_t segments() const { return segments_; }
    [[nodiscard]] const packagers::LivePackagerCounts* packager_counts() const {
        return packager_ ? &packager_->counts() : nullptr;
    }

    // ingest::TimelineSink
    void on_track(const ingest::LiveTrack& track) override;
    void on_unit(ingest::TimedUnit unit) override;
    void on_marker(ingest::TimedMarker marker) override;
    void on_track_end(int track) override;
    void on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) override;

    // packagers::LiveOutput
    void on_rendition(std::size_t rendition,
                      const std::shared_ptr<const packagers::LiveInit>& init) override;
    void on_rendition_end(std::size_t rendition) override;
    void on_segment_start(std::size_t rendition, const packagers::LiveSegment& segment) override;
    void on_part(std::size_t rendition, const packagers::LivePart& part) override;
    void on_segment_end(std::size_t rendition,
                        std::shared_ptr<const packagers::LiveSegment> segment) override;
    [[nodiscard]] std::optional<packagers::WallTime> date_at(std::int64_t ns) override;

    // EncoderOutput
    void on_encoded_renditions(std::vector<packagers::LiveRenditionConfig> renditions,
                               std::vector<DeclaredRate> rates) override;
    void on_encoded(std::size_t rendition, packagers::LiveSample sample) override;
    void on_encoded_batch() override;
    void on_encoder_done() override;
    /// Called when an encoder's batch is over, so that the channel publishes.
    std::function<void()> on_batch;

  private:
    struct Track {
        ingest::LiveTrack described;
        std::optional<Clock::Monotonic> gone_since;
        std::size_t rendition = 0;
        bool packaged = false;
    };

    enum class Rebuild {
        kNo,
        kAtKey,  ///< at the next key frame, so that no picture is lost
        kNow,
    };

    void want(Rebuild when) { rebuild_ = std::max(rebuild_, when); }
    /// Whether what is wanted may be done in front of this unit.
    [[nodiscard]] bool may_rebuild(const ingest::TimedUnit& unit) const;
    [[nodiscard]] std::vector<packagers::LiveRenditionConfig> renditions_of_tracks();
    /// After tracks or timeline changed.
    [[nodiscard]] bool rebuild();
    /// Makes the packager, or begins a new timeline in it.
    [[nodiscard]] bool renew(std::vector<packagers::LiveRenditionConfig> renditions);
    /// Every video with the default audio, or the audio alone.
    void choose_ts();
    /// Transport streams of the segments that have closed.
    void add_ts(std::size_t rendition,
                const std::shared_ptr<const packagers::LiveSegment>& segment);
    void report(const Status& status);
    void tell_of_long_gops();
    void restore(ChannelContinuation& continuation);
    /// The window's number of a rendition: those of an earlier run keep theirs, by name.
    [[nodiscard]] std::size_t in_window(std::size_t rendition) const;

    std::string name_;
    OutputSettings output_;
    Start start_;
    const Clock& clock_;
    Clock::Monotonic arrival_;
    ingest::ArrivalClock dates_;
    BreakMarks breaks_;
    LiveWindow window_;
    std::optional<packagers::LivePackager> packager_;
    std::unique_ptr<LiveEncoder> encoder_;
    std::vector<std::unique_ptr<ChannelObserver>> observers_;
    std::map<int, Track> tracks_;
    std::map<std::string, std::size_t> renditions_;  ///< the packager's numbers, by name
    std::map<std::size_t, std::shared_ptr<const packagers::LiveInit>> inits_;
    std::vector<std::string> window_names_;  ///< by the window's numbers
    std::vector<std::size_t> in_window_;     ///< by the packager's numbers
    std::vector<std::size_t> encoded_;       ///< the same, by the encoder's numbers
    std::map<std::string, DeclaredRate> rates_;
    std::map<std::size_t, packagers::LiveTsWriter> ts_;  ///< by the rendition that has the pictures
    Rebuild rebuild_ = Rebuild::kNo;
    bool dirty_ = false;
    bool finished_ = false;
    std::uint64_t segments_ = 0;
    std::uint64_t refused_ = 0;  ///< samples or configurations that packaging did not take
    bool long_gops_told_ = false;
};

}  // namespace sg::live

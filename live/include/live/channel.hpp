#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <live/channel_filler.hpp>
#include <live/channel_observer.hpp>
#include <live/channel_settings.hpp>
#include <live/channel_state.hpp>
#include <live/live_encoder.hpp>
#include <live/playback.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>
#include <ingest/live_unit.hpp>
#include <ingest/timeline_repair.hpp>

namespace boost::asio {
class io_context;
}

namespace sg::live {

class Channel;

/// What a channel needs from around it.
struct ChannelContext {
    boost::asio::io_context& home;  ///< one thread runs it
    const Clock& clock;
    Metrics& metrics;
    std::string epoch;  ///< in the URLs of its segments; another one for each channel object
    /// What an earlier run of the service left; its segments are moved into the window.
    ChannelContinuation continuation;
    /// Null: passthrough. Called once, on the channel's thread.
    std::function<std::unique_ptr<LiveEncoder>(EncoderOutput&)> make_encoder;
};

/// A publisher or pull that feeds a channel. On the channel's thread. Ends with its last reference.
class ChannelFeed final : public ingest::LiveSink {
  public:
    ~ChannelFeed() override;
    ChannelFeed(const ChannelFeed&) = delete;
    ChannelFeed& operator=(const ChannelFeed&) = delete;

    /// When what is delivered next arrived.
    void arrived(Clock::Monotonic when) { arrival_ = when; }
    /// A batch of units is over: what it made is published.
    void batch_done();
    /// The publisher left. Nothing may follow.
    void close();
    /// Another publisher took its place, or the channel is gone: disconnect.
    [[nodiscard]] bool replaced() const { return channel_ == nullptr; }

    void on_track(const ingest::LiveTrack& track) override;
    void on_unit(ingest::LiveUnit unit) override;
    void on_marker(ingest::LiveMarker marker) override;
    void on_track_end(int track) override;
    void on_left_out(std::string_view what) override;

  private:
    friend class Channel;
    ChannelFeed() = default;

    std::shared_ptr<Channel> channel_;
    int input_ = -1;
    std::size_t slot_ = 0;
    Clock::Monotonic arrival_{};
    std::function<void(std::string_view)> on_replaced_;
};

struct ChannelStatus {
    std::string name;
    bool live = false;  ///< something is on air
    bool ended = false;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t segments = 0;
    std::uint64_t viewers = 0;  ///< of the last half minute
    ingest::RepairCounters repairs;
    std::string on_air;  ///< name of the input
};

/// One live channel: its inputs, their repaired timeline, packaging, and the window that viewers
/// see. Everything happens on its home thread, but what PlaybackChannel says.
class Channel final : public PlaybackChannel, public std::enable_shared_from_this<Channel> {
  public:
    [[nodiscard]] static std::shared_ptr<Channel> create(ChannelSettings settings,
                                                         ChannelContext context);
    ~Channel() override;

    [[nodiscard]] const ChannelSettings& settings() const;
    [[nodiscard]] boost::asio::io_context& home() const;

    /// Home thread. `slot` counts in ChannelSettings::inputs. kPermission while another publisher
    /// delivers and may not be replaced, kAgain once it has ended: the next session of its name is
    /// another channel. `on_replaced` is called, with the reason, when this feed loses its place.
    [[nodiscard]] Result<std::shared_ptr<ChannelFeed>> open_feed(
        std::size_t slot,
        const ingest::LiveClock& clock,
        std::function<void(std::string_view reason)> on_replaced);

    /// Home thread, before the first feed.
    void add_observer(std::unique_ptr<ChannelObserver> observer);
    /// Home thread: what goes on air while nothing arrives. Until it is ready there is nothing.
    /// Null: it could not be had, so the grace time counts as without.
    void set_filler(std::unique_ptr<ChannelFiller> filler);
    /// Home thread: its ready() has become true.
    void filler_ready();
    /// Home thread: whether the configuration still has its slate. Without, what fills it goes off
    /// air, and it ends when its publishers have left.
    void allow_filler(bool allowed);
    /// Home thread: this input goes on air as soon as it delivers, and stays while it does;
    /// nothing: the best one again. kNotFound when it has none of this name.
    [[nodiscard]] Status prefer_input(std::optional<std::string_view> input);
    /// Called once on the home thread, when nothing will come any more.
    void when_ended(std::function<void()> then);
    /// Home thread: ENDLIST now, or within a second when an encoder has something left.
    void end(std::string_view reason);
    /// Home thread: as end(), but playlists stay open, since the channel goes on after a restart.
    void pause(std::string_view reason);
    /// Home thread: a closed segment is in a file as well; `rendition` as observers see it.
    void stored(std::size_t rendition, std::int64_t number, MediaBytes where);
    /// Any thread: it takes no feed any more, and its playlists end within a second.
    [[nodiscard]] bool ended() const;
    [[nodiscard]] const std::string& epoch() const;
    [[nodiscard]] const ChannelContinuation& continuation() const;
    [[nodiscard]] std::optional<packagers::WallTime> availability_start() const;  ///< home thread
    [[nodiscard]] ChannelStatus status() const;                                   ///< home thread
    [[nodiscard]] std::uint64_t bytes_in_memory() const;  ///< of its window; home thread

    // PlaybackChannel, any thread.
    [[nodiscard]] std::string_view name() const override;
    [[nodiscard]] std::shared_ptr<const ChannelView> view() const override;
    [[nodiscard]] bool notify_once(const ChannelView* seen, std::function<void()> wake) override;
    void count_sent(std::uint64_t bytes) override;
    void count_viewer(std::uint64_t client_hash) override;

  private:
    friend class ChannelFeed;
    struct Impl;
    explicit Channel(std::unique_ptr<Impl> impl);

    void leave(std::string_view reason, bool may_continue);
    void finish(bool may_continue);
    void publish();
    void look_at_inputs();
    [[nodiscard]] bool may_fill() const;
    /// Nothing but what fills it is there: it ends when the grace time is over.
    void begin_grace();
    [[nodiscard]] std::string_view input_name(std::size_t slot) const;
    [[nodiscard]] std::shared_ptr<ChannelFeed> make_feed(std::size_t slot,
                                                         const ingest::LiveClock& clock,
                                                         bool filler);
    void closed(ChannelFeed& feed);
    void arm_timer();
    void on_timer();

    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::live

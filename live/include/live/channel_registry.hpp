#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include <live/channel.hpp>
#include <live/channel_settings.hpp>
#include <live/playback.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::live {

/// Channels that come into being when somebody publishes to a name that matches.
struct ChannelTemplate {
    std::string pattern = "live/*";  ///< "*" stands for any run of characters but "/"
    ChannelSettings settings;        ///< but for its name
};

struct RegistryOptions {
    std::vector<ChannelSettings> channels;
    std::vector<ChannelTemplate> templates;  ///< the first that matches counts
    std::vector<std::string> closed;         ///< names that templates make no channel for
    std::size_t max_channels = 2000;         ///< those that have ended give way
    /// Streams that have ended and can still be watched: the oldest are forgotten beyond these.
    std::size_t max_ended = 256;
    std::uint64_t max_ended_bytes = 256U << 20U;
};

/// Makes the encoder of a channel whose preset is not passthrough.
using EncoderFactory = std::function<std::unique_ptr<LiveEncoder>(
    const ChannelSettings&, boost::asio::io_context& home, EncoderOutput&)>;
/// What an earlier run of the service left of a channel. Any thread.
using ContinuationFinder = std::function<ChannelContinuation(const ChannelSettings&)>;
/// Recording, DVR and restreaming of a new channel. On its home thread, before its first feed.
using ObserverFactory = std::function<void(Channel&)>;

/// Begins what a new channel pulls. Any thread, with the registry held: it must not call back.
using InputStarter = std::function<void(const std::shared_ptr<Channel>&)>;

/// All live channels of a process. Any thread.
class ChannelRegistry final : public PlaybackDirectory {
  public:
    ChannelRegistry(RegistryOptions options,
                    std::vector<boost::asio::io_context*> homes,
                    const Clock& clock,
                    Metrics& metrics);
    ~ChannelRegistry() override;

    void set_encoder_factory(EncoderFactory factory) { make_encoder_ = std::move(factory); }
    void set_continuations(ContinuationFinder find) { find_continuation_ = std::move(find); }
    void set_input_starter(InputStarter start) { start_inputs_ = std::move(start); }
    void set_observer_factory(ObserverFactory factory) { observe_ = std::move(factory); }

    struct Place {
        std::shared_ptr<Channel> channel;
        std::size_t slot = 0;  ///< of ChannelSettings::inputs
    };
    /// Where a publisher of this name belongs. "live/NAME+backup" is the input "backup" of
    /// "live/NAME". A channel is made when there is none, or only one that has ended; `near` is its
    /// home then. kNotFound when nothing is configured for the name, kInvalidArgument for a name
    /// that cannot be, kLimit when there are too many channels.
    [[nodiscard]] Result<Place> place_for(std::string_view name, boost::asio::io_context& near);

    /// The channel of this name for an input that is pulled: the one that runs, or a new one at
    /// home on `near`.
    [[nodiscard]] Result<std::shared_ptr<Channel>> open(std::string_view name,
                                                        boost::asio::io_context& near);
    /// Null when there is none, or only one that has ended.
    [[nodiscard]] std::shared_ptr<Channel> running(std::string_view name) const;

    /// What a channel of this name is made with; nothing when none is configured.
    [[nodiscard]] std::optional<ChannelSettings> configured(std::string_view name) const;

    /// New settings for channels to come; those that run keep theirs, but for a slate that they
    /// have no more: it would never let them end.
    void reload(RegistryOptions options);
    /// Ends all channels, each on its own thread; only pauses them when they can be continued.
    void end_all(std::string_view reason);

    [[nodiscard]] std::shared_ptr<PlaybackChannel> find(std::string_view name) const override;
    [[nodiscard]] std::vector<std::shared_ptr<PlaybackChannel>> list() const override;
    [[nodiscard]] std::vector<std::shared_ptr<Channel>> channels() const;

  private:
    [[nodiscard]] std::optional<ChannelSettings> settings_for(std::string_view name) const;
    [[nodiscard]] Result<std::shared_ptr<Channel>> add(ChannelSettings settings,
                                                       boost::asio::io_context& home);
    [[nodiscard]] std::shared_ptr<Channel> make(ChannelSettings settings,
                                                boost::asio::io_context& home);
    void ended(const std::shared_ptr<Channel>& channel);
    void forget(const std::shared_ptr<Channel>& channel);
    void forget_oldest();

    std::vector<boost::asio::io_context*> homes_;
    const Clock& clock_;
    Metrics& metrics_;
    EncoderFactory make_encoder_;
    ObserverFactory observe_;
    InputStarter start_inputs_;
    ContinuationFinder find_continuation_;
    std::uint64_t epochs_ = 0;

    mutable std::shared_mutex mutex_;
    RegistryOptions options_;
    std::map<std::string, std::shared_ptr<Channel>, std::less<>> channels_;
    struct Ended {
        std::weak_ptr<Channel> channel;
        std::uint64_t bytes = 0;
    };
    std::deque<Ended> ended_;
    std::uint64_t ended_bytes_ = 0;
    std::uint64_t forgotten_bytes_ = 0;  ///< since memory was given back to the system
};

/// What the channel of this name is made with: "{name}" in its URLs and files stands for what
/// follows the slash in `name`.
[[nodiscard]] ChannelSettings settings_named(ChannelSettings shape, std::string_view name);

/// Whether `pattern` with "*" matches all of `name`.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

/// "application/stream" of letters, digits, ".", "_", "-", at most 64 each; no name begins with a
/// dot.
[[nodiscard]] bool valid_channel_name(std::string_view name);

}  // namespace sg::live

#include <algorithm>
#include <charconv>
#include <mutex>
#include <utility>

#include <malloc.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <live/channel_registry.hpp>

#include <base/log.hpp>

namespace sg::live {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
/// Of a channel beside its media.
constexpr std::uint64_t kChannelBytes = 64U << 10U;
/// The allocator keeps what is freed among what is not, unless told.
constexpr std::uint64_t kTrimBytes = 4U << 20U;

bool valid_segment(std::string_view text) {
    if (text.empty() || text.size() > kMaxNameBytes || text.front() == '.') return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    });
}

/// Short, ascending over restarts, and not the same for two channels of one millisecond.
std::string make_epoch(const Clock& clock, std::uint64_t count) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
            .count();
    const auto value = static_cast<std::uint64_t>(ms) * 64 + count % 64;
    std::string text(16, '\0');
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, 36).ptr;
    text.resize(static_cast<std::size_t>(end - text.data()));
    return text;
}

std::size_t slot_of(const ChannelSettings& settings, std::string_view input) {
    for (std::size_t i = 0; i < settings.inputs.size(); ++i) {
        if (settings.inputs[i].kind != InputKind::kPublish) continue;
        if (input.empty() || settings.inputs[i].name == input) return i;
    }
    return settings.inputs.size();
}

}  // namespace

ChannelSettings settings_named(ChannelSettings shape, std::string_view name) {
    constexpr std::string_view kPlace = "{name}";
    const auto stream = name.substr(name.find('/') + 1);
    const auto put = [&](std::string& text) {
        for (auto at = text.find(kPlace); at != std::string::npos;
             at = text.find(kPlace, at + stream.size()))
            text.replace(at, kPlace.size(), stream);
    };
    shape.name = name;
    for (auto& input : shape.inputs) put(input.url);
    for (auto& target : shape.restream) put(target.url);
    put(shape.slate.image);
    return shape;
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == name;
    if (name.substr(0, star) != pattern.substr(0, star)) return false;
    const auto rest = pattern.substr(star + 1);
    for (std::size_t end = star; end <= name.size(); ++end) {
        if (matches_pattern(rest, name.substr(end))) return true;
        if (end < name.size() && name[end] == '/') return false;
    }
    return false;
}

bool valid_channel_name(std::string_view name) {
    const auto slash = name.find('/');
    return slash != std::string_view::npos && valid_segment(name.substr(0, slash)) &&
           valid_segment(name.substr(slash + 1));
}

ChannelRegistry::ChannelRegistry(RegistryOptions options,
                                 std::vector<boost::asio::io_context*> homes,
                                 const Clock& clock,
                                 Metrics& metrics)
    : homes_(std::move(homes)), clock_(clock), metrics_(metrics), options_(std::move(options)) {}

ChannelRegistry::~ChannelRegistry() = default;

Result<ChannelRegistry::Place> ChannelRegistry::place_for(std::string_view name,
                                                          boost::asio::io_context& near) {
    std::string_view input;
    if (const auto plus = name.find('+'); plus != std::string_view::npos) {
        input = name.substr(plus + 1);
        name = name.substr(0, plus);
    }
    if (!valid_channel_name(name)) {
        return Error{Errc::kInvalidArgument,
                     "publish: a stream's name is APPLICATION/NAME, each of at most 64 letters, "
                     "digits, '.', '_' and '-'"};
    }
    const std::unique_lock lock(mutex_);
    const auto found = channels_.find(name);
    if (found != channels_.end() && !found->second->ended()) {
        const auto slot = slot_of(found->second->settings(), input);
        if (slot < found->second->settings().inputs.size()) return Place{found->second, slot};
        return Error{Errc::kNotFound,
                     fmt::format("publish to {}: it has no such input for publishers", name)};
    }
    auto settings = settings_for(name);
    if (!settings)
        return Error{Errc::kNotFound, fmt::format("publish to {}: no such channel", name)};
    const auto slot = slot_of(*settings, input);
    if (slot >= settings->inputs.size())
        return Error{Errc::kNotFound,
                     fmt::format("publish to {}: it has no such input for publishers", name)};
    auto channel = add(std::move(*settings), near);
    if (!channel) return channel.error().within("publish");
    return Place{std::move(*channel), slot};
}

Result<std::shared_ptr<Channel>> ChannelRegistry::open(std::string_view name,
                                                       boost::asio::io_context& near) {
    const std::unique_lock lock(mutex_);
    const auto found = channels_.find(name);
    if (found != channels_.end() && !found->second->ended()) return found->second;
    auto settings = settings_for(name);
    if (!settings)
        return Error{Errc::kNotFound, fmt::format("open {}: no such channel is configured", name)};
    return add(std::move(*settings), near);
}

/// In place of one that has ended. The registry is held.
Result<std::shared_ptr<Channel>> ChannelRegistry::add(ChannelSettings settings,
                                                      boost::asio::io_context& home) {
    const auto name = settings.name;
    if (const auto found = channels_.find(name); found != channels_.end()) {
        const auto before = found->second;
        forget(before);
    }
    while (channels_.size() >= options_.max_channels && !ended_.empty()) forget_oldest();
    if (channels_.size() >= options_.max_channels)
        return Error{
            Errc::kLimit,
            fmt::format(
                "open {}: {} channels exist already, which is the limit", name, channels_.size())};
    auto channel = make(std::move(settings), home);
    channels_.insert_or_assign(name, channel);
    return channel;
}

std::shared_ptr<Channel> ChannelRegistry::running(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = channels_.find(name);
    if (found == channels_.end() || found->second->ended()) return nullptr;
    return found->second;
}

std::shared_ptr<Channel> ChannelRegistry::make(ChannelSettings settings,
                                               boost::asio::io_context& home) {
    ChannelContext context{home, clock_, metrics_, make_epoch(clock_, epochs_++), {}, {}};
    if (find_continuation_) context.continuation = find_continuation_(settings);
    if (settings.preset != "passthrough" && make_encoder_) {
        context.make_encoder = [this, settings, &home](EncoderOutput& output) {
            return make_encoder_(settings, home, output);
        };
    }
    auto channel = Channel::create(std::move(settings), std::move(context));
    channel->when_ended([this, weak = std::weak_ptr(channel)] {
        if (const auto self = weak.lock()) ended(self);
    });
    if (observe_) observe_(*channel);
    if (start_inputs_) start_inputs_(channel);
    return channel;
}

void ChannelRegistry::ended(const std::shared_ptr<Channel>& channel) {
    const std::unique_lock lock(mutex_);
    const auto found = channels_.find(channel->name());
    const bool replaced = found == channels_.end() || found->second != channel;
    const bool empty = channel->status().segments == 0 && channel->continuation().next_number == 0;
    if (replaced || empty) {
        forget(channel);
        return;
    }
    ended_.push_back({channel, channel->bytes_in_memory() + kChannelBytes});
    ended_bytes_ += ended_.back().bytes;
    while (ended_.size() > options_.max_ended ||
           (ended_.size() > 1 && ended_bytes_ > options_.max_ended_bytes))
        forget_oldest();
    auto timer = std::make_shared<boost::asio::steady_timer>(channel->home(),
                                                             channel->settings().keep_ended);
    timer->async_wait(
        [this, timer, weak = std::weak_ptr(channel)](const boost::system::error_code& failed) {
            const auto due = weak.lock();
            if (failed || !due) return;
            const std::unique_lock held(mutex_);
            forget(due);
        });
}

/// Of those that have ended. The registry is held.
void ChannelRegistry::forget_oldest() {
    if (const auto oldest = ended_.front().channel.lock()) {
        forget(oldest);
        return;
    }
    ended_bytes_ -= ended_.front().bytes;
    ended_.pop_front();
}

/// The registry is held.
void ChannelRegistry::forget(const std::shared_ptr<Channel>& channel) {
    const auto found = channels_.find(channel->name());
    if (found != channels_.end() && found->second == channel) channels_.erase(found);
    std::uint64_t bytes = kChannelBytes;
    const auto entry = std::find_if(ended_.begin(), ended_.end(), [&](const Ended& each) {
        return each.channel.lock() == channel;
    });
    if (entry != ended_.end()) {
        bytes = entry->bytes;
        ended_bytes_ -= bytes;
        ended_.erase(entry);
    }
    forgotten_bytes_ += bytes;
    const bool trim = forgotten_bytes_ >= kTrimBytes;
    if (trim) forgotten_bytes_ = 0;
    // Its last reference goes on its own thread.
    boost::asio::post(channel->home(), [last = channel, trim]() mutable {
        last.reset();
        if (trim) malloc_trim(0);
    });
}

std::optional<ChannelSettings> ChannelRegistry::settings_for(std::string_view name) const {
    for (const auto& channel : options_.channels) {
        if (channel.name == name) return channel;
    }
    if (std::ranges::find(options_.closed, name) != options_.closed.end()) return std::nullopt;
    for (const auto& each : options_.templates) {
        if (!matches_pattern(each.pattern, name)) continue;
        return settings_named(each.settings, name);
    }
    return std::nullopt;
}

std::optional<ChannelSettings> ChannelRegistry::configured(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    return settings_for(name);
}

void ChannelRegistry::reload(RegistryOptions options) {
    const std::unique_lock lock(mutex_);
    options_ = std::move(options);
    for (const auto& [name, channel] : channels_) {
        const auto settings = settings_for(name);
        boost::asio::post(channel->home(),
                          [channel = channel, allowed = settings && settings->slate.enabled] {
                              channel->allow_filler(allowed);
                          });
    }
}

void ChannelRegistry::end_all(std::string_view reason) {
    for (const auto& channel : channels()) {
        boost::asio::post(
            channel->home(),
            [channel, text = std::string(reason), pause = find_continuation_ != nullptr] {
                if (pause)
                    channel->pause(text);
                else
                    channel->end(text);
            });
    }
}

std::shared_ptr<PlaybackChannel> ChannelRegistry::find(std::string_view name) const {
    const std::shared_lock lock(mutex_);
    const auto found = channels_.find(name);
    return found == channels_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<PlaybackChannel>> ChannelRegistry::list() const {
    const std::shared_lock lock(mutex_);
    std::vector<std::shared_ptr<PlaybackChannel>> all;
    for (const auto& [name, channel] : channels_) all.push_back(channel);
    return all;
}

std::vector<std::shared_ptr<Channel>> ChannelRegistry::channels() const {
    const std::shared_lock lock(mutex_);
    std::vector<std::shared_ptr<Channel>> all;
    for (const auto& [name, channel] : channels_) all.push_back(channel);
    return all;
}

}  // namespace sg::live

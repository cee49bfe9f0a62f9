#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <live/channel.hpp>
#include <live/input_switch.hpp>

#include <base/log.hpp>

#include "channel_media.hpp"
#include "channel_metrics.hpp"
#include "picture_hold.hpp"
#include "silence_fill.hpp"
#include "viewer_count.hpp"

namespace sg::live {
namespace {

std::int64_t nanoseconds(Clock::Monotonic time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

Clock::Monotonic instant(std::int64_t ns) {
    return Clock::Monotonic(
        std::chrono::duration_cast<Clock::Monotonic::duration>(std::chrono::nanoseconds(ns)));
}

const std::string kSlate = "slate";
/// How long what an encoder has left is waited for at the end.
constexpr auto kDrain = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kLongestHeld = std::chrono::milliseconds(500);
constexpr ingest::LiveClock kFillerClock{1'000'000'000, 64};

SwitchPolicy switch_policy(const ChannelSettings& settings) {
    SwitchPolicy policy;
    policy.silence = settings.silence;
    policy.stable = settings.stable;
    return policy;
}

}  // namespace

struct Channel::Impl {
    Impl(ChannelSettings channel_settings, ChannelContext channel_context, bool encoded)
        : settings(std::move(channel_settings)),
          context(std::move(channel_context)),
          media(settings, {context.epoch, &context.continuation, encoded}, context.clock),
          pictures(encoded ? nullptr : hold_pictures()),
          silence(settings.name, pictures ? static_cast<ingest::TimelineSink&>(*pictures) : media),
          repair(silence),
          inputs(switch_policy(settings), repair),
          timer(context.home),
          feeds(settings.inputs.size() + 1),
          current(media.window().view(context.clock.wall())) {
        const MetricLabels labels{{"channel", settings.name}};
        auto& metrics = context.metrics;
        bytes_in = metrics.counter(
            "streamgate_channel_received_bytes_total", "Media bytes that arrived.", labels);
        bytes_out = metrics.counter(
            "streamgate_channel_sent_bytes_total", "Bytes of bodies sent to viewers.", labels);
        segments = metrics.gauge(
            "streamgate_channel_segments", "Segments made, of all renditions.", labels);
        viewers =
            metrics.gauge("streamgate_channel_viewers", "Viewers of the last half minute.", labels);
        on_air = metrics.gauge(
            "streamgate_channel_on_air", "1 while an input delivers, else 0.", labels);
        for (std::size_t slot = 0; slot < feeds.size(); ++slot) {
            const auto name = slot < settings.inputs.size() ? settings.inputs[slot].name : kSlate;
            if (slot == settings.inputs.size() && !settings.slate.enabled) break;
            input_on_air.push_back(metrics.gauge("streamgate_channel_input_on_air",
                                                 "1 for the input that viewers see, else 0.",
                                                 {{"channel", settings.name}, {"input", name}}));
        }
    }

    std::unique_ptr<PictureHold> hold_pictures() {
        const std::chrono::nanoseconds part = settings.output.part;
        return std::make_unique<PictureHold>(
            settings.name, std::min(part, kLongestHeld).count(), media);
    }

    ChannelSettings settings;
    ChannelContext context;
    ChannelMedia media;
    std::unique_ptr<PictureHold> pictures;  ///< an encoder holds pictures by itself
    SilenceFill silence;
    ingest::TimelineRepair repair;
    InputSwitch inputs;
    boost::asio::steady_timer timer;
    std::optional<Clock::Monotonic> timer_due;
    std::optional<Clock::Monotonic> grace_until;
    std::vector<ChannelFeed*> feeds;  ///< by slot, the filler's last; null where nobody feeds
    std::unique_ptr<ChannelFiller> filler;
    bool filling = false;
    bool filler_allowed = true;
    std::optional<int> seen_on_air;
    std::vector<Gauge> input_on_air;
    std::vector<std::function<void()>> ended_callbacks;
    bool ended = false;
    bool finished = false;  ///< soon after it has ended
    std::uint64_t received = 0;

    // What any thread may use.
    std::atomic<bool> over{false};
    std::atomic<std::shared_ptr<const ChannelView>> current;
    std::mutex waiting_mutex;
    std::vector<std::function<void()>> waiting;
    std::atomic<std::uint64_t> sent{0};
    ViewerCount viewer_count;

    Counter bytes_in;
    Counter bytes_out;
    Gauge segments;
    Gauge viewers;
    Gauge on_air;
};

std::shared_ptr<Channel> Channel::create(ChannelSettings settings, ChannelContext context) {
    auto make_encoder = std::move(context.make_encoder);
    const bool encoded = make_encoder != nullptr;
    auto channel = std::shared_ptr<Channel>(
        new Channel(std::make_unique<Impl>(std::move(settings), std::move(context), encoded)));
    auto& impl = *channel->impl_;
    impl.media.on_batch = [raw = channel.get()] { raw->publish(); };
    // From a handler of the timer's: the encoder is in the middle of its own.
    impl.media.on_drained = [&impl] { impl.timer.cancel(); };
    impl.media.add_observer(std::make_unique<ChannelMetrics>(
        impl.settings.name, impl.context.metrics, impl.context.clock, [&impl] {
            const auto* packaging = impl.media.packager_counts();
            return ChannelTotals{
                impl.repair.counters(),
                packaging != nullptr ? *packaging : packagers::LivePackagerCounts(),
                impl.repair.arrival_skew_ns(),
                impl.inputs.switches(),
                impl.silence.frames(),
                impl.pictures ? impl.pictures->pictures() : 0,
                impl.media.window().bytes_in_memory()};
        }));
    if (make_encoder) impl.media.set_encoder(make_encoder(impl.media));
    return channel;
}

Channel::Channel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Channel::~Channel() = default;

const ChannelSettings& Channel::settings() const {
    return impl_->settings;
}

boost::asio::io_context& Channel::home() const {
    return impl_->context.home;
}

Result<std::shared_ptr<ChannelFeed>> Channel::open_feed(
    std::size_t slot,
    const ingest::LiveClock& clock,
    std::function<void(std::string_view reason)> on_replaced) {
    auto& impl = *impl_;
    if (impl.ended)
        return Error{Errc::kAgain, fmt::format("publish to {}: the stream has ended", name())};
    const auto now = impl.context.clock.now();
    if (auto* before = impl.feeds[slot]) {
        const auto idle = nanoseconds(now) - impl.inputs.last_arrival_ns(before->input_);
        const bool silent = std::chrono::nanoseconds(idle) >= impl.settings.silence;
        if (!silent && impl.settings.conflict == Conflict::kRefuse) {
            return Error{Errc::kPermission,
                         fmt::format("publish to {}: another publisher is live", name())};
        }
        const auto replaced = std::exchange(before->on_replaced_, nullptr);
        before->close();
        if (replaced) replaced("another publisher took over this stream");
    }
    auto feed = make_feed(slot, clock, false);
    feed->on_replaced_ = std::move(on_replaced);
    impl.grace_until.reset();
    impl.on_air.set(1);
    log::info("live_input_open channel={} input={}", name(), input_name(slot));
    look_at_inputs();
    arm_timer();
    return feed;
}

std::shared_ptr<ChannelFeed> Channel::make_feed(std::size_t slot,
                                                const ingest::LiveClock& clock,
                                                bool filler) {
    auto& impl = *impl_;
    const auto now = impl.context.clock.now();
    auto feed = std::shared_ptr<ChannelFeed>(new ChannelFeed());
    feed->channel_ = shared_from_this();
    feed->slot_ = slot;
    feed->arrival_ = now;
    impl.media.arrived(now);
    impl.feeds[slot] = feed.get();
    feed->input_ = impl.inputs.open(static_cast<int>(slot), clock, nanoseconds(now), filler);
    return feed;
}

std::string_view Channel::input_name(std::size_t slot) const {
    const auto& inputs = impl_->settings.inputs;
    return slot < inputs.size() ? inputs[slot].name : kSlate;
}

void Channel::set_filler(std::unique_ptr<ChannelFiller> filler) {
    auto& impl = *impl_;
    impl.filler = std::move(filler);
    impl.inputs.expect_filler(impl.filler != nullptr);
    begin_grace();
    look_at_inputs();
    arm_timer();
}

void Channel::allow_filler(bool allowed) {
    auto& impl = *impl_;
    if (impl.ended || std::exchange(impl.filler_allowed, allowed) == allowed || !impl.filler)
        return;
    if (allowed)
        impl.grace_until.reset();
    else if (std::exchange(impl.filling, false))
        impl.filler->stop();
    begin_grace();
    look_at_inputs();
    publish();
    arm_timer();
}

bool Channel::may_fill() const {
    return impl_->filler != nullptr && impl_->filler_allowed;
}

void Channel::begin_grace() {
    auto& impl = *impl_;
    // A slate has a limit of its own, if any.
    if (impl.ended || may_fill() || impl.inputs.inputs() > 0) return;
    impl.grace_until = impl.context.clock.now() + impl.settings.grace;
}

void Channel::filler_ready() {
    look_at_inputs();
    arm_timer();
}

/// Starts and stops what fills the channel, and tells what is on air.
void Channel::look_at_inputs() {
    auto& impl = *impl_;
    if (impl.ended) return;
    const auto now = impl.context.clock.now();
    if (may_fill() && impl.filler->ready()) {
        if (!impl.filling && impl.inputs.idle(nanoseconds(now))) {
            impl.filling = true;
            const auto limit = impl.settings.slate.limit;
            if (limit.count() > 0 && !impl.grace_until) impl.grace_until = now + limit;
            impl.filler->start(make_feed(impl.settings.inputs.size(), kFillerClock, true));
        } else if (impl.filling && impl.inputs.on_air() && !impl.inputs.filling()) {
            impl.filling = false;
            impl.grace_until.reset();
            impl.filler->stop();
        }
    }
    if (impl.seen_on_air == impl.inputs.on_air()) return;
    impl.seen_on_air = impl.inputs.on_air();
    for (std::size_t slot = 0; slot < impl.input_on_air.size(); ++slot) {
        const auto* feed = impl.feeds[slot];
        const bool shown = feed != nullptr && impl.seen_on_air == feed->input_;
        impl.input_on_air[slot].set(shown ? 1 : 0);
        if (!shown) continue;
        log::info("live_on_air channel={} input={}", name(), input_name(slot));
        impl.media.on_air(input_name(slot));
    }
}

void Channel::add_observer(std::unique_ptr<ChannelObserver> observer) {
    impl_->media.add_observer(std::move(observer));
}

Status Channel::prefer_input(std::optional<std::string_view> input) {
    auto& impl = *impl_;
    if (!input) {
        impl.inputs.prefer(std::nullopt);
        log::info("live_input_preferred channel={} input=any", name());
        return {};
    }
    const auto found = std::ranges::find(impl.settings.inputs, *input, &InputSettings::name);
    if (found == impl.settings.inputs.end())
        return Error{Errc::kNotFound, fmt::format("switch {}: it has no input {}", name(), *input)};
    impl.inputs.prefer(static_cast<int>(found - impl.settings.inputs.begin()));
    log::info("live_input_preferred channel={} input={}", name(), *input);
    return {};
}

void Channel::when_ended(std::function<void()> then) {
    impl_->ended_callbacks.push_back(std::move(then));
}

void Channel::stored(std::size_t rendition, std::int64_t number, MediaBytes where) {
    impl_->media.stored(rendition, number, std::move(where));
}

bool Channel::ended() const {
    return impl_->over.load(std::memory_order_acquire);
}

const std::string& Channel::epoch() const {
    return impl_->context.epoch;
}

const ChannelContinuation& Channel::continuation() const {
    return impl_->context.continuation;
}

std::optional<packagers::WallTime> Channel::availability_start() const {
    return impl_->media.window().availability_start();
}

void Channel::end(std::string_view reason) {
    leave(reason, false);
}

void Channel::pause(std::string_view reason) {
    leave(reason, true);
}

void Channel::leave(std::string_view reason, bool may_continue) {
    auto& impl = *impl_;
    if (std::exchange(impl.ended, true)) return;
    const auto keep = shared_from_this();
    log::info("live_channel_end channel={} reason=\"{}\"", name(), reason);
    impl.timer.cancel();
    if (std::exchange(impl.filling, false)) impl.filler->stop();
    for (auto* feed : impl.feeds) {
        if (feed == nullptr) continue;
        const auto replaced = std::exchange(feed->on_replaced_, nullptr);
        feed->close();
        if (replaced) replaced(reason);
    }
    impl.on_air.set(0);
    for (const auto& gauge : impl.input_on_air) gauge.set(0);
    impl.over.store(true, std::memory_order_release);
    if (may_continue || impl.media.drain()) {
        finish(may_continue);
        return;
    }
    impl.timer.expires_after(kDrain);
    impl.timer.async_wait([keep](const boost::system::error_code&) { keep->finish(false); });
}

void Channel::finish(bool may_continue) {
    auto& impl = *impl_;
    if (std::exchange(impl.finished, true)) return;
    impl.media.finish(may_continue);
    publish();
    for (auto& then : std::exchange(impl.ended_callbacks, {})) then();
}

ChannelStatus Channel::status() const {
    const auto& impl = *impl_;
    ChannelStatus status;
    status.name = impl.settings.name;
    status.ended = impl.ended;
    status.bytes_in = impl.received;
    status.bytes_out = impl.sent.load(std::memory_order_relaxed);
    status.segments = impl.media.segments();
    status.viewers = impl.viewer_count.count(impl.context.clock.now());
    status.repairs = impl.repair.counters();
    for (std::size_t slot = 0; slot < impl.feeds.size(); ++slot) {
        if (impl.feeds[slot] == nullptr || impl.inputs.on_air() != impl.feeds[slot]->input_)
            continue;
        status.live = true;
        status.on_air = input_name(slot);
    }
    return status;
}

std::uint64_t Channel::bytes_in_memory() const {
    return impl_->media.window().bytes_in_memory();
}

std::string_view Channel::name() const {
    return impl_->settings.name;
}

std::shared_ptr<const ChannelView> Channel::view() const {
    return impl_->current.load(std::memory_order_acquire);
}

bool Channel::notify_once(const ChannelView* seen, std::function<void()> wake) {
    const std::lock_guard lock(impl_->waiting_mutex);
    if (view().get() != seen) return false;
    impl_->waiting.push_back(std::move(wake));
    return true;
}

void Channel::count_sent(std::uint64_t bytes) {
    impl_->sent.fetch_add(bytes, std::memory_order_relaxed);
    impl_->bytes_out.add(bytes);
}

void Channel::count_viewer(std::uint64_t client_hash) {
    impl_->viewer_count.seen(client_hash, impl_->context.clock.now());
}

void Channel::publish() {
    auto& impl = *impl_;
    auto view = impl.media.changed_view();
    if (!view) return;
    std::vector<std::function<void()>> wake;
    {
        const std::lock_guard lock(impl.waiting_mutex);
        impl.current.store(std::move(view), std::memory_order_release);
        wake.swap(impl.waiting);
    }
    for (auto& each : wake) each();
    impl.segments.set(static_cast<double>(impl.media.segments()));
}

void Channel::closed(ChannelFeed& feed) {
    auto& impl = *impl_;
    const auto now = impl.context.clock.now();
    impl.media.arrived(now);
    impl.feeds[feed.slot_] = nullptr;
    impl.inputs.close(feed.input_, nanoseconds(now));
    if (feed.slot_ == impl.settings.inputs.size()) return;
    log::info("live_input_closed channel={} input={}", name(), input_name(feed.slot_));
    if (impl.ended) return;
    if (impl.inputs.inputs() == (impl.filling ? 1U : 0U)) {
        impl.on_air.set(0);
        begin_grace();
    }
    look_at_inputs();
    publish();
    arm_timer();
}

/// One timer a channel, and none while everything flows.
void Channel::arm_timer() {
    auto& impl = *impl_;
    std::optional<Clock::Monotonic> due = impl.grace_until;
    const auto sooner = [&due](std::optional<Clock::Monotonic> other) {
        if (other && (!due || *other < *due)) due = other;
    };
    if (const auto ns = impl.inputs.deadline_ns()) sooner(instant(*ns));
    sooner(impl.media.deadline());
    if (impl.ended || !due) {
        if (impl.timer_due) impl.timer.cancel();
        impl.timer_due.reset();
        return;
    }
    // A deadline that moves into the future needs no new timer yet: the old one looks again.
    if (impl.timer_due && *impl.timer_due <= *due) return;
    impl.timer_due = due;
    impl.timer.expires_at(*due);
    impl.timer.async_wait([weak = weak_from_this()](const boost::system::error_code& failed) {
        if (failed) return;
        if (const auto self = weak.lock()) self->on_timer();
    });
}

void Channel::on_timer() {
    auto& impl = *impl_;
    const auto now = impl.context.clock.now();
    impl.timer_due.reset();
    if (impl.ended) return;
    if (impl.grace_until && now >= *impl.grace_until) {
        end(may_fill() ? "only its slate was on air for as long as is allowed"
                       : "no publisher came back within the grace time");
        return;
    }
    impl.media.advance(now);
    impl.inputs.advance(nanoseconds(now));
    look_at_inputs();
    publish();
    arm_timer();
}

ChannelFeed::~ChannelFeed() {
    close();
}

void ChannelFeed::close() {
    if (const auto channel = std::exchange(channel_, nullptr)) channel->closed(*this);
}

void ChannelFeed::batch_done() {
    const auto channel = channel_;
    if (!channel) return;
    channel->look_at_inputs();
    channel->publish();
    channel->arm_timer();
}

void ChannelFeed::on_track(const ingest::LiveTrack& track) {
    if (!channel_) return;
    auto& impl = *channel_->impl_;
    impl.media.arrived(arrival_);
    impl.inputs.track(input_, track, nanoseconds(arrival_));
}

void ChannelFeed::on_unit(ingest::LiveUnit unit) {
    if (!channel_) return;
    auto& impl = *channel_->impl_;
    impl.received += unit.data.size();
    impl.bytes_in.add(unit.data.size());
    impl.media.arrived(arrival_);
    impl.inputs.unit(input_, std::move(unit), nanoseconds(arrival_));
}

void ChannelFeed::on_marker(ingest::LiveMarker marker) {
    if (!channel_) return;
    channel_->impl_->inputs.marker(input_, std::move(marker), nanoseconds(arrival_));
}

void ChannelFeed::on_track_end(int track) {
    if (!channel_) return;
    auto& impl = *channel_->impl_;
    impl.media.arrived(arrival_);
    impl.inputs.track_end(input_, track, nanoseconds(arrival_));
}

void ChannelFeed::on_left_out(std::string_view what) {
    if (!channel_) return;
    log::info("live_left_out channel={} input={} what=\"{}\"",
              channel_->name(),
              channel_->input_name(slot_),
              what);
}

}  // namespace sg::live

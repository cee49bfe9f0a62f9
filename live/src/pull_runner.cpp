#include "pull_runner.hpp"

#include <random>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <base/log.hpp>

#include "pull_url.hpp"

namespace sg::live {
namespace {

namespace asio = boost::asio;

/// An input that has delivered and then is silent for so long is left and tried anew.
constexpr auto kSilence = std::chrono::seconds(10);
constexpr auto kLook = std::chrono::seconds(2);
/// One that has delivered for so long was no false start.
constexpr auto kGood = std::chrono::seconds(10);
/// The channel has moved to another thread, or began anew.
constexpr auto kSoon = std::chrono::milliseconds(50);

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

std::string what_of(const InputSettings& input) {
    switch (input.kind) {
        case InputKind::kTestCard:
            return "test card";
        case InputKind::kFileLoop:
            return "file " + shown_url(input.url);
        case InputKind::kPull:
        case InputKind::kPublish:
            break;
    }
    return shown_url(input.url);
}

}  // namespace

PullRunner::PullRunner(Setup setup, PullContext context)
    : setup_(std::move(setup)),
      context_(std::move(context)),
      home_(&context_.home),
      backoff_(random_seed()),
      shown_(what_of(setup_.input)) {
    const MetricLabels labels{{"channel", context_.channel}, {"input", setup_.input.name}};
    connected_ = setup_.metrics.gauge(
        "streamgate_pull_connected", "1 while a pulled input delivers, else 0.", labels);
    attempts_ = setup_.metrics.counter(
        "streamgate_pull_attempts_total", "Attempts to get a pulled input.", labels);
}

void PullRunner::start() {
    asio::post(home(), [self = shared_from_this()] { self->attempt(); });
}

void PullRunner::stop() {
    // It moves between attempts only, and not once it is stopped.
    stopped_ = true;
    asio::post(home(), [self = shared_from_this()] { self->leave(); });
}

void PullRunner::attempt() {
    if (stopped_) return;
    if (setup_.bound && setup_.only.expired()) return;
    // A publisher may have brought the channel into being, on another thread.
    if (const auto channel = setup_.registry.running(context_.channel);
        channel && &channel->home() != &home()) {
        home_ = &channel->home();
        asio::post(home(), [self = shared_from_this()] { self->attempt(); });
        return;
    }
    ++attempt_;
    attempts_.add();
    leaving_ = false;
    PullContext context{home(),
                        context_.clock,
                        context_.srt,
                        context_.threads,
                        context_.channel,
                        context_.executable,
                        context_.argv};
    auto source = make_pull_source(setup_.input, context, *this);
    if (!source) {
        lose(source.error(), false);
        return;
    }
    source_ = std::move(*source);
    source_->start();
    watch_silence();
}

ChannelFeed* PullRunner::feed(const ingest::LiveClock& clock) {
    if (stopped_ || leaving_) return nullptr;
    if (feed_ && !feed_->replaced()) return feed_.get();
    if (feed_) {
        lose({Errc::kCancelled, "the channel ended"}, true);
        return nullptr;
    }
    auto channel = setup_.only.lock();
    if (!setup_.bound) {
        auto opened = setup_.registry.open(context_.channel, home());
        if (!opened) {
            lose(opened.error(), false);
            return nullptr;
        }
        channel = std::move(*opened);
    }
    if (!channel) return nullptr;
    if (&channel->home() != &home()) {
        lose({Errc::kAgain, "its channel lives on another thread"}, true);
        return nullptr;
    }
    const auto& inputs = channel->settings().inputs;
    if (setup_.slot >= inputs.size() || inputs[setup_.slot].name != setup_.input.name) {
        lose({Errc::kAgain, "the channel that runs was configured otherwise"}, false);
        return nullptr;
    }
    auto opened =
        channel->open_feed(setup_.slot, clock, [weak = weak_from_this()](std::string_view reason) {
            if (const auto self = weak.lock())
                self->lose({Errc::kCancelled, std::string(reason)}, true);
        });
    if (!opened) {
        lose(opened.error(), opened.error().code == Errc::kAgain);
        return nullptr;
    }
    feed_ = std::move(*opened);
    since_ = last_ = context_.clock.now();
    told_.clear();
    connected_.set(1);
    log::info("live_pull_connected channel={} input={} from=\"{}\"",
              context_.channel,
              setup_.input.name,
              shown_);
    return feed_.get();
}

void PullRunner::delivered() {
    last_ = context_.clock.now();
    if (since_ && last_ - *since_ >= kGood) backoff_.reset();
    if (feed_) feed_->batch_done();
}

void PullRunner::on_gone(Error why) {
    lose(why, false);
}

void PullRunner::lose(const Error& why, bool at_once) {
    if (std::exchange(leaving_, true) || stopped_) return;
    const auto wait =
        at_once ? std::chrono::duration_cast<std::chrono::milliseconds>(kSoon) : backoff_.next();
    if (told_ != why.message) {
        log::warn("live_pull_lost channel={} input={} from=\"{}\" retry_ms={} error=\"{}\"",
                  context_.channel,
                  setup_.input.name,
                  shown_,
                  wait.count(),
                  why.message);
        told_ = why.message;
    }
    // The source is on the stack.
    asio::post(home(), [self = shared_from_this(), wait] {
        self->leave();
        if (!self->stopped_) self->again_in(wait);
    });
}

void PullRunner::leave() {
    timer_.reset();
    source_.reset();
    if (feed_) feed_->close();
    feed_.reset();
    since_.reset();
    connected_.set(0);
}

void PullRunner::again_in(std::chrono::milliseconds wait) {
    timer_ = std::make_unique<asio::steady_timer>(home(), wait);
    timer_->async_wait(
        [weak = weak_from_this(), attempt = attempt_](const boost::system::error_code& failed) {
            const auto self = weak.lock();
            if (!failed && self && self->attempt_ == attempt) self->attempt();
        });
}

void PullRunner::watch_silence() {
    if (leaving_) return;
    timer_ = std::make_unique<asio::steady_timer>(home(), kLook);
    timer_->async_wait([weak = weak_from_this(),
                        attempt = attempt_](const boost::system::error_code& failed) {
        const auto self = weak.lock();
        if (failed || !self || self->attempt_ != attempt || self->leaving_ || self->stopped_)
            return;
        if (self->since_ && self->context_.clock.now() - self->last_ >= kSilence) {
            self->lose({Errc::kTimeout, fmt::format("nothing has come for {} s", kSilence.count())},
                       false);
            return;
        }
        self->watch_silence();
    });
}

}  // namespace sg::live

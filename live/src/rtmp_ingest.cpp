#include <atomic>
#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <live/rtmp_ingest.hpp>

#include <base/log.hpp>
#include <ingest/flv_depacketizer.hpp>
#include <process/message.hpp>

namespace sg::live {
namespace {

namespace asio = boost::asio;

/// One publisher. Its socket lives on the server's context, everything else on the channel's home;
/// mostly these are the same, and nothing is posted then.
class Publisher final : public protocols::RtmpPublishSink {
  public:
    Publisher(asio::io_context& home, const Clock& clock)
        : state_(std::make_shared<State>()), home_(home), clock_(clock) {}

    /// On the home thread.
    void attach(std::shared_ptr<ChannelFeed> feed) {
        state_->feed = std::move(feed);
        state_->depacketizer.emplace(*state_->feed);
    }

    void on_messages(std::span<protocols::RtmpMessage> messages) override {
        const auto now = clock_.now();
        if (home_.get_executor().running_in_this_thread()) {
            state_->take(messages, now);
            return;
        }
        std::vector<protocols::RtmpMessage> batch(std::make_move_iterator(messages.begin()),
                                                  std::make_move_iterator(messages.end()));
        std::size_t bytes = 0;
        for (const auto& message : batch) bytes += message.payload.size();
        state_->backlog += bytes;
        asio::post(home_, [state = state_, batch = std::move(batch), bytes, now]() mutable {
            state->take(batch, now);
            state->backlog -= bytes;
        });
    }

    [[nodiscard]] std::size_t backlog() const override { return state_->backlog; }

    void on_closed(const protocols::RtmpClosed& closed) override {
        asio::dispatch(home_, [state = state_, message = closed.message] {
            if (!state->feed) return;
            log::debug("rtmp_publisher_left reason=\"{}\"", message);
            state->feed->close();
        });
    }

  private:
    struct State {
        void take(std::span<protocols::RtmpMessage> messages, Clock::Monotonic now) {
            if (!feed || feed->replaced()) return;
            feed->arrived(now);
            for (const auto& message : messages) {
                const auto status = depacketizer->push(static_cast<std::uint8_t>(message.type),
                                                       message.timestamp,
                                                       message.payload.bytes());
                if (!status && refused++ == 0)
                    log::warn("rtmp_message_refused error=\"{}\"", status.error().message);
            }
            feed->batch_done();
        }

        std::shared_ptr<ChannelFeed> feed;
        std::optional<ingest::FlvDepacketizer> depacketizer;
        std::uint64_t refused = 0;
        std::atomic<std::size_t> backlog = 0;  ///< bytes, on their way here
    };

    std::shared_ptr<State> state_;
    asio::io_context& home_;
    const Clock& clock_;
};

PublishClaim claim_of(const protocols::RtmpPublishOffer& offer) {
    const auto& request = offer.request();
    PublishClaim claim;
    claim.protocol = offer.secure() ? "rtmps" : "rtmp";
    claim.name = fmt::format("{}/{}", request.app, request.stream);
    claim.peer = offer.peer().address().to_string();
    for (const auto* name : {"key", "token", "user", "expires", "signature"}) {
        if (auto value = request.argument(name); !value.empty())
            claim.arguments[name] = std::move(value);
    }
    claim.user = request.argument("user");
    return claim;
}

/// A publisher who may, on the way to its place.
class Arrival final : public std::enable_shared_from_this<Arrival> {
  public:
    Arrival(ChannelRegistry& registry,
            asio::io_context& near,
            const Clock& clock,
            std::string name,
            std::shared_ptr<protocols::RtmpPublishOffer> offer)
        : registry_(registry),
          near_(near),
          clock_(clock),
          name_(std::move(name)),
          offer_(std::move(offer)) {}

    void find_place() {
        auto place = registry_.place_for(name_, near_);
        if (!place) {
            refused(place.error());
            return;
        }
        auto& home = place->channel->home();
        asio::dispatch(
            home, [self = shared_from_this(), place = std::move(*place)] { self->attach(place); });
    }

    void refused(const Error& error) {
        log::info("rtmp_publish_refused channel={} peer={} reason=\"{}\"",
                  process::printable_line(name_, 80),
                  offer_->peer().address().to_string(),
                  error.message);
        const bool denied = error.code == Errc::kPermission;
        offer_->refuse(denied ? "NetStream.Publish.Denied" : "NetStream.Publish.BadName",
                       error.message);
    }

  private:
    /// On the home thread of the channel.
    void attach(const ChannelRegistry::Place& place) {
        const auto connection = offer_->connection();
        auto feed = place.channel->open_feed(
            place.slot, ingest::FlvDepacketizer::kClock, [connection](std::string_view reason) {
                connection.disconnect(std::string(reason));
            });
        if (!feed && feed.error().code == Errc::kAgain) {
            find_place();
            return;
        }
        if (!feed) {
            refused({Errc::kNotFound, feed.error().message});
            return;
        }
        auto publisher = std::make_shared<Publisher>(place.channel->home(), clock_);
        publisher->attach(std::move(*feed));
        log::info("rtmp_publish channel={} peer={} encoder=\"{}\"",
                  place.channel->name(),
                  offer_->peer().address().to_string(),
                  process::printable_line(offer_->request().client, 80));
        offer_->accept(std::move(publisher));
    }

    ChannelRegistry& registry_;
    asio::io_context& near_;
    const Clock& clock_;
    const std::string name_;
    const std::shared_ptr<protocols::RtmpPublishOffer> offer_;
};

}  // namespace

RtmpIngest::RtmpIngest(asio::io_context& context,
                       ChannelRegistry& registry,
                       PublishGate& gate,
                       const Clock& clock)
    : context_(context), registry_(registry), gate_(gate), clock_(clock) {}

void RtmpIngest::on_publish(protocols::RtmpPublishOffer offer) {
    auto claim = claim_of(offer);
    const auto arrival =
        std::make_shared<Arrival>(registry_,
                                  context_,
                                  clock_,
                                  claim.name,
                                  std::make_shared<protocols::RtmpPublishOffer>(std::move(offer)));
    gate_.check(std::move(claim), [arrival](const Status& allowed) {
        if (allowed)
            arrival->find_place();
        else
            arrival->refused(allowed.error());
    });
}

}  // namespace sg::live

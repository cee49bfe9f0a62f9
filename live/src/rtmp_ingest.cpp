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
        asio::post(home_, [state = state_, batch = std::move(batch), now]() mutable {
            state->take(batch, now);
        });
    }

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

void refuse(protocols::RtmpPublishOffer& offer, const Error& error) {
    const bool denied = error.code == Errc::kPermission;
    offer.refuse(denied ? "NetStream.Publish.Denied" : "NetStream.Publish.BadName", error.message);
}

/// On the home thread of the channel.
void attach(ChannelRegistry::Place place, protocols::RtmpPublishOffer offer, const Clock& clock) {
    const auto connection = offer.connection();
    auto feed = place.channel->open_feed(
        place.slot, ingest::FlvDepacketizer::kClock, [connection](std::string_view reason) {
            connection.disconnect(std::string(reason));
        });
    if (!feed) {
        log::info("rtmp_publish_refused channel={} peer={} reason=\"{}\"",
                  place.channel->name(),
                  offer.peer().address().to_string(),
                  feed.error().message);
        refuse(offer, {Errc::kNotFound, feed.error().message});
        return;
    }
    auto publisher = std::make_shared<Publisher>(place.channel->home(), clock);
    publisher->attach(std::move(*feed));
    log::info("rtmp_publish channel={} peer={} encoder=\"{}\"",
              place.channel->name(),
              offer.peer().address().to_string(),
              process::printable_line(offer.request().client, 80));
    offer.accept(std::move(publisher));
}

}  // namespace

RtmpIngest::RtmpIngest(asio::io_context& context,
                       ChannelRegistry& registry,
                       PublishGate& gate,
                       const Clock& clock)
    : context_(context), registry_(registry), gate_(gate), clock_(clock) {}

void RtmpIngest::on_publish(protocols::RtmpPublishOffer offer) {
    auto claim = claim_of(offer);
    const auto name = claim.name;
    auto shared = std::make_shared<protocols::RtmpPublishOffer>(std::move(offer));
    gate_.check(std::move(claim), [this, name, shared](const Status& allowed) {
        if (!allowed) {
            log::info("rtmp_publish_refused channel={} peer={} reason=\"{}\"",
                      process::printable_line(name, 80),
                      shared->peer().address().to_string(),
                      allowed.error().message);
            refuse(*shared, allowed.error());
            return;
        }
        auto place = registry_.place_for(name, context_);
        if (!place) {
            log::info("rtmp_publish_refused channel={} reason=\"{}\"",
                      process::printable_line(name, 80),
                      place.error().message);
            refuse(*shared, place.error());
            return;
        }
        auto& home = place->channel->home();
        asio::dispatch(home, [place = std::move(*place), shared, &clock = clock_]() mutable {
            attach(std::move(place), std::move(*shared), clock);
        });
    });
}

}  // namespace sg::live

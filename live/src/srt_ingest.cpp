#include <optional>
#include <utility>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <live/srt_ingest.hpp>

#include <base/log.hpp>
#include <ingest/ts_depacketizer.hpp>
#include <process/message.hpp>

namespace sg::live {
namespace {

namespace asio = boost::asio;

/// "NAME" alone means the application "live", as encoders with one field for it send.
std::string channel_of(const protocols::SrtStreamId& id) {
    return id.resource.find('/') == std::string::npos ? "live/" + id.resource : id.resource;
}

/// "192.0.2.1" of "192.0.2.1:5000", "2001:db8::1" of "[2001:db8::1]:5000".
std::string address_of(std::string_view peer) {
    peer = peer.substr(0, peer.rfind(':'));
    if (peer.size() >= 2 && peer.front() == '[' && peer.back() == ']')
        peer = peer.substr(1, peer.size() - 2);
    return std::string(peer);
}

/// Without the "+input" behind it.
std::string_view plain_name(std::string_view name) {
    return name.substr(0, name.find('+'));
}

PublishClaim claim_of(const protocols::SrtStreamId& id, std::string peer) {
    PublishClaim claim;
    claim.protocol = "srt";
    claim.name = channel_of(id);
    claim.peer = std::move(peer);
    claim.user = id.user;
    claim.arguments = {id.others.begin(), id.others.end()};
    // The session is the only secret that the access-control form has a place for.
    if (!id.session.empty()) {
        claim.arguments.emplace("token", id.session);
        claim.arguments.emplace("key", id.session);
    }
    return claim;
}

protocols::SrtReject reject_code(const Error& error) {
    switch (error.code) {
        case Errc::kPermission:
            return protocols::SrtReject::kUnauthorized;
        case Errc::kNotFound:
            return protocols::SrtReject::kNotFound;
        case Errc::kLimit:
            return protocols::SrtReject::kOverload;
        case Errc::kInvalidArgument:
            return protocols::SrtReject::kBadRequest;
        default:
            return protocols::SrtReject::kInternal;
    }
}

/// One publisher, on its channel's home thread.
class Publisher : public std::enable_shared_from_this<Publisher> {
  public:
    Publisher(std::shared_ptr<protocols::SrtConnection> connection,
              std::shared_ptr<Channel> channel,
              const Clock& clock)
        : connection_(std::move(connection)), channel_(std::move(channel)), clock_(clock) {}

    /// kAgain when its channel has ended meanwhile; another error closes the connection.
    [[nodiscard]] Status start(std::size_t slot) {
        auto feed = channel_->open_feed(
            slot, ingest::TsDepacketizer::kClock, [self = weak_from_this()](std::string_view) {
                if (const auto publisher = self.lock()) publisher->connection_->close();
            });
        if (!feed && feed.error().code == Errc::kAgain) return feed.error();
        if (!feed) {
            log::info("srt_publish_refused channel={} peer={} reason=\"{}\"",
                      channel_->name(),
                      connection_->peer(),
                      feed.error().message);
            connection_->close();
            return feed.error();
        }
        feed_ = std::move(*feed);
        depacketizer_.emplace(
            *feed_, ingest::TsDepacketizer::Options{channel_->settings().inputs[slot].program});
        log::info("srt_publish channel={} peer={} latency_ms={} encrypted={}",
                  channel_->name(),
                  connection_->peer(),
                  connection_->latency().count(),
                  connection_->encrypted());
        protocols::SrtHandler handler;
        handler.on_data = [self = shared_from_this()](std::span<const std::byte> bytes) {
            self->take(bytes);
        };
        handler.on_end = [self = shared_from_this()](const Error& why) {
            if (why.code == Errc::kLimit)
                log::warn("srt_publisher_closed reason=\"{}\"", why.message);
            else
                log::debug("srt_publisher_left reason=\"{}\"", why.message);
            if (!self->feed_->replaced()) {
                self->depacketizer_->flush();
                self->feed_->batch_done();
            }
            self->feed_->close();
        };
        connection_->start([&home = channel_->home()](
                               std::function<void()> work) { asio::post(home, std::move(work)); },
                           std::move(handler));
        return {};
    }

  private:
    void take(std::span<const std::byte> bytes) {
        if (feed_->replaced()) return;
        feed_->arrived(clock_.now());
        depacketizer_->push(bytes);
        feed_->batch_done();
    }

    std::shared_ptr<protocols::SrtConnection> connection_;
    std::shared_ptr<Channel> channel_;
    const Clock& clock_;
    std::shared_ptr<ChannelFeed> feed_;
    std::optional<ingest::TsDepacketizer> depacketizer_;
};

}  // namespace

struct SrtIngest::State {
    ChannelRegistry& registry;
    PublishGate& gate;
    SrtEncryptionOf encryption;
    asio::io_context& home;
    const Clock& clock;

    static void admit(const std::shared_ptr<State>& state,
                      const std::shared_ptr<protocols::SrtConnection>& connection) {
        const auto name = channel_of(connection->stream_id());
        auto place = state->registry.place_for(name, state->home);
        if (!place) {
            log::info("srt_publish_refused channel={} peer={} reason=\"{}\"",
                      process::printable_line(name, 80),
                      connection->peer(),
                      place.error().message);
            connection->close();
            return;
        }
        auto publisher = std::make_shared<Publisher>(connection, place->channel, state->clock);
        asio::dispatch(place->channel->home(), [state, publisher, connection, slot = place->slot] {
            const auto started = publisher->start(slot);
            if (!started && started.error().code == Errc::kAgain) admit(state, connection);
        });
    }
};

SrtIngest::SrtIngest(ChannelRegistry& registry,
                     PublishGate& gate,
                     SrtEncryptionOf encryption,
                     asio::io_context& home,
                     const Clock& clock)
    : state_(std::make_shared<State>(State{registry, gate, std::move(encryption), home, clock})) {}

SrtIngest::~SrtIngest() = default;

protocols::SrtAdmission SrtIngest::admission() {
    return [state = state_](const protocols::SrtStreamId& id,
                            const std::string& ip) -> protocols::SrtDecision {
        using protocols::SrtRefusal;
        if (id.mode == protocols::SrtMode::kRequest)
            return SrtRefusal(protocols::SrtReject::kBadMode,
                              "this server takes streams in by SRT; play them by HLS or DASH");
        const auto claim = claim_of(id, ip);
        if (!valid_channel_name(plain_name(claim.name)))
            return SrtRefusal(protocols::SrtReject::kBadRequest, "no channel can have that name");
        const auto allowed = state->gate.check_now(claim);
        if (!allowed && allowed.error().code != Errc::kAgain)
            return SrtRefusal(reject_code(allowed.error()), allowed.error().message);
        auto secret = state->encryption(plain_name(claim.name));
        return protocols::SrtAccept{std::move(secret.passphrase), secret.key_bytes, std::nullopt};
    };
}

protocols::SrtListener::OnConnection SrtIngest::on_connection() {
    return [state = state_](std::shared_ptr<protocols::SrtConnection> connection) {
        auto claim = claim_of(connection->stream_id(), address_of(connection->peer()));
        state->gate.check(std::move(claim), [state, connection](const Status& allowed) {
            if (!allowed) {
                log::info("srt_publish_refused peer={} reason=\"{}\"",
                          connection->peer(),
                          allowed.error().message);
                connection->close();
                return;
            }
            State::admit(state, connection);
        });
    };
}

}  // namespace sg::live

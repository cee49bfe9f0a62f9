#include <algorithm>
#include <optional>
#include <random>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <protocols/rtmp_client.hpp>

#include "rtmp_transport.hpp"

namespace sg::protocols {
namespace rtmp {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBuffer = 64 << 10;
constexpr steady_clock::time_point kNever = steady_clock::time_point::max();

}  // namespace

/// A reading and a writing coroutine over one session; kept alive by them. gcc 12 destroys
/// temporaries of conditional and braced expressions twice when they stand in a co_await or
/// co_return: there are none.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
  public:
    ClientConnection(asio::io_context& context,
                     RtmpClientOptions options,
                     RtmpClientHandler& handler)
        : options_(std::move(options)),
          handler_(&handler),
          context_(context),
          transport_(Transport::Tcp::socket(context)),
          session_(options_.url, options_.intent, options_.limits, std::random_device()()),
          wake_writer_(context),
          watchdog_(context) {}

    void start() {
        deadline_ = steady_clock::now() + options_.setup_timeout;
        watch();
        asio::co_spawn(
            context_, [self = shared_from_this()] { return self->run(); }, asio::detached);
    }
    void abandon() {
        handler_ = nullptr;
        close();
    }
    bool send(RtmpType type,
              std::uint32_t timestamp,
              std::span<const std::byte> head,
              std::span<const std::byte> body) {
        const std::size_t bytes = head.size() + body.size();
        if (!session_.ready() || closed_ || finishing_ || queued() + bytes > options_.queue_bytes) {
            ++stats_.dropped_messages;
            stats_.dropped_bytes += bytes;
            return false;
        }
        session_.send(type, timestamp, head, body);
        wake_writer_.cancel();
        return true;
    }
    void finish() {
        if (finishing_ || closed_) return;
        finishing_ = true;
        session_.finish();
        if (!connected_) close();
        wake_writer_.cancel();
    }
    [[nodiscard]] RtmpClientStats stats() {
        RtmpClientStats stats = stats_;
        stats.queued_bytes = queued();
        return stats;
    }

  private:
    std::size_t queued() { return session_.output().size() + sending_.size(); }

    asio::awaitable<void> run() {
        const auto self = shared_from_this();
        const Error why = co_await converse();
        tell_closed(why);
    }

    void tell_closed(const Error& why) {
        close();
        if (auto* handler = std::exchange(handler_, nullptr)) {
            handler->on_closed(finishing_ ? Error{Errc::kCancelled, "closed as asked"} : why);
        }
    }

    asio::awaitable<Error> converse() {
        std::optional<Error> failed;
        co_await connect(failed);
        if (failed) co_return *failed;
        connected_ = true;
        asio::co_spawn(
            context_, [self = shared_from_this()] { return self->write(); }, asio::detached);

        std::vector<std::byte> buffer(kReadBuffer);
        std::size_t held = 0;
        while (true) {
            const std::span<std::byte> room = std::span(buffer).subspan(held);
            const auto read = co_await transport_.read_some(room);
            if (read.error) co_return failure("read from", read.error);
            stats_.received_bytes += read.count;
            if (session_.ready() && options_.intent == RtmpIntent::kPlay) allow();
            std::span<const std::byte> input(buffer.data(), held + read.count);
            if (Status status = consume(input); !status) co_return std::move(status).error();
            if (closed_) co_return failure("talk to", asio::error::operation_aborted);
            held = input.size();
            std::copy(input.begin(), input.end(), buffer.begin());
            if (!session_.output().empty()) wake_writer_.cancel();
        }
    }

    /// Leaves the reason in `failed`.
    asio::awaitable<void> connect(std::optional<Error>& failed) {
        std::shared_ptr<asio::ssl::context> tls;
        if (options_.url.secure) {
            const auto made = tls_context();
            if (!made) {
                failed = made.error();
                co_return;
            }
            tls = *made;
        }
        Transport::Tcp::resolver resolver(context_);
        const std::string port = std::to_string(options_.url.port);
        const auto [unresolved, endpoints] =
            co_await resolver.async_resolve(options_.url.host, port, kAwait);
        if (unresolved || closed_) {
            failed = failure("find", unresolved);
            co_return;
        }
        const auto [refused, endpoint] =
            co_await asio::async_connect(transport_.socket(), endpoints, kAwait);
        if (refused || closed_) {
            failed = failure("connect to", refused);
            co_return;
        }
        error_code ignored;
        transport_.socket().set_option(Transport::Tcp::no_delay(true), ignored);
        if (tls) {
            std::string name;
            if (options_.verify_certificate) name = options_.url.host;
            transport_.use_tls(tls, name);
            const error_code error =
                co_await transport_.shake_hands(asio::ssl::stream_base::client);
            if (error) failed = tls_failure(error);
        }
    }

    Result<std::shared_ptr<asio::ssl::context>> tls_context() const {
        auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
        error_code error;
        if (options_.authorities.empty()) {
            context->set_default_verify_paths(error);
        } else {
            context->load_verify_file(options_.authorities.string(), error);
        }
        if (error) {
            return Error{Errc::kInvalidArgument,
                         fmt::format("read certificate authorities {}: {}",
                                     options_.authorities.string(),
                                     error.message())};
        }
        return context;
    }

    Status consume(std::span<const std::byte>& input) {
        while (!closed_) {
            auto event = session_.advance(input);
            if (!session_.messages().empty()) {
                if (handler_) handler_->on_messages(session_.messages());
                session_.messages().clear();
            }
            if (!event) return std::move(event).error();
            if (*event == RtmpClientSession::Event::kNeedInput) break;
            allow();
            if (handler_) handler_->on_ready();
        }
        return {};
    }

    asio::awaitable<void> write() {
        const auto self = shared_from_this();
        while (!closed_) {
            if (session_.output().empty()) {
                if (finishing_) break;
                if (publishing()) deadline_ = kNever;
                wake_writer_.expires_at(kNever);
                co_await wake_writer_.async_wait(kAwait);
                continue;
            }
            if (publishing()) allow();
            sending_.swap(session_.output());
            const error_code error = co_await transport_.write(sending_);
            if (error) break;
            stats_.sent_bytes += sending_.size();
            sending_.clear();
        }
        // The reader hears of it and tells why.
        close();
    }

    [[nodiscard]] bool publishing() const {
        return session_.ready() && options_.intent == RtmpIntent::kPublish;
    }
    void allow() { deadline_ = steady_clock::now() + options_.idle_timeout; }

    void watch() {
        watchdog_.expires_after(std::min<std::chrono::milliseconds>(std::chrono::milliseconds(1000),
                                                                    options_.setup_timeout / 4));
        watchdog_.async_wait([self = shared_from_this()](error_code error) {
            if (error || self->closed_) return;
            if (steady_clock::now() >= self->deadline_) {
                // The reader may never come back: a name server is slow, or there was no thread to
                // ask it on.
                self->expired_ = true;
                self->tell_closed(self->failure(self->connected_ ? "talk to" : "connect to", {}));
            } else {
                self->watch();
            }
        });
    }

    Error tls_failure(error_code error) const {
        const auto distrust = transport_.distrust();
        if (distrust.empty()) return failure("set up TLS with", error);
        return Error{Errc::kIo,
                     fmt::format("set up TLS with {}: its certificate is not trusted here: {}",
                                 options_.url.shown(),
                                 distrust)};
    }

    Error failure(const char* attempted, error_code error) const {
        if (expired_) {
            return Error{Errc::kTimeout,
                         fmt::format("{} {}: no answer in time", attempted, options_.url.shown())};
        }
        return Error{Errc::kIo,
                     fmt::format("{} {}: {}",
                                 attempted,
                                 options_.url.shown(),
                                 error == asio::error::eof ? "the server closed the connection"
                                                           : error.message())};
    }

    void close() {
        if (closed_) return;
        closed_ = true;
        transport_.close();
        watchdog_.cancel();
        wake_writer_.cancel();
    }

    const RtmpClientOptions options_;
    RtmpClientHandler* handler_;
    asio::io_context& context_;
    Transport transport_;
    RtmpClientSession session_;
    std::vector<std::byte> sending_;
    asio::steady_timer wake_writer_;
    asio::steady_timer watchdog_;
    steady_clock::time_point deadline_ = kNever;
    bool connected_ = false;
    bool finishing_ = false;
    bool closed_ = false;
    bool expired_ = false;
    RtmpClientStats stats_;
};

}  // namespace rtmp

RtmpClient::RtmpClient(boost::asio::io_context& context,
                       RtmpClientOptions options,
                       RtmpClientHandler& handler)
    : connection_(std::make_shared<rtmp::ClientConnection>(context, std::move(options), handler)) {}

RtmpClient::~RtmpClient() {
    connection_->abandon();
}

void RtmpClient::start() {
    connection_->start();
}

bool RtmpClient::send(RtmpType type,
                      std::uint32_t timestamp,
                      std::span<const std::byte> head,
                      std::span<const std::byte> body) {
    return connection_->send(type, timestamp, head, body);
}

void RtmpClient::finish() {
    connection_->finish();
}

RtmpClientStats RtmpClient::stats() const {
    return connection_->stats();
}

}  // namespace sg::protocols

#include <algorithm>
#include <random>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include <base/log.hpp>
#include <protocols/rtmp_server.hpp>

#include "rtmp_connection.hpp"

namespace sg::protocols {
namespace rtmp {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// After accept() failed, mostly for want of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};

/// Reads a second from which on publishers are read together, and below which no longer: together
/// they are fewer. One stream makes up to 80.
constexpr double kBusy = 400;
constexpr double kBusyAgain = 200;
constexpr std::chrono::milliseconds kReadRateTime{250};

std::chrono::milliseconds sweep_interval(const RtmpServerOptions& options) {
    const auto shortest = std::min(options.setup_timeout, options.idle_timeout);
    return std::clamp<std::chrono::milliseconds>(
        shortest / 8, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

}  // namespace

ServerState::ServerState(asio::io_context& io,
                         const RtmpServerOptions& settings,
                         std::shared_ptr<RtmpAdmission> places,
                         RtmpPublishHandler& publish_handler)
    : context(io),
      options(settings),
      admission(std::move(places)),
      handler(&publish_handler),
      sweep_timer(io),
      sweep_interval(rtmp::sweep_interval(settings)),
      read_timer(io),
      seed(std::random_device()()) {}

void ServerState::add(Connection& connection) {
    connections.insert(&connection);
    if (connections.size() == 1) schedule_sweep();
}

void ServerState::remove(Connection& connection) {
    connections.erase(&connection);
    if (connections.empty()) sweep_timer.cancel();
}

void ServerState::schedule_sweep() {
    sweep_timer.expires_after(sweep_interval);
    sweep_timer.async_wait([self = shared_from_this()](error_code error) {
        if (error || self->connections.empty()) return;
        const SteadyTime now = steady_clock::now();
        for (Connection* connection : self->connections) connection->expire_if_late(now);
        self->schedule_sweep();
    });
}

asio::awaitable<void> ServerState::next_read() {
    if (options.read_interval.count() == 0) co_return;
    const SteadyTime now = steady_clock::now();
    if (now - reads_since >= kReadRateTime) {
        const double seconds = std::chrono::duration<double>(now - reads_since).count();
        busy = reads > seconds * (busy ? kBusyAgain : kBusy);
        reads_since = now;
        reads = 0;
    }
    ++reads;
    if (!busy) co_return;
    if (read_timer.expiry() <= now) read_timer.expires_at(now + options.read_interval);
    co_await read_timer.async_wait(kAwait);
}

asio::awaitable<void> ServerState::accept(std::shared_ptr<Transport::Tcp::acceptor> acceptor,
                                          RtmpServer::Security security) {
    const auto self = shared_from_this();
    asio::steady_timer pause(context);
    while (acceptor->is_open()) {
        auto [error, socket] = co_await acceptor->async_accept(kAwait);
        if (!error) {
            serve(std::move(socket), security);
        } else if (error == asio::error::operation_aborted || !acceptor->is_open()) {
            co_return;
        } else if (error != asio::error::connection_aborted) {
            if (const auto times = admission->accept_failures.due(steady_clock::now()))
                log::warn("rtmp_accept_failed reason=\"{}\" times={}", error.message(), *times);
            pause.expires_after(kAcceptPause);
            co_await pause.async_wait(kAwait);
        }
    }
}

void ServerState::serve(Transport::Tcp::socket socket, RtmpServer::Security security) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (error || !handler) return;
    auto ticket = admission->admit(peer.address());
    if (!ticket) return;
    auto connection = std::make_shared<Connection>(
        shared_from_this(), std::move(socket), security, std::move(*ticket));
    asio::co_spawn(
        context, [connection] { return connection->run(); }, asio::detached);
}

void ServerState::listen_no_more() {
    for (const auto& acceptor : acceptors) {
        error_code ignored;
        acceptor->close(ignored);
    }
    acceptors.clear();
}

}  // namespace rtmp

RtmpServer::RtmpServer(boost::asio::io_context& context,
                       const RtmpServerOptions& options,
                       std::shared_ptr<RtmpAdmission> admission,
                       RtmpPublishHandler& handler)
    : state_(std::make_shared<rtmp::ServerState>(context, options, std::move(admission), handler)) {
}

RtmpServer::~RtmpServer() {
    stop("The server is stopping.");
}

Status RtmpServer::use_certificate(const std::filesystem::path& chain,
                                   const std::filesystem::path& key) {
    namespace ssl = boost::asio::ssl;
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    // A publisher's connection stands still between frames; its buffers need not.
    SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
    rtmp::error_code error;
    context->use_certificate_chain_file(chain.string(), error);
    if (error) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("read certificate {}: {}", chain.string(), error.message())};
    }
    context->use_private_key_file(key.string(), ssl::context::pem, error);
    if (error) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("read private key {}: {} (it must belong to {})",
                                 key.string(),
                                 error.message(),
                                 chain.string())};
    }
    state_->tls = std::move(context);
    return {};
}

Result<boost::asio::ip::tcp::endpoint> RtmpServer::listen(
    const boost::asio::ip::tcp::endpoint& endpoint, Security security, bool reuse_port) {
    using Acceptor = boost::asio::ip::tcp::acceptor;
    if (security == Security::kTls && !state_->tls) {
        return Error{Errc::kInvalidArgument, "listening for RTMPS needs a certificate"};
    }
    auto acceptor = std::make_shared<Acceptor>(state_->context);
    rtmp::error_code error;
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(Acceptor::reuse_address(true), error);
    if (!error && reuse_port) {
        using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
        acceptor->set_option(ReusePort(true), error);
    }
    if (!error && endpoint.address().is_v6()) {
        acceptor->set_option(boost::asio::ip::v6_only(false), error);
    }
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(boost::asio::socket_base::max_listen_connections, error);
    const auto bound = error ? endpoint : acceptor->local_endpoint(error);
    if (error) {
        return Error{error == boost::asio::error::access_denied ? Errc::kPermission : Errc::kIo,
                     fmt::format("listen for RTMP on {} port {}: {}",
                                 endpoint.address().to_string(),
                                 endpoint.port(),
                                 error.message())};
    }
    state_->acceptors.push_back(acceptor);
    boost::asio::co_spawn(
        state_->context,
        [state = state_, acceptor, security] { return state->accept(acceptor, security); },
        boost::asio::detached);
    return bound;
}

void RtmpServer::serve(boost::asio::ip::tcp::socket socket, Security security) {
    state_->serve(std::move(socket), security);
}

std::size_t RtmpServer::connections() const {
    return state_->connections.size();
}

void RtmpServer::drain(std::string_view reason) {
    state_->listen_no_more();
    for (rtmp::Connection* connection : state_->connections) {
        connection->ask_to_reconnect(std::string(reason));
    }
}

void RtmpServer::stop(std::string_view reason) {
    state_->handler = nullptr;
    state_->listen_no_more();
    for (rtmp::Connection* connection : state_->connections) {
        connection->kick(std::string(reason));
    }
}

void RtmpConnectionHandle::disconnect(std::string reason) const {
    if (const auto connection = connection_.lock()) connection->disconnect(std::move(reason));
}

RtmpConnectionStats RtmpConnectionHandle::stats() const {
    const auto connection = connection_.lock();
    return connection ? connection->stats() : RtmpConnectionStats{};
}

RtmpPublishOffer::RtmpPublishOffer(std::shared_ptr<rtmp::Connection> connection,
                                   RtmpPublishRequest request,
                                   boost::asio::ip::tcp::endpoint peer,
                                   bool secure)
    : connection_(std::move(connection)),
      request_(std::move(request)),
      peer_(std::move(peer)),
      secure_(secure) {}

RtmpPublishOffer::~RtmpPublishOffer() {
    if (connection_) refuse("NetStream.Publish.Failed", "The server did not decide.");
}

RtmpConnectionHandle RtmpPublishOffer::connection() const {
    return RtmpConnectionHandle(connection_);
}

void RtmpPublishOffer::accept(std::shared_ptr<RtmpPublishSink> sink) {
    if (std::exchange(answered_, true)) return;
    connection_->answer(std::move(sink));
}

void RtmpPublishOffer::refuse(std::string code, std::string description) {
    if (std::exchange(answered_, true)) return;
    connection_->answer(rtmp::Refusal{std::move(code), std::move(description)});
}

}  // namespace sg::protocols

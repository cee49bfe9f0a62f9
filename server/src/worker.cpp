#include "worker.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include <base/log.hpp>

#include "connection.hpp"

namespace sg::server {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

constexpr int kBacklog = 4096;

std::chrono::milliseconds tick_length(const HttpServerOptions& options) {
    using std::chrono::milliseconds;
    const auto shortest =
        std::min({options.header_timeout, options.idle_timeout, options.write_timeout});
    return std::clamp(shortest / 4, milliseconds(10), milliseconds(1000));
}

}  // namespace

Worker::Worker(asio::io_context& context, std::size_t index, std::shared_ptr<ServerState> state)
    : context_(context),
      index_(index),
      state_(std::move(state)),
      acceptor_(context.get_executor()),
      timer_(context.get_executor()) {}

Status Worker::listen(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.set_option(ReusePort(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (error) {
        return Error{Errc::kIo,
                     fmt::format("listen for HTTP on {} port {}: {}; choose another address or "
                                 "port, or stop what uses it",
                                 endpoint.address().to_string(),
                                 endpoint.port(),
                                 error.message())};
    }
    return {};
}

std::uint16_t Worker::port() const {
    boost::system::error_code error;
    return acceptor_.local_endpoint(error).port();
}

void Worker::run() {
    state_->add_part();
    asio::co_spawn(
        context_.get_executor(),
        [self = shared_from_this()] { return self->accept_all(); },
        asio::detached);
}

Task<> Worker::accept_all() {
    while (!state_->stopping) {
        boost::system::error_code error;
        Socket socket = co_await acceptor_.async_accept(context_.get_executor(),
                                                        asio::redirect_error(kAwait, error));
        if (!error) {
            take(std::move(socket));
        } else if (!state_->stopping && error != asio::error::connection_aborted) {
            // Out of descriptors or memory: the queue waits in the system meanwhile.
            if (const auto times = state_->accept_failures.due(std::chrono::steady_clock::now()))
                log::warn("http_accept_failed reason=\"{}\" times={}", error.message(), *times);
            Timer pause(context_.get_executor(), std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::redirect_error(kAwait, error));
        }
    }
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    state_->remove_part();
}

void Worker::take(Socket socket) {
    boost::system::error_code error;
    const auto remote = socket.remote_endpoint(error);
    if (error) return;
    auto address = remote.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    if (!state_->admit(address)) {
        state_->refused.add();
        if (!state_->tls()) {
            constexpr std::string_view kBusy =
                "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n";
            static_cast<void>(::send(
                socket.native_handle(), kBusy.data(), kBusy.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        }
        return;
    }
    socket.native_non_blocking(true, error);
    socket.set_option(tcp::no_delay(true), error);
    auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket), address);
    asio::co_spawn(
        context_.get_executor(), [connection] { return connection->run(); }, asio::detached);
}

void Worker::joined(Connection& connection) {
    connection.place = connections_.insert(connections_.end(), &connection);
    state_->add_part();
    if (!timer_armed_) arm_timer();
}

void Worker::left(Connection& connection) {
    connections_.erase(connection.place);
    state_->leave(connection.address());
    state_->remove_part();
}

void Worker::arm_timer() {
    timer_armed_ = true;
    timer_.expires_after(tick_length(state_->options));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
        self->timer_armed_ = false;
        if (!error) self->tick();
    });
}

void Worker::tick() {
    const auto now = std::chrono::steady_clock::now();
    for (auto* connection : connections_) {
        if (now >= force_at_) {
            connection->cut();
        } else if (now >= connection->deadline()) {
            connection->on_deadline();
        }
    }
    if (!connections_.empty()) arm_timer();
}

void Worker::stop(std::chrono::steady_clock::time_point force_at) {
    force_at_ = force_at;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (auto* connection : connections_) connection->on_stop();
}

std::string_view Worker::date() {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    if (now != date_second_) {
        date_second_ = now;
        date_ = http_date(now);
    }
    return date_;
}

}  // namespace sg::server

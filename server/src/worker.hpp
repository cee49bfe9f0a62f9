#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <server/exchange.hpp>

#include <base/result.hpp>

#include "server_state.hpp"

namespace sg::server {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>,
                                                Executor>;

class Connection;

/// One context's share of the server: its listening socket, its connections and the one timer that
/// looks after them. All but listen() on the context's thread.
class Worker : public std::enable_shared_from_this<Worker> {
  public:
    Worker(boost::asio::io_context& context, std::size_t index, std::shared_ptr<ServerState> state);

    [[nodiscard]] Status listen(const boost::asio::ip::tcp::endpoint& endpoint);
    [[nodiscard]] std::uint16_t port() const;
    void run();
    void stop(std::chrono::steady_clock::time_point force_at);

    void joined(Connection& connection);
    void left(Connection& connection);

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] ServerState& state() noexcept { return *state_; }
    [[nodiscard]] std::string_view date();
    /// For reads of any connection, within one step.
    [[nodiscard]] std::span<char> scratch() noexcept { return scratch_; }

  private:
    [[nodiscard]] Task<> accept_all();
    void take(Socket socket);
    void arm_timer();
    void tick();

    boost::asio::io_context& context_;
    std::size_t index_;
    std::shared_ptr<ServerState> state_;
    Acceptor acceptor_;
    Timer timer_;
    bool timer_armed_ = false;
    std::list<Connection*> connections_;
    std::chrono::steady_clock::time_point force_at_ = std::chrono::steady_clock::time_point::max();
    std::int64_t date_second_ = 0;
    std::string date_;
    std::array<char, 65'536> scratch_;
};

}  // namespace sg::server

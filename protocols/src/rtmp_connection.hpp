#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <protocols/rate_limit.hpp>
#include <protocols/rtmp_server.hpp>

#include "rtmp_transport.hpp"

namespace sg::protocols::rtmp {

using SteadyTime = std::chrono::steady_clock::time_point;

struct ServerState;

struct Refusal {
    std::string code;
    std::string description;
};
using Answer = std::variant<Refusal, std::shared_ptr<RtmpPublishSink>>;

/// One client of the server: a coroutine that reads, lets the session understand, hands messages
/// on and writes. Lives as long as that runs.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    Connection(std::shared_ptr<ServerState> server,
               Transport::Tcp::socket socket,
               RtmpServer::Security security,
               RtmpAdmission::Ticket ticket);

    boost::asio::awaitable<void> run();

    /// From any thread.
    void disconnect(std::string reason);
    void answer(Answer answer);
    [[nodiscard]] RtmpConnectionStats stats() const;

    /// On the server's thread.
    void kick(std::string reason);
    /// Asks the client to connect anew, when it can; the connection goes on.
    void ask_to_reconnect(std::string reason);
    void expire_if_late(SteadyTime now);

  private:
    boost::asio::awaitable<void> serve();
    /// Deals with all of `input` that can be dealt with; false when the connection is over.
    boost::asio::awaitable<bool> consume(std::span<const std::byte>& input);
    boost::asio::awaitable<void> decide();
    boost::asio::awaitable<error_code> flush();
    boost::asio::awaitable<void> say_goodbye();
    /// Returns when a publisher that is too fast may be read on.
    boost::asio::awaitable<void> hold_back(std::size_t just_read);
    /// Sends what ask_to_reconnect() wants to be said.
    boost::asio::awaitable<error_code> send_request();
    /// True when the connection is over, and then closed_ says why.
    bool lost(error_code error);
    void deliver();
    void end_stream(const RtmpClosed& closed);
    void take(Answer answer);
    void allow(std::chrono::milliseconds time);

    std::shared_ptr<ServerState> server_;
    Transport transport_;
    RtmpServer::Security security_;
    std::optional<RtmpAdmission::Ticket> ticket_;
    Transport::Tcp::endpoint peer_;
    RtmpServerSession session_;
    std::vector<std::byte> sending_;
    RateLimit rate_;
    bool held_back_ = false;  ///< and it was told in the log

    std::shared_ptr<RtmpPublishSink> sink_;
    boost::asio::steady_timer decision_;
    bool deciding_ = false;
    std::optional<Answer> answer_;

    SteadyTime deadline_;
    bool expired_ = false;
    std::optional<std::string> kicked_;
    std::optional<std::string> request_;  ///< to connect anew, to be sent
    bool reading_ = false;
    RtmpClosed closed_;

    // One writer, read from anywhere.
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> messages_{0};
    std::atomic<SteadyTime::rep> last_arrival_{0};
};

struct ServerState : std::enable_shared_from_this<ServerState> {
    ServerState(boost::asio::io_context& context,
                const RtmpServerOptions& options,
                std::shared_ptr<RtmpAdmission> admission,
                RtmpPublishHandler& handler);

    void add(Connection& connection);
    void remove(Connection& connection);
    /// Looks for connections past their deadline while there are connections.
    void schedule_sweep();
    /// Returns at once while there is little to read; under load, at the next moment at which all
    /// publishers are read together.
    boost::asio::awaitable<void> next_read();
    boost::asio::awaitable<void> accept(std::shared_ptr<Transport::Tcp::acceptor> acceptor,
                                        RtmpServer::Security security);
    void serve(Transport::Tcp::socket socket, RtmpServer::Security security);
    void listen_no_more();

    boost::asio::io_context& context;
    const RtmpServerOptions options;
    std::shared_ptr<RtmpAdmission> admission;
    RtmpPublishHandler* handler;  ///< nullptr once stopped
    std::shared_ptr<boost::asio::ssl::context> tls;
    std::list<std::shared_ptr<Transport::Tcp::acceptor>> acceptors;
    std::unordered_set<Connection*> connections;
    boost::asio::steady_timer sweep_timer;
    std::chrono::milliseconds sweep_interval;
    boost::asio::steady_timer read_timer;
    SteadyTime reads_since{};
    double reads = 0;  ///< since then
    bool busy = false;
    std::uint64_t seed;
};

}  // namespace sg::protocols::rtmp

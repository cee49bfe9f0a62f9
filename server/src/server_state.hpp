#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/ip/address.hpp>
#include <server/http_server.hpp>

#include <base/log_pace.hpp>
#include <base/metric.hpp>

#include "transport.hpp"

namespace sg::server {

/// What all contexts of a server share. Any thread.
class ServerState {
  public:
    ServerState(const Router& routes, HttpServerOptions settings, Metrics& metrics);

    const Router& router;
    const HttpServerOptions options;

    Gauge connection_gauge;
    Gauge waiting_gauge;
    Counter refused;
    Counter sent_bytes;
    std::array<Counter, 6> answers;  ///< by the status' first digit
    LogPace accept_failures;

    std::atomic<std::size_t> connections{0};
    std::atomic<bool> stopping{false};

    /// Counts a connection; false when a limit forbids it.
    [[nodiscard]] bool admit(const boost::asio::ip::address& address);
    void leave(const boost::asio::ip::address& address);
    [[nodiscard]] bool trusted(const boost::asio::ip::address& address) const;

    [[nodiscard]] std::shared_ptr<const TlsContext> tls() const;
    void set_tls(std::shared_ptr<const TlsContext> context);

    /// Parts (listeners and connections) whose end the stop waits for.
    void add_part() { parts_.fetch_add(1); }
    void remove_part();
    std::function<void()> stopped;  ///< set before `stopping`

  private:
    std::atomic<std::size_t> parts_{0};
    mutable std::mutex mutex_;
    std::map<boost::asio::ip::address, std::size_t> per_address_;
    std::vector<boost::asio::ip::address> trusted_;
    std::shared_ptr<const TlsContext> tls_;
};

}  // namespace sg::server

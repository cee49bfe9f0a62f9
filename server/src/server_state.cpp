#include "server_state.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace sg::server {

ServerState::ServerState(const Router& routes, HttpServerOptions settings, Metrics& metrics)
    : router(routes), options(std::move(settings)) {
    connection_gauge = metrics.gauge("streamgate_http_connections", "Open HTTP connections.");
    waiting_gauge = metrics.gauge("streamgate_http_waiting_requests",
                                  "Requests held until the media or playlist they ask for exists.");
    refused = metrics.counter("streamgate_http_refused_connections_total",
                              "Connections closed at once because of a limit.");
    sent_bytes = metrics.counter("streamgate_http_sent_bytes_total", "Bytes of answers' bodies.");
    for (std::size_t i = 1; i < answers.size(); ++i) {
        answers[i] = metrics.counter("streamgate_http_responses_total",
                                     "Answers by class of status.",
                                     {{"class", fmt::format("{}xx", i)}});
    }
    for (const auto& text : options.trusted_proxies) {
        boost::system::error_code error;
        const auto address = boost::asio::ip::make_address(text, error);
        if (!error) trusted_.push_back(address);
    }
}

bool ServerState::trusted(const boost::asio::ip::address& address) const {
    return std::find(trusted_.begin(), trusted_.end(), address) != trusted_.end();
}

bool ServerState::admit(const boost::asio::ip::address& address) {
    if (connections.load() >= options.max_connections) return false;
    if (!trusted(address)) {
        const std::lock_guard lock(mutex_);
        auto& count = per_address_[address];
        if (count >= options.max_connections_per_address) return false;
        ++count;
    }
    connections.fetch_add(1);
    connection_gauge.add(1);
    return true;
}

void ServerState::leave(const boost::asio::ip::address& address) {
    connections.fetch_sub(1);
    connection_gauge.add(-1);
    const std::lock_guard lock(mutex_);
    const auto found = per_address_.find(address);
    if (found != per_address_.end() && --found->second == 0) per_address_.erase(found);
}

std::shared_ptr<const TlsContext> ServerState::tls() const {
    const std::lock_guard lock(mutex_);
    return tls_;
}

void ServerState::set_tls(std::shared_ptr<const TlsContext> context) {
    const std::lock_guard lock(mutex_);
    tls_ = std::move(context);
}

void ServerState::remove_part() {
    if (parts_.fetch_sub(1) == 1 && stopping && stopped) std::exchange(stopped, nullptr)();
}

}  // namespace sg::server

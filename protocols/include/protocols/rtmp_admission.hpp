#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <boost/asio/ip/address.hpp>

#include <base/log_pace.hpp>

namespace sg::protocols {

/// Counts connections, in total and by address (by /64 for IPv6). Thread-safe.
class RtmpAdmission : public std::enable_shared_from_this<RtmpAdmission> {
  public:
    /// Gives its place back when it goes.
    class Ticket {
      public:
        Ticket(std::shared_ptr<RtmpAdmission> from, boost::asio::ip::address address)
            : from_(std::move(from)), address_(address) {}
        ~Ticket() {
            if (from_) from_->leave(address_);
        }
        Ticket(Ticket&&) noexcept = default;
        Ticket& operator=(Ticket&&) = delete;

      private:
        std::shared_ptr<RtmpAdmission> from_;
        boost::asio::ip::address address_;
    };

    RtmpAdmission(std::size_t total, std::size_t per_address)
        : max_total_(total), max_per_address_(per_address) {}

    /// Nothing when there is no room.
    [[nodiscard]] std::optional<Ticket> admit(const boost::asio::ip::address& address);
    [[nodiscard]] std::size_t admitted() const;
    [[nodiscard]] std::size_t refused() const;

    LogPace accept_failures;  ///< of all who admit by this

  private:
    void leave(const boost::asio::ip::address& address);

    const std::size_t max_total_;
    const std::size_t max_per_address_;
    mutable std::mutex mutex_;
    std::size_t total_ = 0;
    std::size_t refused_ = 0;
    std::map<boost::asio::ip::address, std::size_t> by_address_;
};

}  // namespace sg::protocols

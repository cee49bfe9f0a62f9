#include "publish_failures.hpp"

#include <algorithm>

#include <boost/asio/ip/address.hpp>

namespace sg::live {

std::string PublishFailures::key_of(const std::string& peer) {
    boost::system::error_code failed;
    const auto address = boost::asio::ip::make_address(peer, failed);
    if (failed || !address.is_v6()) return peer;
    const auto bytes = address.to_v6().to_bytes();
    return std::string(bytes.begin(), bytes.begin() + 8);
}

bool PublishFailures::must_wait(const std::string& peer, Clock::Monotonic now) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key_of(peer));
    if (found == entries_.end()) return false;
    if (now - found->second.since >= kSpan) {
        entries_.erase(found);
        return false;
    }
    return found->second.failures >= kMost;
}

void PublishFailures::count(const std::string& peer, Clock::Monotonic now) {
    const std::lock_guard lock(mutex_);
    const auto key = key_of(peer);
    if (!entries_.contains(key) && entries_.size() >= kMostAddresses) make_room();
    auto& entry = entries_[key];
    if (entry.failures == 0 || now - entry.since >= kSpan) entry = {0, now, now};
    ++entry.failures;
    entry.last = now;
}

std::size_t PublishFailures::addresses() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

void PublishFailures::make_room() {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
            return a.second.last < b.second.last;
        });
    entries_.erase(oldest);
}

}  // namespace sg::live

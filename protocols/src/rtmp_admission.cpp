#include <algorithm>

#include <protocols/rtmp_admission.hpp>

namespace sg::protocols {
namespace {

using boost::asio::ip::address;

/// One subscriber of IPv6 has a whole /64 to himself.
address counted(const address& from) {
    if (!from.is_v6()) return from;
    if (from.to_v6().is_v4_mapped()) {
        return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, from.to_v6());
    }
    auto bytes = from.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return boost::asio::ip::address_v6(bytes);
}

}  // namespace

std::optional<RtmpAdmission::Ticket> RtmpAdmission::admit(const address& from) {
    const address key = counted(from);
    const std::lock_guard lock(mutex_);
    const auto at = by_address_.find(key);
    if (total_ >= max_total_ || (at != by_address_.end() && at->second >= max_per_address_)) {
        ++refused_;
        return std::nullopt;
    }
    ++total_;
    ++by_address_[key];
    return Ticket(shared_from_this(), key);
}

void RtmpAdmission::leave(const address& key) {
    const std::lock_guard lock(mutex_);
    --total_;
    const auto at = by_address_.find(key);
    if (--at->second == 0) by_address_.erase(at);
}

std::size_t RtmpAdmission::admitted() const {
    const std::lock_guard lock(mutex_);
    return total_;
}

std::size_t RtmpAdmission::refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
}

}  // namespace sg::protocols

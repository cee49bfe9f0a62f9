#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <ifaddrs.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <base/file.hpp>
#include <protocols/udp_receiver.hpp>

namespace sg::protocols {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

constexpr std::size_t kBatch = 32;
/// Transport streams come in 1316 bytes; jumbo frames hold 9000.
constexpr std::size_t kDatagramBytes = 9216;
/// Batches before others on this thread have their turn.
constexpr int kBatchesAtOnce = 8;

sockaddr_storage storage_of(const asio::ip::address& address, std::uint16_t port) {
    const udp::endpoint endpoint(address, port);
    sockaddr_storage storage{};
    std::memcpy(&storage, endpoint.data(), endpoint.size());
    return storage;
}

Result<asio::ip::address> parse_address(const std::string& text, const char* what) {
    boost::system::error_code failed;
    auto address = asio::ip::make_address(text, failed);
    if (failed)
        return Error{Errc::kInvalidArgument,
                     fmt::format("receive UDP: {} \"{}\" is no IP address", what, text)};
    return address;
}

/// Its index, or 0 for the system's choice.
Result<unsigned> find_interface(const std::string& wanted) {
    if (wanted.empty()) return 0U;
    if (const auto index = ::if_nametoindex(wanted.c_str()); index != 0) return index;
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(wanted, failed);
    unsigned found = 0;
    ifaddrs* all = nullptr;
    if (!failed && ::getifaddrs(&all) == 0) {
        for (const auto* each = all; each != nullptr; each = each->ifa_next) {
            if (each->ifa_addr == nullptr) continue;
            const auto family = each->ifa_addr->sa_family;
            if (family != AF_INET && family != AF_INET6) continue;
            udp::endpoint endpoint;
            endpoint.resize(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
            std::memcpy(endpoint.data(), each->ifa_addr, endpoint.size());
            if (endpoint.address() == address) found = ::if_nametoindex(each->ifa_name);
        }
        ::freeifaddrs(all);
    }
    if (found == 0)
        return Error{Errc::kInvalidArgument,
                     fmt::format("receive UDP: \"{}\" is no network interface of this machine, nor "
                                 "an address of one",
                                 wanted)};
    return found;
}

Status join(int fd, const asio::ip::address& group, const UdpReceiverOptions& options) {
    SG_TRY_ASSIGN(const auto interface, find_interface(options.interface));
    const int level = group.is_v6() ? IPPROTO_IPV6 : IPPROTO_IP;
    int failed = 0;
    if (options.source.empty()) {
        group_req request{};
        request.gr_interface = interface;
        request.gr_group = storage_of(group, 0);
        failed = ::setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request);
    } else {
        SG_TRY_ASSIGN(const auto source, parse_address(options.source, "source"));
        group_source_req request{};
        request.gsr_interface = interface;
        request.gsr_group = storage_of(group, 0);
        request.gsr_source = storage_of(source, 0);
        failed = ::setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof request);
    }
    if (failed != 0)
        return errno_error(errno, fmt::format("join the multicast group {}", options.address));
    return {};
}

}  // namespace

class UdpReceiver::Socket : public std::enable_shared_from_this<Socket> {
  public:
    Socket(asio::io_context& context, OnDatagrams on_datagrams, OnError on_error)
        : socket_(context),
          on_datagrams_(std::move(on_datagrams)),
          on_error_(std::move(on_error)),
          bytes_(kBatch * kDatagramBytes) {}

    Status open(const UdpReceiverOptions& options);
    void wait();
    void close() {
        on_datagrams_ = {};
        boost::system::error_code ignored;
        socket_.close(ignored);
    }

    [[nodiscard]] std::uint16_t port() const {
        boost::system::error_code failed;
        return socket_.local_endpoint(failed).port();
    }
    [[nodiscard]] const UdpCounters& counters() const { return counters_; }

  private:
    void read();
    bool read_batch();

    udp::socket socket_;
    OnDatagrams on_datagrams_;
    OnError on_error_;
    std::vector<std::byte> bytes_;
    UdpCounters counters_;
};

Status UdpReceiver::Socket::open(const UdpReceiverOptions& options) {
    SG_TRY_ASSIGN(const auto address,
                  parse_address(options.address.empty() ? "0.0.0.0" : options.address, "address"));
    const udp::endpoint endpoint(address, options.port);
    const auto attempted = fmt::format("receive UDP on {}:{}", address.to_string(), options.port);
    boost::system::error_code failed;
    socket_.open(endpoint.protocol(), failed);
    if (failed) return Error{Errc::kIo, attempted + ": " + failed.message()};
    if (address.is_multicast()) socket_.set_option(udp::socket::reuse_address(true), failed);
    // More than net.core.rmem_max is cut to it, without an error.
    socket_.set_option(
        udp::socket::receive_buffer_size(static_cast<int>(options.receive_buffer_bytes)), failed);
    socket_.bind(endpoint, failed);
    if (failed) return Error{Errc::kIo, attempted + ": " + failed.message()};
    if (address.is_multicast()) SG_TRY(join(socket_.native_handle(), address, options));
    return {};
}

void UdpReceiver::Socket::wait() {
    socket_.async_wait(udp::socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                           if (!failed && self->on_datagrams_) self->read();
                       });
}

void UdpReceiver::Socket::read() {
    for (int i = 0; i < kBatchesAtOnce; ++i) {
        if (!read_batch()) break;
    }
    if (on_datagrams_) wait();
}

/// False when no more is there.
bool UdpReceiver::Socket::read_batch() {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> parts{};
    for (std::size_t i = 0; i < kBatch; ++i) {
        parts[i] = {bytes_.data() + i * kDatagramBytes, kDatagramBytes};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count =
        ::recvmmsg(socket_.native_handle(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count < 0) {
        // ECONNREFUSED tells of an earlier send, of which there is none.
        if (errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED) return false;
        const auto error = errno_error(errno, "receive UDP");
        on_datagrams_ = {};
        if (auto tell = std::exchange(on_error_, {})) tell(error);
        return false;
    }
    std::array<Datagram, kBatch> datagrams;
    std::size_t good = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        ++counters_.datagrams;
        counters_.bytes += messages[i].msg_len;
        if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            ++counters_.too_large;
            continue;
        }
        datagrams[good++] = Datagram(bytes_).subspan(i * kDatagramBytes, messages[i].msg_len);
    }
    // It may let go of us in the call.
    const auto call = on_datagrams_;
    if (good > 0) call(std::span(datagrams).first(good));
    return on_datagrams_ && count == static_cast<int>(kBatch);
}

Result<std::unique_ptr<UdpReceiver>> UdpReceiver::open(asio::io_context& context,
                                                       const UdpReceiverOptions& options,
                                                       OnDatagrams on_datagrams,
                                                       OnError on_error) {
    auto socket = std::make_shared<Socket>(context, std::move(on_datagrams), std::move(on_error));
    SG_TRY(socket->open(options));
    socket->wait();
    return std::unique_ptr<UdpReceiver>(new UdpReceiver(std::move(socket)));
}

UdpReceiver::~UdpReceiver() {
    socket_->close();
}

std::uint16_t UdpReceiver::port() const {
    return socket_->port();
}

UdpCounters UdpReceiver::counters() const {
    return socket_->counters();
}

}  // namespace sg::protocols

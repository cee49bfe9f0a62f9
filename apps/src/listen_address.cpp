#include "listen_address.hpp"

#include <charconv>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

namespace sg::apps {
namespace {

Error refuse(std::string_view what, std::string_view text) {
    return Error{
        Errc::kInvalidArgument,
        fmt::format("{}: '{}' is not ADDRESS:PORT (as 127.0.0.1:8080, [::1]:8080, :8080) or off",
                    what,
                    text)};
}

}  // namespace

bool ListenAddress::loopback() const {
    boost::system::error_code failed;
    const auto parsed = boost::asio::ip::make_address(address, failed);
    return !failed && parsed.is_loopback();
}

std::string ListenAddress::text() const {
    if (address.find(':') != std::string::npos) return fmt::format("[{}]:{}", address, port);
    return fmt::format("{}:{}", address, port);
}

Result<std::optional<ListenAddress>> parse_listen_address(std::string_view what,
                                                          std::string_view text) {
    if (text == "off") return std::optional<ListenAddress>();
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse(what, text);
    auto host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        return refuse(what, text);
    ListenAddress address;
    address.address = host.empty() || host == "*" ? "0.0.0.0"
                      : host == "localhost"       ? "127.0.0.1"
                                                  : host;
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), address.port);
    boost::system::error_code failed;
    static_cast<void>(boost::asio::ip::make_address(address.address, failed));
    if (failed || port.empty() || parsed.ec != std::errc() ||
        parsed.ptr != port.data() + port.size()) {
        return refuse(what, text);
    }
    return std::optional(address);
}

Status check_port_free(const ListenAddress& at) {
    using boost::asio::ip::tcp;
    boost::asio::io_context context;
    boost::system::error_code failed;
    const auto address = boost::asio::ip::make_address(at.address, failed);
    tcp::acceptor probe(context);
    if (!failed) probe.open(tcp::endpoint(address, at.port).protocol(), failed);
    if (!failed) probe.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) probe.bind(tcp::endpoint(address, at.port), failed);
    if (!failed) return {};
    return Error{failed == boost::system::errc::permission_denied ? Errc::kPermission : Errc::kIo,
                 fmt::format("listen on {}: {}", at.text(), failed.message())};
}

}  // namespace sg::apps

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <protocols/address_policy.hpp>
#include <protocols/http_client.hpp>

namespace sg::protocols {
namespace {

struct Block4 {
    std::uint32_t network;
    int bits;
    const char* what;
};

constexpr std::uint32_t ip4(unsigned a, unsigned b, unsigned c, unsigned d) {
    return a << 24U | b << 16U | c << 8U | d;
}

// https://www.iana.org/assignments/iana-ipv4-special-registry
constexpr std::array<Block4, 15> kSpecial4{{{ip4(0, 0, 0, 0), 8, "of this host"},
                                            {ip4(10, 0, 0, 0), 8, "private"},
                                            {ip4(100, 64, 0, 0), 10, "shared (carrier NAT)"},
                                            {ip4(127, 0, 0, 0), 8, "loopback"},
                                            {ip4(169, 254, 0, 0), 16, "link-local"},
                                            {ip4(172, 16, 0, 0), 12, "private"},
                                            {ip4(192, 0, 0, 0), 24, "reserved"},
                                            {ip4(192, 0, 2, 0), 24, "for documentation"},
                                            {ip4(192, 88, 99, 0), 24, "reserved"},
                                            {ip4(192, 168, 0, 0), 16, "private"},
                                            {ip4(198, 18, 0, 0), 15, "for benchmarks"},
                                            {ip4(198, 51, 100, 0), 24, "for documentation"},
                                            {ip4(203, 0, 113, 0), 24, "for documentation"},
                                            {ip4(224, 0, 0, 0), 4, "multicast"},
                                            {ip4(240, 0, 0, 0), 4, "reserved"}}};

const char* special4(std::uint32_t address) noexcept {
    for (const auto& block : kSpecial4) {
        if ((address ^ block.network) >> (32 - block.bits) == 0) return block.what;
    }
    return nullptr;
}

using Bytes6 = std::span<const std::uint8_t, 16>;

bool starts_with(Bytes6 address, std::span<const std::uint8_t> prefix) noexcept {
    return std::equal(prefix.begin(), prefix.end(), address.begin());
}

std::uint32_t embedded4(Bytes6 address, std::size_t at) noexcept {
    return ip4(address[at], address[at + 1], address[at + 2], address[at + 3]);
}

// https://www.iana.org/assignments/iana-ipv6-special-registry
const char* special6(Bytes6 address) noexcept {
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    constexpr std::array<std::uint8_t, 12> kNat64{0, 0x64, 0xff, 0x9b};
    constexpr std::array<std::uint8_t, 15> kZero{};
    constexpr std::array<std::uint8_t, 2> k6to4{0x20, 0x02};
    constexpr std::array<std::uint8_t, 4> kDocumentation{0x20, 0x01, 0x0d, 0xb8};
    if (starts_with(address, kMapped)) return special4(embedded4(address, 12));
    if (starts_with(address, kNat64)) return special4(embedded4(address, 12));
    if (starts_with(address, k6to4)) return special4(embedded4(address, 2));
    if (starts_with(address, kZero)) return address[15] == 1 ? "loopback" : "of this host";
    if (address[0] == 0xff) return "multicast";
    if ((address[0] & 0xfeU) == 0xfc) return "private";
    if (address[0] == 0xfe) return (address[1] & 0xc0U) == 0x80 ? "link-local" : "site-local";
    if (starts_with(address, kDocumentation)) return "for documentation";
    if (address[0] == 0x3f && address[1] == 0xff && address[2] < 0x10) return "for documentation";
    // 2001::/23: Teredo and other ways into networks of their own.
    if (address[0] == 0x20 && address[1] == 0x01 && address[2] < 0x02) return "reserved";
    if ((address[0] & 0xe0U) != 0x20) return "reserved";
    return nullptr;
}

struct FreeUrl {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeText {
    void operator()(char* text) const { curl_free(text); }
};

std::string part_of(CURLU* url, CURLUPart part) {
    char* text = nullptr;
    if (curl_url_get(url, part, &text, 0) != CURLUE_OK || text == nullptr) return {};
    const std::unique_ptr<char, FreeText> owner(text);
    return text;
}

/// Of a host that is written as an address, which curl has brought into its usual form.
const char* special_host(std::string host) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    host = host.substr(0, host.find('%'));
    in_addr v4{};
    if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return special4(ntohl(v4.s_addr));
    in6_addr v6{};
    if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return special6(Bytes6(v6.s6_addr));
    while (host.ends_with('.')) host.pop_back();
    std::transform(host.begin(), host.end(), host.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return host == "localhost" || host.ends_with(".localhost") ? "loopback" : nullptr;
}

}  // namespace

const char* special_address(const sockaddr& address) noexcept {
    if (address.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        return special4(ntohl(v4.sin_addr.s_addr));
    }
    if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        return special6(Bytes6(v6.sin6_addr.s6_addr));
    }
    return "no internet address";
}

std::string address_text(const sockaddr& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    } else if (address.sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
    return text.data();
}

Status check_http_url(std::string_view text, AddressPolicy policy) {
    const auto name = printable_url(text);
    const std::unique_ptr<CURLU, FreeUrl> url(curl_url());
    const bool whole =
        url && text.find('\0') == std::string_view::npos &&
        curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), 0) == CURLUE_OK;
    const auto scheme = whole ? part_of(url.get(), CURLUPART_SCHEME) : std::string();
    const auto host = whole ? part_of(url.get(), CURLUPART_HOST) : std::string();
    if ((scheme != "http" && scheme != "https") || host.empty()) {
        return Error{Errc::kInvalidArgument,
                     "use " + name + ": it is not an http or https URL with a host"};
    }
    const char* special = policy.allow_private ? nullptr : special_host(host);
    if (special == nullptr) return {};
    return Error{Errc::kPermission,
                 "use " + name + ": its address is " + special +
                     ", and only public addresses may be used; an operator can allow it"};
}

}  // namespace sg::protocols

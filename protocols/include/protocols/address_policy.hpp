#pragma once

#include <string>
#include <string_view>

#include <base/result.hpp>

struct sockaddr;

namespace sg::protocols {

/// Which addresses may be connected to. By default only what the public internet routes: nothing
/// of this host, its networks, or a cloud's metadata service.
struct AddressPolicy {
    bool allow_private = true;
};

/// Why an address is not on the public internet ("loopback", "private", "link-local", "shared
/// (carrier NAT)", ...), by the special-purpose registries of RFC 6890 and its updates; IPv4
/// inside of IPv6 (mapped, NAT64, 6to4) counts as what it is. nullptr when it is public.
[[nodiscard]] const char* special_address(const sockaddr& address) noexcept;

/// "127.0.0.1", "::1"
[[nodiscard]] std::string address_text(const sockaddr& address);

/// For documents and forms, before anything is connected: kInvalidArgument when it is no http or
/// https URL with a host; kPermission when the host is a refused address in any spelling
/// (0x7f.1, 2130706433), or a name of this host ("localhost"). Other names are not resolved: the
/// address is checked when it is connected to.
[[nodiscard]] Status check_http_url(std::string_view url, AddressPolicy policy);

}  // namespace sg::protocols

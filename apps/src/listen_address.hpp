#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::apps {

struct ListenAddress {
    std::string address;  ///< numeric, without brackets
    std::uint16_t port = 0;
    [[nodiscard]] bool loopback() const;
    [[nodiscard]] std::string text() const;  ///< "127.0.0.1:8080", "[::1]:8080"
};

/// Nothing for "off". `what` names the setting in errors.
[[nodiscard]] Result<std::optional<ListenAddress>> parse_listen_address(std::string_view what,
                                                                        std::string_view text);

/// Whether a TCP listener could be bound now. Listeners of several threads share a port, so that
/// binding alone would not notice another service of ours.
[[nodiscard]] Status check_port_free(const ListenAddress& at);

}  // namespace sg::apps

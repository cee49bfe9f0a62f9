#pragma once

#include <optional>

#include <base/result.hpp>

#include "listen_address.hpp"
#include "serve_settings.hpp"

namespace sg::apps {

/// What `listen` says, taken apart; nothing where it is off.
struct Listeners {
    std::optional<ListenAddress> rtmp;
    std::optional<ListenAddress> rtmps;
    std::optional<ListenAddress> srt;
    std::optional<ListenAddress> http;
    std::optional<ListenAddress> https;
};

[[nodiscard]] Result<Listeners> parse_listeners(const ServeSettings& settings);

/// Whether the ports are free, before anything is started; the error names the key.
[[nodiscard]] Status check_listeners(const Listeners& listeners);

/// With the key that names it, and what to do when the port is taken.
[[nodiscard]] Error cannot_listen(const char* key, const ListenAddress& at, const Error& why);

}  // namespace sg::apps

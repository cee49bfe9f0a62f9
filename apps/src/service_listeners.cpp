#include "service_listeners.hpp"

#include <string_view>

#include <fmt/format.h>

namespace sg::apps {

Result<Listeners> parse_listeners(const ServeSettings& settings) {
    Listeners all;
    const auto& listen = settings.listen;
    SG_TRY_ASSIGN(all.rtmp, parse_listen_address("listen.rtmp", listen.rtmp));
    SG_TRY_ASSIGN(all.rtmps, parse_listen_address("listen.rtmps", listen.rtmps));
    SG_TRY_ASSIGN(all.srt, parse_listen_address("listen.srt", listen.srt));
    SG_TRY_ASSIGN(all.http, parse_listen_address("listen.http", listen.http));
    SG_TRY_ASSIGN(all.https, parse_listen_address("listen.https", listen.https));
    return all;
}

Status check_listeners(const Listeners& listeners) {
    const auto free = [](const char* key, const std::optional<ListenAddress>& at) -> Status {
        if (!at) return {};
        const auto status = check_port_free(*at);
        return status ? Status() : Status(cannot_listen(key, *at, status.error()));
    };
    SG_TRY(free("listen.rtmp", listeners.rtmp));
    SG_TRY(free("listen.rtmps", listeners.rtmps));
    SG_TRY(free("listen.http", listeners.http));
    SG_TRY(free("listen.https", listeners.https));
    return {};
}

Error cannot_listen(const char* key, const ListenAddress& at, const Error& why) {
    return {why.code,
            fmt::format("{}: {}; if another program has port {}, stop it ('ss -lntup' names it) or "
                        "choose another: --{} {}:PORT, or off",
                        key,
                        why.message,
                        at.port,
                        std::string_view(key).substr(7),
                        at.address)};
}

}  // namespace sg::apps

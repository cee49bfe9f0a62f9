#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <srt/srt.h>
#include <sys/socket.h>

#include <base/result.hpp>

namespace sg::protocols {

struct SrtAddress {
    sockaddr_storage bytes{};
    int length = 0;

    [[nodiscard]] const sockaddr* get() const {
        return reinterpret_cast<const sockaddr*>(&bytes);  // NOLINT the sockets API wants it
    }
    [[nodiscard]] std::string ip() const;
    [[nodiscard]] std::string text() const;  ///< with the port
};

/// `length` as given by the sockets API.
[[nodiscard]] SrtAddress copy_address(const sockaddr* address, int length);
[[nodiscard]] std::optional<SrtAddress> numeric_address(const std::string& text,
                                                        std::uint16_t port);

/// libsrt's last error of this thread.
[[nodiscard]] Error srt_error(std::string what);

/// What a peer said when it refused, for people.
[[nodiscard]] std::string refusal_text(int reason);

struct SrtSocketOptions {
    int latency_ms = 120;
    std::size_t receive_buffer_bytes = 0;
    std::string passphrase;
    unsigned key_bytes = 0;
};

/// Non-blocking, live mode, with what every socket of ours has.
[[nodiscard]] Result<SRTSOCKET> make_srt_socket(const SrtSocketOptions& options);

template <class T>
[[nodiscard]] bool set_srt_option(SRTSOCKET socket, SRT_SOCKOPT option, const T& value) {
    return srt_setsockflag(socket, option, &value, sizeof value) != SRT_ERROR;
}
[[nodiscard]] bool set_srt_text(SRTSOCKET socket, SRT_SOCKOPT option, const std::string& value);
/// 0 when it cannot be read.
[[nodiscard]] int get_srt_number(SRTSOCKET socket, SRT_SOCKOPT option);

}  // namespace sg::protocols

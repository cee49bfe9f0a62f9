#include "srt_socket.hpp"

#include <array>
#include <cstring>

#include <netdb.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <srt/access_control.h>

namespace sg::protocols {
namespace {

/// Reordered packets are no losses: without it, jitter makes for useless retransmission.
constexpr int kReorderTolerance = 40;
constexpr int kPacketBytes = 1500;

}  // namespace

SrtAddress copy_address(const sockaddr* address, int length) {
    SrtAddress out;
    out.length = length;
    if (length > 0 && static_cast<std::size_t>(length) <= sizeof out.bytes)
        std::memcpy(&out.bytes, address, static_cast<std::size_t>(length));
    return out;
}

std::optional<SrtAddress> numeric_address(const std::string& text, std::uint16_t port) {
    SrtAddress out;
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&out.bytes, &v4, sizeof v4);
        out.length = sizeof v4;
    } else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&out.bytes, &v6, sizeof v6);
        out.length = sizeof v6;
    } else {
        return std::nullopt;
    }
    return out;
}

std::string SrtAddress::ip() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (bytes.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &bytes, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    } else if (bytes.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &bytes, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
        // Callers of one machine count as one, whichever family the listener is of.
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return std::string(text.data()).substr(7);
    }
    return text.data();
}

std::string SrtAddress::text() const {
    sockaddr_in v4{};
    // The port stands at the same place in both families.
    std::memcpy(&v4, &bytes, sizeof v4);
    const std::string address = ip();
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", ntohs(v4.sin_port));
}

Error srt_error(std::string what) {
    const int code = srt_getlasterror(nullptr);
    return Error{Errc::kIo, fmt::format("{}: {}", what, srt_strerror(code, 0))};
}

std::string refusal_text(int reason) {
    switch (reason) {
        case SRT_REJX_BAD_REQUEST:
            return "the stream id is not understood";
        case SRT_REJX_UNAUTHORIZED:
            return "not authorised: check user, key or token";
        case SRT_REJX_OVERLOAD:
            return "the server has no room for more connections";
        case SRT_REJX_FORBIDDEN:
            return "forbidden";
        case SRT_REJX_NOTFOUND:
            return "no such stream";
        case SRT_REJX_BAD_MODE:
            return "the stream does not take this mode (m=)";
        case SRT_REJX_UNACCEPTABLE:
            return "the stream's parameters are not acceptable";
        case SRT_REJX_CONFLICT:
            return "the stream is in use already";
        case SRT_REJX_DOWN:
            return "the service is down";
        case SRT_REJ_BADSECRET:
            return "wrong passphrase";
        case SRT_REJ_UNSECURE:
            return "a passphrase is set on one side only";
        case SRT_REJ_TIMEOUT:
            return "no answer";
        default:
            break;
    }
    if (reason >= SRT_REJC_PREDEFINED) return fmt::format("reason {}", reason);
    return srt_rejectreason_str(reason);
}

bool set_srt_text(SRTSOCKET socket, SRT_SOCKOPT option, const std::string& value) {
    return srt_setsockflag(socket, option, value.data(), static_cast<int>(value.size())) !=
           SRT_ERROR;
}

int get_srt_number(SRTSOCKET socket, SRT_SOCKOPT option) {
    int value = 0;
    int size = sizeof value;
    return srt_getsockflag(socket, option, &value, &size) == SRT_ERROR ? 0 : value;
}

Result<SRTSOCKET> make_srt_socket(const SrtSocketOptions& options) {
    const SRTSOCKET socket = srt_create_socket();
    if (socket == SRT_INVALID_SOCK) return srt_error("create an SRT socket");
    const bool blocking = false;
    bool ok = set_srt_option(socket, SRTO_RCVSYN, blocking) &&
              set_srt_option(socket, SRTO_SNDSYN, blocking) &&
              set_srt_option(socket, SRTO_LATENCY, options.latency_ms) &&
              set_srt_option(socket, SRTO_LOSSMAXTTL, kReorderTolerance);
    if (ok && options.receive_buffer_bytes > 0) {
        // The flow window counts packets, and must not be smaller than the buffer.
        const int bytes = static_cast<int>(options.receive_buffer_bytes);
        const int window = bytes / (kPacketBytes - 28) + 32;
        ok = set_srt_option(socket, SRTO_FC, window) && set_srt_option(socket, SRTO_RCVBUF, bytes);
    }
    if (ok && !options.passphrase.empty())
        ok = set_srt_text(socket, SRTO_PASSPHRASE, options.passphrase);
    if (ok && options.key_bytes != 0)
        ok = set_srt_option(socket, SRTO_PBKEYLEN, static_cast<int>(options.key_bytes));
    if (ok) return socket;
    Error error = srt_error(
        "set up an SRT socket (a passphrase has 10 to 79 bytes, key_bytes is 16, "
        "24 or 32)");
    error.code = Errc::kInvalidArgument;
    srt_close(socket);
    return error;
}

}  // namespace sg::protocols

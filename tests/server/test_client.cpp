#include "test_client.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <zlib.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sg::server::test {

TestClient::TestClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{20, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        fd_.reset();
    }
}

void TestClient::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void TestClient::get(std::string_view path, std::string_view lines) const {
    send(std::string("GET ").append(path).append(" HTTP/1.1\r\nHost: test\r\n").append(lines) +
         "\r\n");
}

bool TestClient::fill() {
    std::array<char, 65536> buffer;
    const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    inbox_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

std::string TestClient::read_until(std::string_view text) {
    while (inbox_.find(text) == std::string::npos) {
        if (!fill()) return inbox_;
    }
    return inbox_;
}

Answer TestClient::read(bool head) {
    Answer out;
    while (inbox_.find("\r\n\r\n") == std::string::npos) {
        if (!fill()) return out;
    }
    const auto end = inbox_.find("\r\n\r\n");
    std::string_view lines(inbox_.data(), end + 2);
    out.status = std::atoi(std::string(lines.substr(9, 3)).c_str());
    lines.remove_prefix(lines.find("\r\n") + 2);
    while (!lines.empty()) {
        const auto line = lines.substr(0, lines.find("\r\n"));
        const auto colon = line.find(": ");
        std::string name(line.substr(0, colon));
        std::transform(name.begin(), name.end(), name.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        });
        out.fields[name] = line.substr(colon + 2);
        lines.remove_prefix(line.size() + 2);
    }
    inbox_.erase(0, end + 4);
    out.whole = true;
    if (head || out.status == 304 || out.status == 204) return out;
    if (out.fields.contains("transfer-encoding")) {
        for (;;) {
            while (inbox_.find("\r\n") == std::string::npos) {
                if (!fill()) return out.whole = false, out;
            }
            const auto line_end = inbox_.find("\r\n");
            const auto bytes = std::stoul(inbox_.substr(0, line_end), nullptr, 16);
            while (inbox_.size() < line_end + 2 + bytes + 2) {
                if (!fill()) return out.whole = false, out;
            }
            out.body += inbox_.substr(line_end + 2, bytes);
            inbox_.erase(0, line_end + 2 + bytes + 2);
            if (bytes == 0) return out;
        }
    }
    const auto length = out.fields.contains("content-length")
                            ? std::stoul(out.fields["content-length"])
                            : std::string::npos;
    while (inbox_.size() < length) {
        if (!fill()) {
            out.whole = length == std::string::npos;
            break;
        }
    }
    out.body = inbox_.substr(0, length);
    inbox_.erase(0, out.body.size());
    return out;
}

Answer TestClient::fetch(std::string_view path, std::string_view lines) {
    get(path, lines);
    return read();
}

bool TestClient::at_end() {
    while (fill()) {
    }
    char byte = 0;
    // 0 or a reset; a time-out of the test's own is not the end.
    return ::recv(fd_.get(), &byte, 1, MSG_DONTWAIT) == 0 || (errno != EAGAIN);
}

std::string gunzip(std::string_view bytes) {
    z_stream stream{};
    std::string out(1U << 20U, '\0');
    if (inflateInit2(&stream, 15 + 16) != Z_OK) return {};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_FINISH);
    out.resize(result == Z_STREAM_END ? stream.total_out : 0);
    inflateEnd(&stream);
    return out;
}

}  // namespace sg::server::test

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>

#include <poll.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <support/raw_server.hpp>

namespace sg::test {
namespace {

bool readable(int fd, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        pollfd polled{fd, POLLIN, 0};
        if (::poll(&polled, 1, 20) > 0) return true;
    }
    return false;
}

std::size_t body_bytes(const std::string& head) {
    std::string lower = head;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const auto at = lower.find("content-length:");
    return at == std::string::npos ? 0 : std::strtoul(lower.c_str() + at + 15, nullptr, 10);
}

}  // namespace

RawServer::RawServer(Answer answer)
    : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), any, &size) != 0)
        throw std::runtime_error("no port for a test server");
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

RawServer::~RawServer() = default;

std::string RawServer::url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

std::vector<std::string> RawServer::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

void RawServer::run(const std::stop_token& stop) {
    while (readable(listener_.get(), stop)) {
        const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (client.valid()) serve(client.get(), stop);
    }
}

void RawServer::serve(int client, const std::stop_token& stop) {
    std::string request;
    std::array<char, 4096> block{};
    for (;;) {
        const auto head = request.find("\r\n\r\n");
        if (head != std::string::npos &&
            request.size() >= head + 4 + body_bytes(request.substr(0, head)))
            break;
        if (!readable(client, stop)) return;
        const auto n = ::read(client, block.data(), block.size());
        if (n <= 0) return;
        request.append(block.data(), static_cast<std::size_t>(n));
    }
    {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
    }
    const auto reply = answer_(request);
    std::string_view left = reply.bytes;
    while (!left.empty()) {
        const auto n = ::send(client, left.data(), left.size(), MSG_NOSIGNAL);
        if (n <= 0) return;
        left.remove_prefix(static_cast<std::size_t>(n));
    }
    // What the client sends now is its end.
    if (reply.hold) static_cast<void>(readable(client, stop));
}

std::string http_reply(int status, const std::vector<std::string>& headers, std::string_view body) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Any\r\n";
    text += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n";
    for (const auto& line : headers) text += line + "\r\n";
    return text + "\r\n" + std::string(body);
}

}  // namespace sg::test

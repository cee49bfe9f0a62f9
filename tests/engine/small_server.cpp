#include "small_server.hpp"

#include <stdexcept>

#include <poll.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "made_presentation.hpp"

namespace sg::engine::test {
namespace {

bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 20) == 1;
}

bool send_all(int fd, const std::string& bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto n = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (n <= 0) return false;
        done += static_cast<std::size_t>(n);
    }
    return true;
}

}  // namespace

SmallServer::SmallServer(std::filesystem::path folder, Manner manner)
    : folder_(std::move(folder)),
      manner_(manner),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), any, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
        ::getsockname(listener_.get(), any, &size) != 0)
        throw std::runtime_error("no port to listen on");
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

SmallServer::~SmallServer() {
    thread_.request_stop();
    thread_.join();
}

std::string SmallServer::url() const {
    return fmt::format("http://127.0.0.1:{}", port_);
}

void SmallServer::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (!readable(listener_.get())) continue;
        const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
        if (client.valid()) answer(client.get(), stop);
    }
}

void SmallServer::answer(int client, std::stop_token stop) const {
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos) {
        if (stop.stop_requested()) return;
        if (!readable(client)) continue;
        char buffer[4096];
        const auto n = ::recv(client, buffer, sizeof buffer, 0);
        if (n <= 0) return;
        request.append(buffer, static_cast<std::size_t>(n));
    }
    if (manner_ == Manner::kSilent) {
        while (!stop.stop_requested() && !readable(client)) continue;
        return;
    }
    if (manner_ == Manner::kEndless) {
        bool going = send_all(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n#EXTM3U\n");
        while (going && !stop.stop_requested())
            going = send_all(client, std::string(1 << 20, '\n'));
        return;
    }
    const auto path = request.substr(5, request.find_first_of(" ?", 5) - 5);
    std::string moved;
    if (manner_ == Manner::kMoved && path.starts_with("old/") &&
        (path.ends_with(".m3u8") || path.ends_with(".mpd")))
        moved = "/out/" + path.substr(4);
    if (manner_ == Manner::kLoops) moved = "/" + path;
    if (manner_ == Manner::kToFile) moved = "file://" + (folder_ / path).string();
    if (!moved.empty()) {
        send_all(client,
                 fmt::format("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: "
                             "0\r\nConnection: close\r\n\r\n",
                             moved));
        return;
    }
    std::error_code ec;
    if (!std::filesystem::is_regular_file(folder_ / path, ec)) {
        send_all(client,
                 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    }
    auto body = load(folder_ / path);
    std::string status = "200 OK";
    if (const auto range = request.find("Range: bytes=");
        range != std::string::npos && manner_ != Manner::kNoRanges) {
        const auto first = std::stoull(request.substr(range + 13));
        const auto dash = request.find('-', range + 13);
        const auto last =
            request[dash + 1] == '\r' ? body.size() - 1 : std::stoull(request.substr(dash + 1));
        status = fmt::format(
            "206 Partial Content\r\nContent-Range: bytes {}-{}/{}", first, last, body.size());
        body = body.substr(first, last - first + 1);
    }
    send_all(
        client,
        fmt::format(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", status, body.size()) +
            body);
}

}  // namespace sg::engine::test

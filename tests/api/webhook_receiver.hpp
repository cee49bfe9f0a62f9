#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <base/unique_fd.hpp>

namespace sg::api::test {

/// What came in a POST.
struct Received {
    std::string head;
    std::string body;

    [[nodiscard]] std::string field(const std::string& name) const {
        const auto at = head.find("\r\n" + name + ": ");
        if (at == std::string::npos) return {};
        const auto begin = at + name.size() + 4;
        return head.substr(begin, head.find("\r\n", begin) - begin);
    }
};

/// An HTTP server on a loopback port whose answers a test chooses. Answers one at a time.
class WebhookReceiver {
  public:
    /// Gives "204 No Content\r\nRetry-After: 3" or the like.
    using Answer = std::function<std::string(const Received&)>;

    explicit WebhookReceiver(Answer answer) : answer_(std::move(answer)) {
        socket_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* plain = reinterpret_cast<sockaddr*>(&address);
        if (::bind(socket_.get(), plain, sizeof address) != 0) std::abort();
        if (::listen(socket_.get(), 64) != 0) std::abort();
        socklen_t size = sizeof address;
        ::getsockname(socket_.get(), plain, &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    }

    [[nodiscard]] std::string url() const { return fmt::format("http://127.0.0.1:{}/hook", port_); }
    [[nodiscard]] std::vector<Received> all() const {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    [[nodiscard]] std::size_t count() const { return all().size(); }

  private:
    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd entry{socket_.get(), POLLIN, 0};
            if (::poll(&entry, 1, 20) != 1) continue;
            const UniqueFd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (client.valid()) answer(client.get());
        }
    }
    void answer(int fd) {
        std::string text;
        std::size_t wanted = std::string::npos;
        while (text.size() < wanted) {
            char buffer[4096];
            const auto got = ::read(fd, buffer, sizeof buffer);
            if (got <= 0) return;
            text.append(buffer, static_cast<std::size_t>(got));
            const auto end = text.find("\r\n\r\n");
            if (end == std::string::npos) continue;
            Received head{text.substr(0, end + 2), ""};
            auto length = head.field("Content-Length");
            wanted = end + 4 + (length.empty() ? 0U : std::stoul(length));
        }
        const auto end = text.find("\r\n\r\n");
        Received one{text.substr(0, end + 2), text.substr(end + 4)};
        const auto reply = fmt::format(
            "HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", answer_(one));
        {
            const std::lock_guard lock(mutex_);
            received_.push_back(std::move(one));
        }
        static_cast<void>(::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL));
    }

    Answer answer_;
    UniqueFd socket_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<Received> received_;
    std::jthread thread_;
};

}  // namespace sg::api::test

#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <base/unique_fd.hpp>

namespace sg::test {

/// What goes over the wire, byte for byte. The connection is closed after it, unless it is held.
struct RawReply {
    std::string bytes;
    bool hold = false;  ///< says nothing more, and stays open until the client or the server goes
};

/// A server on a free port of 127.0.0.1 that answers each request, one connection at a time, with
/// what a function gives.
class RawServer {
  public:
    /// `request`: head and body. Called on the server's thread.
    using Answer = std::function<RawReply(const std::string& request)>;

    explicit RawServer(Answer answer);
    ~RawServer();
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] std::string url(std::string_view path = "/") const;
    [[nodiscard]] std::vector<std::string> requests() const;

  private:
    void run(const std::stop_token& stop);
    void serve(int client, const std::stop_token& stop);

    Answer answer_;
    UniqueFd listener_;
    int port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::jthread thread_;
};

/// "HTTP/1.1 200 OK" with Content-Length, these header lines, and the body.
[[nodiscard]] std::string http_reply(int status,
                                     const std::vector<std::string>& headers,
                                     std::string_view body);

}  // namespace sg::test

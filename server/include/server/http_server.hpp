#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <server/router.hpp>

#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::server {

struct TlsFiles {
    std::string certificate_chain;  ///< PEM
    std::string private_key;        ///< PEM
};

struct HttpServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;  ///< 0: any free one
    TlsFiles tls;               ///< without files: plain HTTP
    /// Addresses of proxies whose X-Forwarded-For is believed; the limit per address does not apply
    /// to them.
    std::vector<std::string> trusted_proxies;
    std::size_t max_connections = 20'000;
    std::size_t max_connections_per_address = 1'000;
    std::size_t max_header_bytes = 16'384;
    std::chrono::milliseconds header_timeout{10'000};  ///< first byte to end of header; also TLS
    std::chrono::milliseconds idle_timeout{75'000};    ///< between requests
    /// A client that does not take `min_progress_bytes` in this time is cut off.
    std::chrono::milliseconds write_timeout{30'000};
    std::size_t min_progress_bytes = 16'384;
};

/// HTTP/1.1 (RFC 9112), plain or over TLS, on io_contexts that one thread each runs: one listening
/// socket per context (SO_REUSEPORT), a connection stays on its context. Ignores SIGPIPE for the
/// process.
class HttpServer {
  public:
    /// Binds and listens; accepts once the contexts run. `router` must outlive the server.
    [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
        std::vector<boost::asio::io_context*> contexts,
        const Router& router,
        HttpServerOptions options,
        Metrics& metrics);

    /// Before its contexts go, and after they stopped running or `stop` called back.
    ~HttpServer();

    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] std::size_t connections() const noexcept;

    /// Any thread. Closes the listening sockets and idle connections, answers blocked requests with
    /// 503, lets answers on their way finish for `grace`, then cuts them off. `stopped` is called
    /// once, on one of the contexts, when the last connection is gone.
    void stop(std::chrono::milliseconds grace, std::function<void()> stopped);

    /// New certificate files for new connections (they are read here). Any thread.
    [[nodiscard]] Status reload_tls();

  private:
    struct Impl;
    explicit HttpServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::server

#include <csignal>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <server/http_server.hpp>

#include "worker.hpp"

namespace sg::server {

namespace asio = boost::asio;

struct HttpServer::Impl {
    std::shared_ptr<ServerState> state;
    std::vector<std::shared_ptr<Worker>> workers;
    std::uint16_t port = 0;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(std::vector<asio::io_context*> contexts,
                                                      const Router& router,
                                                      HttpServerOptions options,
                                                      Metrics& metrics) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error) {
        return Error{Errc::kInvalidArgument,
                     fmt::format("listen for HTTP on '{}': not an IP address; give one such as "
                                 "127.0.0.1, 0.0.0.0 or ::",
                                 options.address)};
    }
    // sendfile and OpenSSL's writes have no flag against it.
    std::signal(SIGPIPE, SIG_IGN);
    auto impl = std::make_unique<Impl>();
    impl->port = options.port;
    impl->state = std::make_shared<ServerState>(router, std::move(options), metrics);
    const auto& tls = impl->state->options.tls;
    if (!tls.certificate_chain.empty()) {
        SG_TRY_ASSIGN(auto context, TlsContext::load(tls.certificate_chain, tls.private_key));
        impl->state->set_tls(std::move(context));
    }
    for (std::size_t i = 0; i < contexts.size(); ++i) {
        auto worker = std::make_shared<Worker>(*contexts[i], i, impl->state);
        SG_TRY(worker->listen({address, impl->port}));
        impl->port = worker->port();
        impl->workers.push_back(std::move(worker));
    }
    for (const auto& worker : impl->workers) worker->run();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const noexcept {
    return impl_->port;
}

std::size_t HttpServer::connections() const noexcept {
    return impl_->state->connections;
}

void HttpServer::stop(std::chrono::milliseconds grace, std::function<void()> stopped) {
    if (impl_->state->stopping) return;
    impl_->state->stopped = std::move(stopped);
    impl_->state->stopping = true;
    const auto force_at = std::chrono::steady_clock::now() + grace;
    for (const auto& worker : impl_->workers) {
        asio::post(worker->context(), [worker, force_at] { worker->stop(force_at); });
    }
}

Status HttpServer::reload_tls() {
    const auto& tls = impl_->state->options.tls;
    if (tls.certificate_chain.empty()) return {};
    SG_TRY_ASSIGN(auto context, TlsContext::load(tls.certificate_chain, tls.private_key));
    impl_->state->set_tls(std::move(context));
    return {};
}

}  // namespace sg::server

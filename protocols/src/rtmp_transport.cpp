#include "rtmp_transport.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace sg::protocols::rtmp {
namespace {

namespace asio = boost::asio;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace

// Parameters and temporaries of the coroutines are plain data: gcc 12 copies a string among them
// byte by byte.

void Transport::use_tls(std::shared_ptr<asio::ssl::context> context,
                        const std::string& server_name) {
    context_ = std::move(context);
    tls_ = std::make_unique<Tls>(socket_, *context_);
    if (server_name.empty()) return;
    std::string name = server_name;
    auto* const ssl = tls_->native_handle();
    auto* const wanted = SSL_get0_param(ssl);
    // Of an address this fails, and there is no name to tell either.
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str()) != 1) {
        X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size());
        // The name of the server goes out in the clear and picks its certificate (RFC 6066 3).
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    error_code ignored;
    tls_->set_verify_mode(asio::ssl::verify_peer, ignored);
}

std::string Transport::distrust() const {
    if (!tls_) return {};
    const long result = SSL_get_verify_result(tls_->native_handle());
    return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

asio::awaitable<error_code> Transport::shake_hands(asio::ssl::stream_base::handshake_type role) {
    const auto [error] = co_await tls_->async_handshake(role, kAwait);
    co_return error;
}

asio::awaitable<Transport::Read> Transport::read_some(std::span<std::byte> into) {
    const asio::mutable_buffer buffer(into.data(), into.size());
    if (tls_) {
        const auto [error, count] = co_await tls_->async_read_some(buffer, kAwait);
        co_return Read{error, count};
    }
    const auto [error, count] = co_await socket_.async_read_some(buffer, kAwait);
    co_return Read{error, count};
}

asio::awaitable<error_code> Transport::write(std::span<const std::byte> bytes) {
    const asio::const_buffer buffer(bytes.data(), bytes.size());
    if (tls_) {
        const auto [error, count] = co_await asio::async_write(*tls_, buffer, kAwait);
        co_return error;
    }
    const auto [error, count] = co_await asio::async_write(socket_, buffer, kAwait);
    co_return error;
}

void Transport::cancel() {
    error_code ignored;
    socket_.cancel(ignored);
}

void Transport::close() {
    error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
}

}  // namespace sg::protocols::rtmp

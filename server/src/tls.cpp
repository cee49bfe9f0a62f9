#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "transport.hpp"

namespace sg::server {
namespace {

Error tls_error(const std::string& attempted, const std::string& advice) {
    const auto code = ERR_peek_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return Error{
        Errc::kInvalidArgument,
        fmt::format("{}: {}; {}", attempted, reason == nullptr ? "refused" : reason, advice)};
}

/// HTTP/1.1 is what is spoken; a client that offers only others is told so by the handshake.
int choose_protocol(SSL*,
                    const unsigned char** out,
                    unsigned char* out_length,
                    const unsigned char* in,
                    unsigned int in_length,
                    void*) {
    static constexpr unsigned char kOurs[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_length, kOurs, sizeof kOurs - 1, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const std::string& certificate_chain,
                                                           const std::string& private_key) {
    std::shared_ptr<TlsContext> out(new TlsContext);
    out->context_ = SSL_CTX_new(TLS_server_method());
    if (out->context_ == nullptr) return tls_error("set up TLS", "check the OpenSSL installation");
    SSL_CTX* context = out->context_;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(
        context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate_chain.c_str()) != 1) {
        return tls_error("read the certificate chain " + certificate_chain,
                         "give a PEM file that the server may read");
    }
    if (SSL_CTX_use_PrivateKey_file(context, private_key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return tls_error("read the private key " + private_key,
                         "give the PEM file that belongs to the certificate");
    }
    return std::shared_ptr<const TlsContext>(std::move(out));
}

TlsContext::~TlsContext() {
    SSL_CTX_free(context_);
}

Status Transport::start_tls(const TlsContext& context) {
    tls_ = SSL_new(context.get());
    if (tls_ == nullptr || SSL_set_fd(tls_, fd_) != 1) {
        return tls_error("start TLS on a connection", "the machine may be out of memory");
    }
    SSL_set_accept_state(tls_);
    return {};
}

Transport::Outcome Transport::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(tls_);
    return result == 1 ? Outcome{} : tls_outcome(result);
}

void Transport::say_end() noexcept {
    if (tls_ == nullptr) return;
    ERR_clear_error();
    if (SSL_is_init_finished(tls_) == 1) SSL_shutdown(tls_);
    ERR_clear_error();
}

Transport::Outcome Transport::tls_outcome(int result) {
    switch (SSL_get_error(tls_, result)) {
        case SSL_ERROR_WANT_READ:
            return {State::kWantRead, 0};
        case SSL_ERROR_WANT_WRITE:
            return {State::kWantWrite, 0};
        default:
            return {State::kEnd, 0};
    }
}

}  // namespace sg::server

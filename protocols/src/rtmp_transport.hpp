#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace sg::protocols::rtmp {

using boost::system::error_code;

/// A TCP connection with or without TLS. At most one read and one write at a time.
class Transport {
  public:
    using Tcp = boost::asio::ip::tcp;
    using Tls = boost::asio::ssl::stream<Tcp::socket&>;

    explicit Transport(Tcp::socket socket) : socket_(std::move(socket)) {}

    [[nodiscard]] Tcp::socket& socket() { return socket_; }
    [[nodiscard]] bool secure() const { return tls_ != nullptr; }

    /// Everything from now on goes through TLS, beginning with shake_hands(). `server_name` is for
    /// clients; empty: the certificate is not looked at.
    void use_tls(std::shared_ptr<boost::asio::ssl::context> context,
                 const std::string& server_name);
    boost::asio::awaitable<error_code> shake_hands(
        boost::asio::ssl::stream_base::handshake_type role);
    /// After a handshake that failed: what is wrong with the server's certificate; empty: nothing.
    [[nodiscard]] std::string distrust() const;

    struct Read {
        error_code error;
        std::size_t count = 0;
    };
    boost::asio::awaitable<Read> read_some(std::span<std::byte> into);
    /// Writes all.
    boost::asio::awaitable<error_code> write(std::span<const std::byte> bytes);

    /// Ends what is under way; the connection can still be used.
    void cancel();
    void close();

  private:
    Tcp::socket socket_;
    std::shared_ptr<boost::asio::ssl::context> context_;
    std::unique_ptr<Tls> tls_;
};

}  // namespace sg::protocols::rtmp

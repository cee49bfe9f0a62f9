#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <server/http_message.hpp>

#include <base/result.hpp>

struct ssl_st;
struct ssl_ctx_st;

namespace sg::server {

/// Bytes on their way out: a header, then pieces.
class OutQueue {
  public:
    void reset(std::string head, std::vector<BodyPiece> pieces);
    [[nodiscard]] bool empty() const noexcept {
        return head_sent_ == head_.size() && index_ == pieces_.size();
    }
    [[nodiscard]] std::uint64_t body_sent() const noexcept { return body_sent_; }

  private:
    friend class Transport;
    [[nodiscard]] std::span<const char> head_rest() const noexcept {
        return std::span(head_).subspan(head_sent_);
    }
    void advance(std::uint64_t bytes);
    /// Copies up to the size of `into` without advancing; fewer bytes only at the end. False when a
    /// file is shorter than it should be.
    [[nodiscard]] bool copy(std::span<char> into, std::size_t& copied) const;

    std::string head_;
    std::size_t head_sent_ = 0;
    std::vector<BodyPiece> pieces_;
    std::size_t index_ = 0;
    std::uint64_t offset_ = 0;  ///< in the piece at index_
    std::uint64_t body_sent_ = 0;
};

class TlsContext {
  public:
    [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> load(
        const std::string& certificate_chain, const std::string& private_key);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_; }

  private:
    TlsContext() = default;
    ssl_ctx_st* context_ = nullptr;
};

/// Non-blocking reads and writes on a socket that somebody else owns, plain or TLS. Holds no buffer
/// while nothing is on its way.
class Transport {
  public:
    enum class State { kDone, kWantRead, kWantWrite, kEnd };
    struct Outcome {
        State state = State::kDone;
        std::size_t bytes = 0;
    };

    explicit Transport(int fd) : fd_(fd) {}
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    [[nodiscard]] Status start_tls(const TlsContext& context);
    [[nodiscard]] Outcome handshake();
    [[nodiscard]] bool tls() const noexcept { return tls_ != nullptr; }
    /// Decrypted bytes are waiting, of which the socket tells nothing.
    [[nodiscard]] bool has_buffered() const noexcept;

    /// kEnd: the peer closed, or an error.
    [[nodiscard]] Outcome read(std::span<char> into);
    /// One step; the bytes taken leave the queue.
    [[nodiscard]] Outcome write(OutQueue& queue);
    /// Tells a TLS peer that this is the end, if that can be done at once.
    void say_end() noexcept;

  private:
    [[nodiscard]] Outcome write_memory(OutQueue& queue);
    [[nodiscard]] Outcome write_file(OutQueue& queue);
    [[nodiscard]] Outcome write_tls(OutQueue& queue);
    [[nodiscard]] Outcome tls_outcome(int result);

    int fd_;
    ssl_st* tls_ = nullptr;
    std::vector<char> record_;  ///< what SSL_write has been given, until it takes it
};

}  // namespace sg::server

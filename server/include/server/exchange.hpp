#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <server/http_message.hpp>

namespace sg::server {

using Executor = boost::asio::io_context::executor_type;
template <class T = void>
using Task = boost::asio::awaitable<T, Executor>;
inline constexpr boost::asio::use_awaitable_t<Executor> kAwait{};

/// kReadable: of an upgraded connection only.
enum class WaitOutcome { kWoken, kTimeout, kClientLeft, kStopping, kReadable };

/// A run of a request's body.
struct BodyPart {
    enum class State {
        kBytes,      ///< more may follow
        kEnd,        ///< the body is whole
        kTooLarge,   ///< longer than allowed: answer with 413
        kMalformed,  ///< the chunked coding is broken: answer with 400
        kTimeout,    ///< the client sends too slowly: answer with 408
        kLost,       ///< the client is gone: nothing can be answered
    };
    State state = State::kEnd;
    std::string_view bytes;  ///< until the next call
};

class Waiter;

/// Requests of one context that wait for the same event. Only on that context's thread; must
/// outlive its waiters.
class WaitList {
  public:
    WaitList() = default;
    WaitList(const WaitList&) = delete;
    WaitList& operator=(const WaitList&) = delete;
    ~WaitList();
    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
    void wake_all();

  private:
    friend class Waiter;
    Waiter* first_ = nullptr;
};

/// One request and the means to answer it, on its connection's context. A handler answers once: by
/// send(), or by begin(), write()..., finish(), or by upgrade().
class Exchange {
  public:
    virtual ~Exchange() = default;
    [[nodiscard]] virtual const Request& request() const noexcept = 0;
    /// Which of the server's contexts this runs on: 0 to contexts - 1.
    [[nodiscard]] virtual std::size_t context_index() const noexcept = 0;
    [[nodiscard]] virtual boost::asio::io_context& context() noexcept = 0;

    /// The declared length of the request's body, 0 without one; nothing for a chunked one.
    [[nodiscard]] virtual std::optional<std::uint64_t> body_length() const noexcept = 0;

    /// The next run of the body, of at most 64 KiB, on a route with RouteOptions::reads_body. Waits
    /// for it, and asks the client for it first when it expects that (RFC 9110 §10.1.1).
    /// `max_bytes` limits the whole body. A client must send HttpServerOptions::min_progress_bytes
    /// in each write_timeout, not counting the time between calls. Never reading is allowed.
    [[nodiscard]] virtual Task<BodyPart> read_body(std::uint64_t max_bytes) = 0;
    /// Reads the whole body into request().body. Ends with kEnd, or what went wrong.
    [[nodiscard]] virtual Task<BodyPart::State> buffer_body(std::uint64_t max_bytes) = 0;

    /// Answers with 101 and `head`'s fields (Upgrade and more; Connection is added). From here the
    /// connection is a plain stream both ways (RFC 9110 §7.8), which ends with the handler: write()
    /// sends bytes as they are, wait() also ends when bytes have come, received() gives them.
    [[nodiscard]] virtual Task<> upgrade(Response head) = 0;
    /// What has come since the last call, valid until the next one; empty when nothing has. Never
    /// waits. Finds the client's end, which lost() tells then.
    [[nodiscard]] virtual std::string_view received() = 0;

    /// Answers with a known length; of a HEAD request only the header goes out. Returns when the
    /// system has taken all bytes, or the client is lost.
    [[nodiscard]] virtual Task<> send(Response response) = 0;

    /// Starts an answer of unknown length (chunked transfer coding).
    [[nodiscard]] virtual Task<> begin(Response head) = 0;
    [[nodiscard]] virtual Task<> write(std::vector<BodyPiece> pieces) = 0;
    [[nodiscard]] virtual Task<> finish() = 0;
    /// Cuts the connection: the client must not take a half answer for a whole one.
    virtual void abort() noexcept = 0;
    /// The client is lost, nothing can be sent any more.
    [[nodiscard]] virtual bool lost() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t body_bytes_sent() const noexcept = 0;
    /// Of the answer; 0 before it.
    [[nodiscard]] virtual int status() const noexcept = 0;

    /// Waits without a thread or buffers. The limit is kept to a tick, about a second.
    [[nodiscard]] virtual Task<WaitOutcome> wait(WaitList& list,
                                                 std::chrono::milliseconds limit) = 0;
};

}  // namespace sg::server

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <server/http_message.hpp>

namespace sg::server {

using Executor = boost::asio::io_context::executor_type;
template <class T = void>
using Task = boost::asio::awaitable<T, Executor>;
inline constexpr boost::asio::use_awaitable_t<Executor> kAwait{};

enum class WaitOutcome { kWoken, kTimeout, kClientLeft, kStopping };

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
/// send(), or by begin(), write()..., finish().
class Exchange {
  public:
    virtual ~Exchange() = default;
    [[nodiscard]] virtual const Request& request() const noexcept = 0;
    /// Which of the server's contexts this runs on: 0 to contexts - 1.
    [[nodiscard]] virtual std::size_t context_index() const noexcept = 0;
    [[nodiscard]] virtual boost::asio::io_context& context() noexcept = 0;

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

    /// Waits without a thread or buffers. The limit is kept to a tick, about a second.
    [[nodiscard]] virtual Task<WaitOutcome> wait(WaitList& list,
                                                 std::chrono::milliseconds limit) = 0;
};

}  // namespace sg::server

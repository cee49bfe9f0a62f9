#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <server/exchange.hpp>

#include "transport.hpp"
#include "waiter.hpp"
#include "worker.hpp"

namespace sg::server {

/// One client. Kept alive by its coroutine.
class Connection final : public Exchange,
                         private Waiter,
                         public std::enable_shared_from_this<Connection> {
  public:
    Connection(std::shared_ptr<Worker> worker, Socket socket, boost::asio::ip::address address);

    [[nodiscard]] Task<> run();
    [[nodiscard]] const boost::asio::ip::address& address() const noexcept { return address_; }
    [[nodiscard]] std::chrono::steady_clock::time_point deadline() const noexcept {
        return deadline_;
    }
    void on_deadline();
    void on_stop();
    /// Ends the connection whatever it does, unsent bytes are dropped.
    void cut() noexcept;

    std::list<Connection*>::iterator place;  ///< the worker's

    [[nodiscard]] const Request& request() const noexcept override { return request_; }
    [[nodiscard]] std::size_t context_index() const noexcept override { return worker_->index(); }
    [[nodiscard]] boost::asio::io_context& context() noexcept override {
        return worker_->context();
    }
    [[nodiscard]] Task<> send(Response response) override;
    [[nodiscard]] Task<> begin(Response head) override;
    [[nodiscard]] Task<> write(std::vector<BodyPiece> pieces) override;
    [[nodiscard]] Task<> finish() override;
    void abort() noexcept override { cut(); }
    [[nodiscard]] bool lost() const noexcept override { return lost_; }
    [[nodiscard]] std::uint64_t body_bytes_sent() const noexcept override { return body_sent_; }
    [[nodiscard]] Task<WaitOutcome> wait(WaitList& list, std::chrono::milliseconds limit) override;

  private:
    enum class Phase { kHandshake, kIdle, kRequest, kHandler, kWriting, kWaiting, kLingering };
    struct PendingWait {
        virtual ~PendingWait() = default;
        virtual void resume(WaitOutcome outcome) = 0;
    };

    [[nodiscard]] Task<bool> handshake();
    /// False when the connection is to end.
    [[nodiscard]] Task<bool> read_request();
    [[nodiscard]] Task<bool> read_body(std::size_t bytes, bool expects_continue);
    [[nodiscard]] Task<bool> fill_inbox();
    [[nodiscard]] Task<> answer();
    [[nodiscard]] Task<> refuse(int status, std::string_view problem);
    [[nodiscard]] Task<> flush();
    [[nodiscard]] Task<> linger();
    [[nodiscard]] Task<bool> ready(Transport::State state);

    void enter(Phase phase, std::chrono::milliseconds limit);
    [[nodiscard]] std::string head_of(const Response& response, std::string_view framing);
    void note_client();
    void end_wait(WaitOutcome outcome) override;
    void watch_client();
    [[nodiscard]] bool client_left() const noexcept;

    std::shared_ptr<Worker> worker_;
    Socket socket_;
    boost::asio::ip::address address_;
    Transport transport_;
    Phase phase_ = Phase::kHandshake;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    std::string inbox_;  ///< received and not yet understood; empty and freed while idle
    std::size_t content_length_ = 0;
    bool expects_continue_ = false;
    Request request_;
    OutQueue out_;
    bool lost_ = false;
    bool close_after_ = false;
    bool answered_ = false;
    bool chunked_ = false;
    bool body_left_ = false;  ///< the client still sends what nobody reads
    int status_ = 0;
    std::uint64_t body_sent_ = 0;
    std::unique_ptr<PendingWait> pending_;
};

}  // namespace sg::server

#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <server/exchange.hpp>

#include "body_decoder.hpp"
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
    [[nodiscard]] std::optional<std::uint64_t> body_length() const noexcept override {
        return body_.left();
    }
    [[nodiscard]] Task<BodyPart> read_body(std::uint64_t max_bytes) override;
    [[nodiscard]] Task<BodyPart::State> buffer_body(std::uint64_t max_bytes) override;
    [[nodiscard]] Task<> upgrade(Response head) override;
    [[nodiscard]] std::string_view received() override;
    [[nodiscard]] Task<> send(Response response) override;
    [[nodiscard]] Task<> begin(Response head) override;
    [[nodiscard]] Task<> write(std::vector<BodyPiece> pieces) override;
    [[nodiscard]] Task<> finish() override;
    void abort() noexcept override { cut(); }
    [[nodiscard]] bool lost() const noexcept override { return lost_; }
    [[nodiscard]] std::uint64_t body_bytes_sent() const noexcept override { return body_sent_; }
    [[nodiscard]] int status() const noexcept override { return status_; }
    [[nodiscard]] Task<WaitOutcome> wait(WaitList& list, std::chrono::milliseconds limit) override;

  private:
    enum class Phase {
        kHandshake,
        kIdle,
        kRequest,
        kBody,
        kHandler,
        kWriting,
        kWaiting,
        kLingering,
    };
    struct PendingWait {
        virtual ~PendingWait() = default;
        virtual void resume(WaitOutcome outcome) = 0;
    };

    [[nodiscard]] Task<bool> handshake();
    /// False when the connection is to end.
    [[nodiscard]] Task<bool> read_request();
    [[nodiscard]] Task<> ask_for_body();
    [[nodiscard]] Task<BodyPart::State> more_of_body();
    /// Whether the unread rest of the body is read over, so that the connection can go on.
    [[nodiscard]] bool can_skip_body() const noexcept;
    [[nodiscard]] Task<> skip_body();
    void drop_handed();
    void end_after_answer() noexcept;
    [[nodiscard]] Task<bool> fill_inbox();
    [[nodiscard]] Task<> answer();
    [[nodiscard]] Task<> refuse(int status, std::string_view code, std::string_view problem);
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
    std::string inbox_;       ///< received and not yet understood; empty and freed while idle
    std::size_t handed_ = 0;  ///< of the inbox, lent to the handler
    BodyDecoder body_;
    std::uint64_t body_read_ = 0;
    std::size_t body_progress_ = 0;                         ///< since the deadline was set
    std::chrono::steady_clock::duration body_time_left_{};  ///< while the handler works
    bool expects_continue_ = false;
    bool upgraded_ = false;
    bool timed_out_ = false;
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

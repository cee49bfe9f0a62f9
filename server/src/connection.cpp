#include "connection.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>

#include <boost/asio/redirect_error.hpp>
#include <sys/socket.h>

#include <base/log.hpp>

#include "request_parser.hpp"

namespace sg::server {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kMaxLingerBytes = 1U << 20U;
constexpr std::chrono::milliseconds kLingerTime{2000};

std::string_view code_of(int status) {
    if (status == 431) return "header_too_large";
    if (status == 501) return "unsupported_transfer_coding";
    if (status == 505) return "unsupported_http_version";
    return "malformed_request";
}

}  // namespace

Connection::Connection(std::shared_ptr<Worker> worker, Socket socket, asio::ip::address address)
    : worker_(std::move(worker)),
      socket_(std::move(socket)),
      address_(std::move(address)),
      transport_(socket_.native_handle()) {}

Task<> Connection::run() {
    worker_->joined(*this);
    close_after_ = worker_->state().stopping;
    bool open = co_await handshake();
    while (open) {
        // No co_await within a larger expression: gcc 12 mishandles its temporaries.
        open = co_await read_request();
        if (!open) break;
        const auto started = steady_clock::now();
        co_await answer();
        if (!lost_ && !close_after_) co_await skip_body();
        log::debug(
            "http_request client={} method={} path={} status={} bytes={} ms={}",
            request_.client,
            method_name(request_.method),
            request_.path,
            status_,
            body_sent_,
            std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started)
                .count());
        open = !lost_ && !close_after_ && !worker_->state().stopping;
    }
    if (!lost_) {
        transport_.say_end();
        if (body_left_) co_await linger();
    }
    worker_->left(*this);
}

void Connection::enter(Phase phase, std::chrono::milliseconds limit) {
    phase_ = phase;
    deadline_ = steady_clock::now() + limit;
}

Task<bool> Connection::ready(Transport::State state) {
    if (state == Transport::State::kEnd) {
        lost_ = true;
    } else if (state != Transport::State::kDone) {
        boost::system::error_code error;
        co_await socket_.async_wait(
            state == Transport::State::kWantWrite ? Socket::wait_write : Socket::wait_read,
            asio::redirect_error(kAwait, error));
        if (error && timed_out_) co_return false;
        timed_out_ = false;
        if (error) lost_ = true;
    }
    co_return !lost_;
}

Task<bool> Connection::handshake() {
    const auto tls = worker_->state().tls();
    if (!tls) co_return true;
    enter(Phase::kHandshake, worker_->state().options.header_timeout);
    if (!transport_.start_tls(*tls)) co_return false;
    for (;;) {
        const auto outcome = transport_.handshake();
        if (outcome.state == Transport::State::kDone) co_return true;
        const bool open = co_await ready(outcome.state);
        if (!open) co_return false;
    }
}

Task<bool> Connection::fill_inbox() {
    for (;;) {
        const auto scratch = worker_->scratch();
        const auto outcome = transport_.read(scratch);
        if (outcome.bytes > 0) {
            inbox_.append(scratch.data(), outcome.bytes);
            co_return true;
        }
        const bool open = co_await ready(outcome.state);
        if (!open) co_return false;
    }
}

Task<bool> Connection::read_request() {
    const auto& options = worker_->state().options;
    request_ = Request{};
    body_sent_ = 0;
    status_ = 0;
    answered_ = false;
    body_left_ = false;
    body_ = BodyDecoder();
    body_read_ = 0;
    if (inbox_.empty() && !transport_.has_buffered()) {
        std::string().swap(inbox_);
        enter(Phase::kIdle, options.idle_timeout);
        const bool open = co_await ready(Transport::State::kWantRead);
        if (!open) co_return false;
    }
    enter(Phase::kRequest, options.header_timeout);
    std::size_t seen = 0;
    std::size_t end = 0;
    for (;;) {
        // RFC 9112 §2.2: empty lines before a request are skipped.
        if (seen == 0) inbox_.erase(0, inbox_.find_first_not_of("\r\n"));
        end = inbox_.find("\r\n\r\n", seen < 3 ? 0 : seen - 3);
        if (end != std::string::npos) end += 4;
        if (std::min(end, inbox_.size()) > options.max_header_bytes) {
            co_await refuse(431, "header_too_large", "the header is too long");
            co_return false;
        }
        if (end != std::string::npos) break;
        seen = inbox_.size();
        const bool open = co_await fill_inbox();
        if (timed_out_) {
            co_await refuse(408, "request_timeout", "the header did not come in time");
            co_return false;
        }
        if (!open) co_return false;
    }
    auto parsed = parse_header(std::string_view(inbox_).substr(0, end));
    inbox_.erase(0, end);
    request_ = std::move(parsed.request);
    if (parsed.status != 0) {
        co_await refuse(parsed.status, code_of(parsed.status), parsed.problem);
        co_return false;
    }
    body_ = parsed.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(parsed.content_length);
    expects_continue_ = parsed.expects_continue;
    close_after_ = close_after_ || !request_.keep_alive;
    request_.secure = transport_.tls();
    note_client();
    co_return true;
}

void Connection::note_client() {
    request_.client = address_.to_string();
    if (!worker_->state().trusted(address_)) return;
    // The proxy's own is the last one, which it may add as a field of its own to the client's.
    std::string_view last;
    for (const auto& field : request_.fields) {
        if (field.name == "x-forwarded-for") last = field.value;
    }
    last = last.substr(last.rfind(',') + 1);
    last.remove_prefix(std::min(last.find_first_not_of(' '), last.size()));
    boost::system::error_code error;
    const auto address = asio::ip::make_address(std::string(last), error);
    if (!error) request_.client = address.to_string();
}

Task<> Connection::refuse(int status, std::string_view code, std::string_view problem) {
    timed_out_ = false;
    end_after_answer();
    co_await send(Response::error(status, code, problem));
}

Task<> Connection::answer() {
    const auto match = worker_->state().router.find(request_.method, request_.path);
    if (!match.options.reads_body) {
        if (!body_.left()) {
            co_await refuse(411, "length_required", "a body must come with its length");
            co_return;
        }
        const auto state = co_await buffer_body(match.options.max_body_bytes);
        if (state == BodyPart::State::kTooLarge) {
            co_await refuse(413, "body_too_large", "the body is longer than allowed here");
        } else if (state == BodyPart::State::kTimeout) {
            co_await refuse(408, "request_timeout", "the body did not come in time");
        }
        if (state != BodyPart::State::kEnd) co_return;
    }
    enter(Phase::kHandler, worker_->state().options.write_timeout);
    if (match.handler == nullptr) {
        auto response =
            match.allow.empty()
                ? Response::error(404, "not_found", "nothing is served under this path")
                : Response::error(405, "method_not_allowed", "the path does not have this method");
        if (!match.allow.empty()) response.add("Allow", match.allow);
        co_await send(std::move(response));
        co_return;
    }
    bool failed = false;
    try {
        co_await (*match.handler)(*this);
    } catch (const std::exception& error) {
        log::error("http_handler_failed path={} reason=\"{}\"", request_.path, error.what());
        failed = true;
    }
    if (failed && answered_) cut();
    if (!answered_) {
        co_await send(Response::error(500, "internal", "the server failed to answer; see its log"));
    }
}

void Connection::on_deadline() {
    switch (phase_) {
        case Phase::kWaiting:
            unlink();
            end_wait(WaitOutcome::kTimeout);
            return;
        case Phase::kHandler:
            return;  // its own time-outs hold
        case Phase::kHandshake:
        case Phase::kIdle:
        case Phase::kLingering:
            // Wakes the coroutine, which finds the end.
            lost_ = true;
            ::shutdown(socket_.native_handle(), SHUT_RDWR);
            return;
        case Phase::kRequest:
        case Phase::kBody: {
            // Wakes it too: it still tells the client why.
            timed_out_ = true;
            boost::system::error_code ignored;
            socket_.cancel(ignored);
            return;
        }
        case Phase::kWriting:
            cut();
            return;
    }
}

void Connection::on_stop() {
    close_after_ = true;
    if (phase_ == Phase::kIdle) {
        lost_ = true;
        ::shutdown(socket_.native_handle(), SHUT_RDWR);
    } else if (phase_ == Phase::kWaiting) {
        unlink();
        end_wait(WaitOutcome::kStopping);
    }
}

void Connection::cut() noexcept {
    lost_ = true;
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
    if (phase_ == Phase::kWaiting) {
        unlink();
        end_wait(WaitOutcome::kClientLeft);
    }
}

Task<> Connection::linger() {
    // Closing with unread bytes would reset the connection before the client has read the answer.
    enter(Phase::kLingering, kLingerTime);
    ::shutdown(socket_.native_handle(), SHUT_WR);
    std::string().swap(inbox_);
    std::size_t read = 0;
    while (read < kMaxLingerBytes) {
        const bool open = co_await fill_inbox();
        if (!open) break;
        read += inbox_.size();
        inbox_.clear();
    }
}

Task<WaitOutcome> Connection::wait(WaitList& list, std::chrono::milliseconds limit) {
    drop_handed();
    if (inbox_.empty()) std::string().swap(inbox_);
    link(list);
    enter(Phase::kWaiting, limit);
    worker_->state().waiting_gauge.add(1);
    if (upgraded_ && (!inbox_.empty() || transport_.has_buffered())) {
        unlink();
        end_wait(WaitOutcome::kReadable);
    } else {
        watch_client();
    }
    return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(WaitOutcome)>(
        [this](auto handler) {
            struct Pending final : PendingWait {
                explicit Pending(decltype(handler) given) : handler_(std::move(given)) {}
                void resume(WaitOutcome outcome) override { std::move(handler_)(outcome); }
                decltype(handler) handler_;
            };
            pending_ = std::make_unique<Pending>(std::move(handler));
        },
        kAwait);
}

void Connection::end_wait(WaitOutcome outcome) {
    worker_->state().waiting_gauge.add(-1);
    enter(Phase::kHandler, worker_->state().options.write_timeout);
    boost::system::error_code ignored;
    socket_.cancel(ignored);  // the watch
    // Posted: the caller walks lists that the coroutine will change.
    asio::post(worker_->context(), [self = shared_from_this(), outcome] {
        const auto pending = std::exchange(self->pending_, nullptr);
        if (pending) pending->resume(outcome);
    });
}

void Connection::watch_client() {
    socket_.async_wait(Socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           if (error || self->phase_ != Phase::kWaiting) return;
                           if (self->upgraded_) {
                               self->unlink();
                               self->end_wait(WaitOutcome::kReadable);
                               return;
                           }
                           if (!self->client_left()) return;  // a pipelined request is read later
                           self->lost_ = true;
                           self->unlink();
                           self->end_wait(WaitOutcome::kClientLeft);
                       });
}

bool Connection::client_left() const noexcept {
    pollfd entry{const_cast<Socket&>(socket_).native_handle(), POLLRDHUP, 0};
    return ::poll(&entry, 1, 0) == 1;
}

}  // namespace sg::server

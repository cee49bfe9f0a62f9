#include "rtmp_connection.hpp"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::protocols::rtmp {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kSmallBuffer = 4 << 10;  ///< before a publisher is accepted
constexpr std::size_t kLargeBuffer = 64 << 10;
constexpr std::chrono::milliseconds kFarewellTime{1000};
constexpr SteadyTime kNever = SteadyTime::max();
/// Of a publisher whose channel lives on another thread.
constexpr std::size_t kMostBacklog = 16 << 20;
constexpr std::chrono::milliseconds kBacklogPause{5};

}  // namespace

Connection::Connection(std::shared_ptr<ServerState> server,
                       Transport::Tcp::socket socket,
                       RtmpServer::Security security,
                       RtmpAdmission::Ticket ticket)
    : server_(std::move(server)),
      transport_(std::move(socket)),
      security_(security),
      ticket_(std::move(ticket)),
      session_(server_->options.limits, server_->seed += 2),
      rate_(server_->options.publisher_rate),
      decision_(server_->context) {
    error_code ignored;
    peer_ = transport_.socket().remote_endpoint(ignored);
    transport_.socket().set_option(Transport::Tcp::no_delay(true), ignored);
}

// gcc 12 destroys temporaries of conditional and braced expressions twice when they stand in a
// co_await or co_return: these coroutines have none there.

asio::awaitable<void> Connection::run() {
    const auto self = shared_from_this();
    server_->add(*this);
    co_await serve();
    co_await say_goodbye();
    server_->remove(*this);
    transport_.close();
    // An offer or handle may outlive the connection, its place must not.
    ticket_.reset();
    log::debug("rtmp_connection_closed peer={} reason=\"{}\"",
               peer_.address().to_string(),
               closed_.message);
    end_stream(closed_);
}

asio::awaitable<void> Connection::serve() {
    allow(server_->options.setup_timeout);
    if (security_ == RtmpServer::Security::kTls) {
        transport_.use_tls(server_->tls, {});
        const error_code error = co_await transport_.shake_hands(asio::ssl::stream_base::server);
        if (lost(error)) co_return;
    }
    std::vector<std::byte> buffer(kSmallBuffer);
    std::size_t held = 0;
    while (true) {
        if (request_) {
            const error_code error = co_await send_request();
            if (lost(error)) co_return;
        }
        const std::span<std::byte> room = std::span(buffer).subspan(held);
        reading_ = true;
        const Transport::Read read = co_await transport_.read_some(room);
        reading_ = false;
        const bool interrupted = request_ && !kicked_ && !expired_ && read.count == 0 &&
                                 read.error == asio::error::operation_aborted;
        if (interrupted) continue;
        if (lost(read.error)) co_return;
        bytes_.fetch_add(read.count, std::memory_order_relaxed);
        if (sink_) allow(server_->options.idle_timeout);

        std::span<const std::byte> input(buffer.data(), held + read.count);
        const bool full = read.count == room.size();
        if (!co_await consume(input)) co_return;
        if (!session_.output().empty()) {
            const error_code error = co_await flush();
            if (lost(error)) co_return;
        }
        held = input.size();
        std::copy(input.begin(), input.end(), buffer.begin());
        if (sink_ && buffer.size() < kLargeBuffer) buffer.resize(kLargeBuffer);
        if (sink_) co_await hold_back(read.count);
        // A full buffer says that more is waiting already.
        if (sink_ && !full) co_await server_->next_read();
        if (lost({})) co_return;
    }
}

asio::awaitable<void> Connection::hold_back(std::size_t just_read) {
    // The timer of decisions has nothing to do while there is a publisher.
    if (const auto pause = rate_.add(just_read, steady_clock::now()); pause.count() > 0) {
        if (!std::exchange(held_back_, true))
            log::warn("rtmp_publisher_held_back peer={} limit_bytes_per_second={}",
                      peer_.address().to_string(),
                      server_->options.publisher_rate);
        decision_.expires_after(pause);
        co_await decision_.async_wait(kAwait);
    }
    while (sink_ && !kicked_ && !expired_ && sink_->backlog() > kMostBacklog) {
        decision_.expires_after(kBacklogPause);
        co_await decision_.async_wait(kAwait);
    }
}

bool Connection::lost(error_code error) {
    if (kicked_) {
        closed_ = {RtmpClosed::Cause::kOwner, *kicked_};
    } else if (expired_) {
        closed_ = {RtmpClosed::Cause::kTimeout,
                   sink_ ? "the publisher sent nothing for too long"
                         : "the client did not publish in time"};
    } else if (error == asio::error::eof || error == asio::error::connection_reset) {
        closed_ = {RtmpClosed::Cause::kLost, "the publisher's connection went away without a word"};
    } else if (error) {
        closed_ = {RtmpClosed::Cause::kLost, "reading from the publisher: " + error.message()};
    } else {
        return false;
    }
    return true;
}

asio::awaitable<bool> Connection::consume(std::span<const std::byte>& input) {
    while (true) {
        const auto event = session_.advance(input);
        // What came whole before an error is still good.
        deliver();
        if (!event) {
            closed_ = {RtmpClosed::Cause::kProtocol, event.error().message};
            co_return false;
        }
        if (*event == RtmpServerSession::Event::kNeedInput) co_return true;
        if (*event == RtmpServerSession::Event::kPublish) {
            co_await decide();
        } else {
            end_stream({RtmpClosed::Cause::kEnded, "the publisher ended its stream"});
            allow(server_->options.setup_timeout);
        }
        if (lost({})) co_return false;
    }
}

void Connection::deliver() {
    auto& messages = session_.messages();
    if (messages.empty()) return;
    messages_.fetch_add(messages.size(), std::memory_order_relaxed);
    last_arrival_.store(steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
    if (sink_) sink_->on_messages(messages);
    messages.clear();
}

asio::awaitable<void> Connection::decide() {
    // What the client was told so far (the answer to connect) must not wait for the decision.
    if (!session_.output().empty()) {
        const error_code error = co_await flush();
        if (lost(error)) co_return;
    }
    const SteadyTime due = std::exchange(deadline_, kNever);
    deciding_ = true;
    if (server_->handler) {
        decision_.expires_after(server_->options.decision_timeout);
        server_->handler->on_publish(RtmpPublishOffer(
            shared_from_this(), session_.publish_request(), peer_, transport_.secure()));
        while (!answer_ && !kicked_ && decision_.expiry() > steady_clock::now()) {
            co_await decision_.async_wait(kAwait);
        }
    }
    deciding_ = false;
    if (!answer_) answer_ = Refusal{"NetStream.Publish.Failed", "The server did not decide."};
    if (const auto* refusal = std::get_if<Refusal>(&*answer_)) {
        session_.refuse_publish(refusal->code, refusal->description);
        // Who asks again and again does not stay for it.
        deadline_ = due;
    } else {
        sink_ = std::get<std::shared_ptr<RtmpPublishSink>>(*answer_);
        session_.accept_publish();
        allow(server_->options.idle_timeout);
    }
    answer_.reset();
}

asio::awaitable<error_code> Connection::flush() {
    sending_.swap(session_.output());
    const error_code error = co_await transport_.write(sending_);
    sending_.clear();
    co_return error;
}

asio::awaitable<error_code> Connection::send_request() {
    session_.request_reconnect(*request_);
    request_.reset();
    co_return co_await flush();
}

asio::awaitable<void> Connection::say_goodbye() {
    if (closed_.cause != RtmpClosed::Cause::kOwner &&
        closed_.cause != RtmpClosed::Cause::kProtocol) {
        co_return;
    }
    session_.say_goodbye(closed_.message);
    if (session_.output().empty()) co_return;
    allow(kFarewellTime);
    co_await flush();
}

void Connection::end_stream(const RtmpClosed& closed) {
    if (const auto sink = std::exchange(sink_, nullptr)) sink->on_closed(closed);
}

void Connection::take(Answer answer) {
    if (deciding_ && !answer_) {
        answer_ = std::move(answer);
        decision_.cancel();
        return;
    }
    // Too late: whoever accepted must hear that nothing comes of it.
    if (const auto* sink = std::get_if<std::shared_ptr<RtmpPublishSink>>(&answer)) {
        (*sink)->on_closed({RtmpClosed::Cause::kLost, "the publisher did not wait for the answer"});
    }
}

void Connection::answer(Answer answer) {
    asio::dispatch(server_->context,
                   [self = shared_from_this(), answer = std::move(answer)]() mutable {
                       self->take(std::move(answer));
                   });
}

void Connection::disconnect(std::string reason) {
    asio::post(server_->context,
               [self = shared_from_this(), reason = std::move(reason)] { self->kick(reason); });
}

void Connection::kick(std::string reason) {
    if (kicked_) return;
    kicked_ = std::move(reason);
    decision_.cancel();
    transport_.cancel();
}

void Connection::ask_to_reconnect(std::string reason) {
    if (!sink_ || kicked_) return;
    request_ = std::move(reason);
    // Only a read waits without end.
    if (reading_) transport_.cancel();
}

void Connection::expire_if_late(SteadyTime now) {
    if (now < deadline_) return;
    expired_ = true;
    deadline_ = kNever;
    transport_.close();
}

void Connection::allow(std::chrono::milliseconds time) {
    deadline_ = steady_clock::now() + time;
}

RtmpConnectionStats Connection::stats() const {
    RtmpConnectionStats stats;
    stats.bytes = bytes_.load(std::memory_order_relaxed);
    stats.messages = messages_.load(std::memory_order_relaxed);
    stats.last_arrival =
        SteadyTime(SteadyTime::duration(last_arrival_.load(std::memory_order_relaxed)));
    return stats;
}

}  // namespace sg::protocols::rtmp

#include <algorithm>
#include <utility>

#include "connection.hpp"

namespace sg::server {

using std::chrono::steady_clock;

namespace {

constexpr std::uint64_t kMaxSkippedBytes = 64U << 10U;

}  // namespace

void Connection::drop_handed() {
    inbox_.erase(0, std::exchange(handed_, 0));
}

void Connection::end_after_answer() noexcept {
    close_after_ = true;
    body_left_ = true;
}

Task<> Connection::ask_for_body() {
    if (!std::exchange(expects_continue_, false) || !inbox_.empty()) co_return;
    out_.reset("HTTP/1.1 100 Continue\r\n\r\n", {});
    co_await flush();
}

Task<BodyPart::State> Connection::more_of_body() {
    const auto& options = worker_->state().options;
    // What the handler did with its time is not the client's fault.
    phase_ = Phase::kBody;
    deadline_ = steady_clock::now() + body_time_left_;
    const bool open = co_await fill_inbox();
    body_time_left_ = deadline_ - steady_clock::now();
    enter(Phase::kHandler, options.write_timeout);
    if (std::exchange(timed_out_, false)) co_return BodyPart::State::kTimeout;
    co_return open ? BodyPart::State::kBytes : BodyPart::State::kLost;
}

Task<BodyPart> Connection::read_body(std::uint64_t max_bytes) {
    const auto& options = worker_->state().options;
    drop_handed();
    BodyPart part;
    if (body_.left().value_or(0) > max_bytes - std::min(max_bytes, body_read_)) {
        part.state = BodyPart::State::kTooLarge;
        co_return part;
    }
    if (body_read_ == 0) {
        body_time_left_ = options.write_timeout;
        body_progress_ = 0;
    }
    if (!body_.ended()) co_await ask_for_body();
    for (;;) {
        const auto step = body_.next(inbox_);
        if (step.state == BodyDecoder::Step::State::kEnd) {
            inbox_.erase(0, step.framing);
            co_return part;
        }
        if (step.state == BodyDecoder::Step::State::kMalformed) {
            end_after_answer();
            part.state = BodyPart::State::kMalformed;
            co_return part;
        }
        if (step.state == BodyDecoder::Step::State::kBytes) {
            body_read_ += step.bytes.size();
            handed_ = step.framing + step.bytes.size();
            if (body_read_ > max_bytes) {
                part.state = BodyPart::State::kTooLarge;
                co_return part;
            }
            body_progress_ += step.bytes.size();
            if (body_progress_ >= options.min_progress_bytes) {
                body_progress_ = 0;
                body_time_left_ = options.write_timeout;
            }
            part.state = BodyPart::State::kBytes;
            part.bytes = step.bytes;
            co_return part;
        }
        inbox_.erase(0, step.framing);
        const auto state = co_await more_of_body();
        if (state != BodyPart::State::kBytes) {
            end_after_answer();
            part.state = state;
            co_return part;
        }
    }
}

Task<BodyPart::State> Connection::buffer_body(std::uint64_t max_bytes) {
    for (;;) {
        const auto part = co_await read_body(max_bytes);
        if (part.state != BodyPart::State::kBytes) co_return part.state;
        request_.body.append(part.bytes);
    }
}

bool Connection::can_skip_body() const noexcept {
    const auto left = body_.left();
    return left && *left <= kMaxSkippedBytes && !expects_continue_;
}

Task<> Connection::skip_body() {
    for (;;) {
        const auto part = co_await read_body(body_read_ + kMaxSkippedBytes);
        if (part.state == BodyPart::State::kEnd) co_return;
        if (part.state != BodyPart::State::kBytes) {
            close_after_ = true;
            co_return;
        }
    }
}

std::string_view Connection::received() {
    drop_handed();
    if (inbox_.empty() && !lost_) {
        const auto scratch = worker_->scratch();
        const auto outcome = transport_.read(scratch);
        inbox_.append(scratch.data(), outcome.bytes);
        if (outcome.state == Transport::State::kEnd) lost_ = true;
    }
    handed_ = inbox_.size();
    return inbox_;
}

}  // namespace sg::server

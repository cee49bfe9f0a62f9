#include <string>
#include <utility>

#include <fmt/format.h>

#include "connection.hpp"

namespace sg::server {

std::string Connection::head_of(const Response& response, std::string_view framing) {
    answered_ = true;
    status_ = response.status;
    auto& state = worker_->state();
    if (const auto kind = static_cast<std::size_t>(response.status / 100);
        kind < state.answers.size()) {
        state.answers[kind].add();
    }
    if (state.stopping) close_after_ = true;
    if (!body_.ended() && !close_after_ && !can_skip_body()) end_after_answer();
    std::string head;
    head.reserve(256 + response.fields.size());
    head.append("HTTP/1.1 ")
        .append(std::to_string(response.status))
        .append(" ")
        .append(status_text(response.status))
        .append("\r\nDate: ")
        .append(worker_->date())
        .append("\r\n")
        .append(response.fields)
        .append("X-Content-Type-Options: nosniff\r\n")
        .append(framing);
    if (upgraded_) {
        head.append("Connection: Upgrade\r\n");
    } else if (close_after_) {
        head.append("Connection: close\r\n");
    } else if (request_.minor_version == 0) {
        head.append("Connection: keep-alive\r\n");
    }
    head.append("\r\n");
    return head;
}

Task<> Connection::upgrade(Response head) {
    head.status = 101;
    upgraded_ = true;
    chunked_ = false;
    body_ = BodyDecoder();
    auto text = head_of(head, "");
    close_after_ = true;
    out_.reset(std::move(text), {});
    return flush();
}

Task<> Connection::send(Response response) {
    const bool no_body = response.status == 204 || response.status == 304;
    std::string framing;
    if (!no_body) framing = fmt::format("Content-Length: {}\r\n", response.body_bytes());
    auto head = head_of(response, framing);
    if (no_body || request_.method == Method::kHead) response.body.clear();
    out_.reset(std::move(head), std::move(response.body));
    return flush();
}

Task<> Connection::begin(Response head) {
    chunked_ = request_.minor_version == 1 && request_.method != Method::kHead;
    if (!chunked_) close_after_ = close_after_ || request_.method != Method::kHead;
    auto text = head_of(head, chunked_ ? "Transfer-Encoding: chunked\r\n" : "");
    out_.reset(std::move(text), {});
    return flush();
}

Task<> Connection::write(std::vector<BodyPiece> pieces) {
    std::uint64_t bytes = 0;
    for (const auto& piece : pieces) bytes += piece.bytes;
    if (bytes == 0 || request_.method == Method::kHead) {
        pieces.clear();
        bytes = 0;
    }
    std::string head;
    if (chunked_ && bytes > 0) {
        head = fmt::format("{:x}\r\n", bytes);
        pieces.push_back(BodyPiece::of_static("\r\n"));
    }
    out_.reset(std::move(head), std::move(pieces));
    return flush();
}

Task<> Connection::finish() {
    out_.reset(chunked_ ? "0\r\n\r\n" : "", {});
    return flush();
}

Task<> Connection::flush() {
    const auto& options = worker_->state().options;
    enter(Phase::kWriting, options.write_timeout);
    std::size_t progress = 0;
    while (!out_.empty() && !lost_) {
        const auto outcome = transport_.write(out_);
        progress += outcome.bytes;
        if (outcome.state == Transport::State::kDone) continue;
        if (progress >= options.min_progress_bytes) {
            progress = 0;
            enter(Phase::kWriting, options.write_timeout);
        }
        const bool open = co_await ready(outcome.state);
        if (!open) break;
    }
    worker_->state().sent_bytes.add(out_.body_sent());
    body_sent_ += out_.body_sent();
    out_.reset({}, {});
    enter(Phase::kHandler, options.write_timeout);
}

}  // namespace sg::server

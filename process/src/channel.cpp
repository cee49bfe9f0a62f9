#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <span>
#include <utility>

#include <poll.h>

#include <sys/socket.h>
#include <sys/uio.h>

#include <base/file.hpp>
#include <process/channel.hpp>
#include <process/waker.hpp>

namespace sg::process {
namespace {

constexpr std::size_t kReadBytes = 65536;

std::vector<UniqueFd> take_fds(msghdr& header) {
    std::vector<UniqueFd> fds;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            fds.emplace_back(fd);
        }
    }
    return fds;
}

}  // namespace

Result<Channel::Pair> Channel::make_pair(MessageLimits limits) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return errno_error(errno, "create a socket pair");
    }
    return Pair{Channel(UniqueFd(ends[0]), limits), UniqueFd(ends[1])};
}

Channel::Channel(UniqueFd socket, MessageLimits limits)
    : socket_(std::move(socket)), decoder_(limits), buffer_(kReadBytes) {}

Status Channel::send_later(MessageType type, std::string payload, std::vector<UniqueFd> fds) {
    if (send_failed_) return *send_failed_;
    SG_TRY_ASSIGN(auto header, encode_header(type, payload.size(), fds.size()));
    outgoing_.push_back(Outgoing{header, std::move(payload), std::move(fds), 0});
    return flush();
}

Status Channel::flush() {
    if (send_failed_) return *send_failed_;
    while (!outgoing_.empty()) {
        Outgoing& message = outgoing_.front();
        bool blocked = false;
        if (auto sent = send_some(message, blocked); !sent) {
            send_failed_ = sent.error();
            outgoing_.clear();
            return sent;
        }
        if (blocked) return {};
        if (message.sent == kMessageHeaderBytes + message.payload.size()) outgoing_.pop_front();
    }
    return {};
}

Status Channel::send_some(Outgoing& message, bool& blocked) {
    iovec parts[2];
    std::size_t count = 0;
    if (message.sent < kMessageHeaderBytes) {
        parts[count++] = {message.header.data() + message.sent, kMessageHeaderBytes - message.sent};
    }
    const std::size_t payload_sent =
        message.sent > kMessageHeaderBytes ? message.sent - kMessageHeaderBytes : 0;
    if (payload_sent < message.payload.size()) {
        parts[count++] = {message.payload.data() + payload_sent,
                          message.payload.size() - payload_sent};
    }
    msghdr header{};
    header.msg_iov = parts;
    header.msg_iovlen = count;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)] = {};
    if (!message.fds.empty()) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * message.fds.size());
        cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int) * message.fds.size());
        for (std::size_t i = 0; i < message.fds.size(); ++i) {
            const int fd = message.fds[i].get();
            std::memcpy(CMSG_DATA(part) + i * sizeof(int), &fd, sizeof fd);
        }
    }
    const ssize_t n = ::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        if (errno == EINTR) return {};
        if (errno == EAGAIN) {
            blocked = true;
            return {};
        }
        return errno_error(errno, "send a message to the other process");
    }
    message.sent += static_cast<std::size_t>(n);
    message.fds.clear();
    return {};
}

Status Channel::send(MessageType type,
                     std::string payload,
                     std::vector<UniqueFd> fds,
                     const Wait& wait) {
    SG_TRY(send_later(type, std::move(payload), std::move(fds)));
    while (wants_write()) {
        if (auto ready = wait_for(POLLOUT, wait); !ready) {
            // The peer may have half of it: nothing sensible can follow.
            send_failed_ = ready.error();
            outgoing_.clear();
            return ready;
        }
        SG_TRY(flush());
    }
    return {};
}

Result<bool> Channel::read_some() {
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxMessageFds)];
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    ssize_t n = 0;
    do {
        n = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN) return false;
        // A peer that died with our bytes unread resets the connection.
        if (errno == ECONNRESET) n = 0;
        if (n < 0) return errno_error(errno, "receive a message from the other process");
    }
    auto fds = take_fds(header);
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
        return Error{Errc::kBadData, "more file descriptors were sent than are accepted"};
    }
    if (!fds.empty()) SG_TRY(decoder_.add_fds(std::move(fds)));
    if (n == 0) {
        return Error{Errc::kEndOfStream,
                     decoder_.inside_message()
                         ? "the other process closed the channel in the middle of a message"
                         : "the other process closed the channel"};
    }
    begin_ = 0;
    end_ = static_cast<std::size_t>(n);
    return true;
}

Result<std::optional<Message>> Channel::try_receive() {
    for (;;) {
        if (has_buffered()) {
            auto bytes = std::span<const std::byte>(buffer_).subspan(begin_, end_ - begin_);
            auto message = decoder_.decode(bytes);
            begin_ = end_ - bytes.size();
            if (!message || message->has_value()) return message;
        }
        SG_TRY_ASSIGN(const bool more, read_some());
        if (!more) return std::optional<Message>();
    }
}

Result<Message> Channel::receive(const Wait& wait) {
    for (;;) {
        SG_TRY_ASSIGN(auto message, try_receive());
        if (message) return std::move(*message);
        SG_TRY(wait_for(POLLIN, wait));
    }
}

Status Channel::wait_for(short events, const Wait& wait) const {
    std::optional<Waker> waker;
    if (wait.stop.stop_possible()) {
        SG_TRY_ASSIGN(waker, Waker::create());
    }
    const std::stop_callback on_stop(wait.stop, [&waker] {
        if (waker) waker->wake();
    });
    for (;;) {
        if (wait.stop.stop_requested()) {
            return Error{Errc::kCancelled, "waiting for the other process was cancelled"};
        }
        int timeout = -1;
        if (wait.deadline) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                *wait.deadline - std::chrono::steady_clock::now());
            if (left.count() <= 0) {
                return Error{Errc::kTimeout, "the other process did not answer in time"};
            }
            timeout = static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX));
        }
        pollfd polled[2] = {{socket_.get(), events, 0}, {waker ? waker->fd() : -1, POLLIN, 0}};
        if (::poll(polled, 2, timeout) < 0 && errno != EINTR) {
            return errno_error(errno, "wait for the other process");
        }
        if (polled[0].revents != 0) return {};
    }
}

}  // namespace sg::process

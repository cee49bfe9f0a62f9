#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <process/message.hpp>

namespace sg::process {

/// How long a blocking call may take. kCancelled when stopped, kTimeout past the deadline.
struct Wait {
    std::stop_token stop;
    std::optional<std::chrono::steady_clock::time_point> deadline;
};

/// Messages over a Unix stream socket. A stream, not SOCK_SEQPACKET: a packet must fit the socket
/// buffer (about 200 KB by default), and a result manifest may be far larger.
/// One thread at a time. A gone peer is an Error (kIo to send, kEndOfStream to receive), never
/// SIGPIPE. After an error other than kTimeout or kCancelled from receive() the channel is dead.
class Channel {
  public:
    struct Pair;

    /// Both ends close on exec.
    [[nodiscard]] static Result<Pair> make_pair(MessageLimits limits);

    Channel(UniqueFd socket, MessageLimits limits);

    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

    /// Blocks until the kernel has all of it. Stopped halfway, the channel is dead.
    [[nodiscard]] Status send(MessageType type,
                              std::string payload,
                              std::vector<UniqueFd> fds = {},
                              const Wait& wait = {});
    [[nodiscard]] Result<Message> receive(const Wait& wait = {});

    /// Never blocks: what the socket does not take at once waits for flush().
    [[nodiscard]] Status send_later(MessageType type,
                                    std::string payload,
                                    std::vector<UniqueFd> fds = {});
    [[nodiscard]] Status flush();
    [[nodiscard]] bool wants_write() const noexcept { return !outgoing_.empty(); }
    /// Never blocks: nothing when no message is whole yet.
    [[nodiscard]] Result<std::optional<Message>> try_receive();
    /// Bytes read but not decoded: try_receive() may succeed although fd() is not readable.
    [[nodiscard]] bool has_buffered() const noexcept { return begin_ < end_; }

  private:
    struct Outgoing {
        MessageHeader header{};
        std::string payload;
        std::vector<UniqueFd> fds;
        std::size_t sent = 0;
    };

    [[nodiscard]] Status send_some(Outgoing& message, bool& blocked);
    /// False when nothing is there now.
    [[nodiscard]] Result<bool> read_some();
    [[nodiscard]] Status wait_for(short events, const Wait& wait) const;

    UniqueFd socket_;
    MessageDecoder decoder_;
    std::vector<std::byte> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::deque<Outgoing> outgoing_;
    std::optional<Error> send_failed_;
};

struct Channel::Pair {
    Channel ours;
    UniqueFd theirs;
};

}  // namespace sg::process

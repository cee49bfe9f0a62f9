#include <csignal>
#include <exception>
#include <mutex>
#include <new>
#include <utility>

#include <fcntl.h>

#include <sys/socket.h>

#include <base/log.hpp>
#include <process/channel.hpp>
#include <process/signals.hpp>
#include <process/task_server.hpp>

namespace sg::process {
namespace {

constexpr int kServed = 0;
constexpr int kNotServed = 1;

bool is_stream_socket(int fd) {
    int domain = 0;
    int type = 0;
    socklen_t domain_size = sizeof domain;
    socklen_t type_size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) == 0 &&
           ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && domain == AF_UNIX &&
           type == SOCK_STREAM;
}

/// A result too large to send has not touched the channel.
Status answer(Channel& channel, Result<std::string> result) {
    Status sent = result ? channel.send(MessageType::kResult, std::move(*result))
                         : channel.send(MessageType::kError, encode_error(result.error()));
    if (!sent && result && sent.error().code == Errc::kLimit)
        sent = channel.send(MessageType::kError, encode_error(sent.error()));
    if (!sent) log::error("task_answer_lost: {}", sent.error().message);
    return sent;
}

/// Exceptions, of ours or of third parties, stop here.
Result<std::string> run_handler(const TaskHandler& handler,
                                Message request,
                                const ProgressSender& progress,
                                std::stop_token stop) {
    try {
        return handler(request.payload, std::move(request.fds), progress, std::move(stop));
    } catch (const std::bad_alloc&) {
        return Error{Errc::kLimit, "the task ran out of memory"};
    } catch (const std::exception& e) {
        return Error{Errc::kInternal, std::string("the task failed unexpectedly: ") + e.what()};
    }
}

}  // namespace

int serve_task(int channel_fd, const TaskHandler& handler, const TaskPreparer& prepare) {
    if (!is_stream_socket(channel_fd)) {
        log::error("task_without_parent fd={}: this command is started by streamgate itself",
                   channel_fd);
        return kNotServed;
    }
    ::fcntl(channel_fd, F_SETFD, FD_CLOEXEC);
    MessageLimits limits;
    limits.max_fds = kMaxMessageFds;
    Channel channel(UniqueFd(channel_fd), limits);
    // Nothing is under way yet that SIGTERM would have to end in order.
    auto request = channel.receive();
    if (!request || request->type != MessageType::kRequest) {
        log::error("task_without_request: {}",
                   request ? "the message is not a request" : request.error().message);
        return kNotServed;
    }
    if (auto ready = prepare ? prepare(request->payload) : Status{}; !ready)
        return answer(channel, std::move(ready).error()) ? kServed : kNotServed;
    auto signals = StopSignals::install(StopSignals::Second::kIgnore, {SIGTERM});
    if (!signals) {
        log::error("task_start_failed: {}", signals.error().message);
        return kNotServed;
    }

    std::mutex sending;
    const ProgressSender progress = [&](std::string_view payload) {
        const std::lock_guard lock(sending);
        return channel.send(MessageType::kProgress, std::string(payload));
    };
    auto result = run_handler(handler, std::move(*request), progress, (*signals)->token());
    const std::lock_guard lock(sending);
    return answer(channel, std::move(result)) ? kServed : kNotServed;
}

}  // namespace sg::process

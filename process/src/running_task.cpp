#include "running_task.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::process {
namespace {

/// A child that floods must not keep the loop from the others.
constexpr int kMaxMessagesPerTurn = 256;
/// Its socket buffer holds a few hundred kilobytes at most once it is dead.
constexpr int kMaxMessagesLeftBehind = 65536;

}  // namespace

Result<RunningTask> RunningTask::start(Task task, Time now) {
    for (const InheritedFd& one : task.spawn.fds) {
        if (one.target == kTaskChannelFd) {
            return Error{
                Errc::kInvalidArgument,
                fmt::format(
                    "start task {}: descriptor {} is the channel's", task.id, kTaskChannelFd)};
        }
    }
    SG_TRY_ASSIGN(auto pair, Channel::make_pair(MessageLimits{}));
    task.spawn.fds.push_back({std::move(pair.theirs), kTaskChannelFd});
    auto child = Child::spawn(std::move(task.spawn));
    if (!child) return child.error().within("task " + task.id);
    RunningTask running(task, std::move(*child), std::move(pair.ours), now);
    auto sent = running.channel_.send_later(
        MessageType::kRequest, std::move(task.request), std::move(task.request_fds));
    // A child that died at once is better explained by how it died.
    if (!sent && sent.error().code == Errc::kLimit) return sent.error().within("task " + task.id);
    return running;
}

RunningTask::RunningTask(Task& task, Child child, Channel channel, Time now)
    : id_(std::move(task.id)),
      progress_timeout_(task.progress_timeout),
      takes_slot_(task.takes_slot),
      memory_limit_(task.memory_limit_bytes),
      child_(std::move(child)),
      channel_(std::move(channel)),
      last_message_(now) {
    child_.log().set_line_sink([id = id_](std::string_view line) {
        log::debug("task_output task={} line=\"{}\"", id, line);
    });
}

void RunningTask::serve(TaskObserver& observer, Time now, std::chrono::milliseconds exit_grace) {
    child_.read_output();
    if (!channel_open_) return;
    // Failing to write means that the other side is gone; reading tells the story.
    if (channel_.wants_write()) [[maybe_unused]]
        const auto ignored = channel_.flush();
    for (int i = 0; i < kMaxMessagesPerTurn; ++i) {
        auto message = channel_.try_receive();
        if (!message) {
            channel_open_ = false;
            if (message.error().code == Errc::kEndOfStream) {
                kill_by(now + exit_grace);
            } else {
                condemn(Error{Errc::kBadData,
                              fmt::format("task {} broke the protocol and was stopped: {}",
                                          id_,
                                          message.error().message)});
            }
            return;
        }
        if (!message->has_value()) return;
        last_message_ = now;
        take(std::move(**message), observer);
        if (!channel_open_) return;
        if (result_) kill_by(now + exit_grace);
    }
}

void RunningTask::take(Message message, TaskObserver& observer) {
    const bool foreign =
        message.type == MessageType::kRequest || message.type == MessageType::kMedia;
    if (result_ || foreign) {
        channel_open_ = false;
        result_.reset();
        condemn(Error{
            Errc::kBadData,
            fmt::format("task {} broke the protocol and was stopped: {}",
                        id_,
                        foreign ? "it sent a request" : "it sent a message after its result")});
        return;
    }
    switch (message.type) {
        case MessageType::kResult:
            result_.emplace(std::move(message.payload));
            break;
        case MessageType::kError:
            result_.emplace(decode_error(message.payload));
            break;
        case MessageType::kProgress:
        case MessageType::kRequest:
        case MessageType::kMedia:
            observer.on_progress(id_, message.payload);
            break;
    }
}

void RunningTask::condemn(Error error) {
    if (!verdict_) verdict_ = std::move(error);
    killed_ = true;
    kill_at_.reset();
    child_.signal(SIGKILL);
}

void RunningTask::kill_by(Time time) {
    if (!killed_) kill_at_ = kill_at_ ? std::min(*kill_at_, time) : time;
}

void RunningTask::cancel(Time now, std::chrono::milliseconds grace) {
    cancelled_ = true;
    if (!verdict_) verdict_ = Error{Errc::kCancelled, fmt::format("task {} was cancelled", id_)};
    child_.signal(SIGTERM);
    kill_by(now + grace);
}

void RunningTask::note_memory(std::uint64_t pss) {
    peak_pss_ = std::max(peak_pss_, pss);
    if (memory_limit_ == 0 || pss <= memory_limit_ || killed_) return;
    constexpr std::uint64_t kMega = 1000000;
    condemn(Error{Errc::kLimit,
                  fmt::format("task {} was stopped: it used {} MB of memory, over its limit of {} "
                              "MB; raise the limit or use a smaller preset",
                              id_,
                              pss / kMega,
                              memory_limit_ / kMega)});
}

void RunningTask::check_time(Time now) {
    if (killed_) return;
    if (kill_at_ && now >= *kill_at_) {
        killed_ = true;
        kill_at_.reset();
        child_.signal(SIGKILL);
        return;
    }
    if (progress_timeout_.count() > 0 && !result_ && now - last_message_ >= progress_timeout_) {
        condemn(Error{Errc::kTimeout,
                      fmt::format("task {} was stopped: it made no progress for {} ms{}",
                                  id_,
                                  progress_timeout_.count(),
                                  child_.log().text().empty()
                                      ? std::string()
                                      : "; its last words: " + child_.log().last_words())});
    }
}

std::optional<RunningTask::Time> RunningTask::next_deadline() const {
    if (killed_) return std::nullopt;
    std::optional<Time> next = kill_at_;
    if (progress_timeout_.count() > 0 && !result_) {
        const Time watchdog = last_message_ + progress_timeout_;
        next = next ? std::min(*next, watchdog) : watchdog;
    }
    return next;
}

Error RunningTask::crash(const ExitStatus& status) const {
    std::string text = fmt::format("task {} {}", id_, status.describe());
    if (status.kind != ExitStatus::Kind::kSignalled) {
        text += " without a result";
    } else if (status.value == SIGKILL && !killed_) {
        text += ", not by us: perhaps the kernel ran out of memory";
    }
    if (const std::string words = child_.log().last_words(); !words.empty()) {
        text += "; its last words: " + words;
    }
    return Error{Errc::kCrashed, std::move(text)};
}

Outcome RunningTask::finish(const Exit& exit, TaskObserver& observer) {
    for (int i = 0; i < kMaxMessagesLeftBehind && channel_open_; ++i) {
        auto message = channel_.try_receive();
        if (!message || !message->has_value()) {
            if (!message && message.error().code != Errc::kEndOfStream && !verdict_) {
                verdict_ = Error{
                    Errc::kBadData,
                    fmt::format("task {} broke the protocol: {}", id_, message.error().message)};
            }
            break;
        }
        take(std::move(**message), observer);
    }
    child_.read_output();
    child_.log().finish();

    Outcome outcome{id_, crash(exit.status), exit.usage, std::string(child_.log().text())};
    outcome.usage.peak_pss_bytes = peak_pss_;
    if (result_ && result_->has_value()) {
        // The work was complete when this was sent; a mishap on the way out does not undo it.
        if (!exit.status.success()) {
            log::warn(
                "task_ended_badly task={} after=result how=\"{}\"", id_, exit.status.describe());
        }
        outcome.result = std::move(*result_);
    } else if (verdict_) {
        outcome.result = std::move(*verdict_);
    } else if (result_ && result_->error().code == Errc::kCancelled && !cancelled_) {
        outcome.from_outside = true;
        outcome.result =
            Error{Errc::kCrashed, fmt::format("task {} was asked to stop from outside", id_)};
    } else if (result_) {
        outcome.result = std::move(*result_);
    } else {
        if (exit.status.kind == ExitStatus::Kind::kSignalled) outcome.signal = exit.status.value;
        outcome.from_outside = exit.status.kind == ExitStatus::Kind::kSignalled && !killed_ &&
                               (exit.status.value == SIGKILL || exit.status.value == SIGTERM);
    }
    return outcome;
}

}  // namespace sg::process

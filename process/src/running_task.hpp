#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <base/result.hpp>
#include <process/channel.hpp>
#include <process/child.hpp>
#include <process/supervisor.hpp>

namespace sg::process {

/// One task while its child lives: what it said, why it must die, when.
class RunningTask {
  public:
    using Time = std::chrono::steady_clock::time_point;

    [[nodiscard]] static Result<RunningTask> start(Task task, Time now);

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] Child& child() noexcept { return child_; }
    [[nodiscard]] bool takes_slot() const noexcept { return takes_slot_; }
    [[nodiscard]] std::uint64_t memory_limit() const noexcept { return memory_limit_; }

    /// -1 when it is closed.
    [[nodiscard]] int channel_fd() const noexcept { return channel_open_ ? channel_.fd() : -1; }
    [[nodiscard]] bool wants_write() const noexcept { return channel_.wants_write(); }
    /// Must be served again although nothing is readable.
    [[nodiscard]] bool has_more() const noexcept {
        return channel_open_ && channel_.has_buffered();
    }

    /// Reads and writes what is possible without blocking, with a bound.
    void serve(TaskObserver& observer, Time now, std::chrono::milliseconds exit_grace);

    void cancel(Time now, std::chrono::milliseconds grace);
    /// Kills at once when `pss` is over the limit.
    void note_memory(std::uint64_t pss);
    /// Kills when a time is up.
    void check_time(Time now);
    [[nodiscard]] std::optional<Time> next_deadline() const;

    /// Once the child has ended: reads what it left.
    [[nodiscard]] Outcome finish(const Exit& exit, TaskObserver& observer);

  private:
    RunningTask(Task& task, Child child, Channel channel, Time now);
    void take(Message message, TaskObserver& observer);
    void condemn(Error error);
    void kill_by(Time time);
    [[nodiscard]] Error crash(const ExitStatus& status) const;

    std::string id_;
    std::chrono::milliseconds progress_timeout_;
    bool takes_slot_;
    std::uint64_t memory_limit_;
    Child child_;
    Channel channel_;
    bool channel_open_ = true;
    bool killed_ = false;
    bool cancelled_ = false;
    std::optional<Result<std::string>> result_;
    std::optional<Error> verdict_;  ///< the first reason to end it
    std::optional<Time> kill_at_;
    Time last_message_;
    std::uint64_t peak_pss_ = 0;
};

}  // namespace sg::process

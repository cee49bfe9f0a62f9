#include <algorithm>
#include <cerrno>
#include <climits>
#include <list>
#include <utility>
#include <vector>

#include <poll.h>

#include <base/file.hpp>
#include <base/log.hpp>
#include <process/proportional_memory.hpp>
#include <process/supervisor.hpp>

#include "running_task.hpp"

namespace sg::process {
namespace {

using Time = RunningTask::Time;

/// Where pidfd_open is missing, ended children are looked for this often.
constexpr std::chrono::milliseconds kLookWithoutPidfd{20};

/// The state of one run().
class Loop {
  public:
    Loop(const SupervisorOptions& options,
         const Waker& waker,
         TaskSource& source,
         TaskObserver& observer,
         std::stop_token stop)
        : options_(options),
          waker_(waker),
          source_(source),
          observer_(observer),
          stop_(std::move(stop)) {}

    Result<SupervisorReport> run() {
        for (;;) {
            if (stop_.stop_requested() && !report_.cancelled) cancel();
            if (!report_.cancelled) fill();
            if (running_.empty() && (report_.cancelled || source_.finished())) return report_;
            SG_TRY(wait());
            const Time now = std::chrono::steady_clock::now();
            for (RunningTask& task : running_) task.serve(observer_, now, options_.exit_grace);
            reap();
            sample_memory(now);
            // After reading: what a child said while we were held up counts.
            for (RunningTask& task : running_) task.check_time(now);
        }
    }

  private:
    void cancel() {
        report_.cancelled = true;
        const Time now = std::chrono::steady_clock::now();
        for (RunningTask& task : running_) task.cancel(now, options_.cancel_grace);
    }

    void fill() {
        while (slots_taken() < options_.max_running && !stop_.stop_requested()) {
            auto task = source_.next();
            if (!task) return;
            const std::string id = task->id;
            auto started = RunningTask::start(std::move(*task), std::chrono::steady_clock::now());
            if (!started) {
                observer_.on_finished(Outcome{id, std::move(started).error(), {}, {}});
                continue;
            }
            running_.push_back(std::move(*started));
            log::debug("task_started task={} pid={}", id, running_.back().child().pid());
            observer_.on_started(id, running_.back().child().pid());
        }
    }

    [[nodiscard]] std::size_t slots_taken() const {
        return static_cast<std::size_t>(
            std::count_if(running_.begin(), running_.end(), [](const RunningTask& task) {
                return task.takes_slot();
            }));
    }

    Status wait() {
        polled_.assign(1, pollfd{waker_.fd(), POLLIN, 0});
        std::optional<Time> deadline;
        const auto by = [&deadline](std::optional<Time> time) {
            if (time) deadline = deadline ? std::min(*deadline, *time) : *time;
        };
        const Time now = std::chrono::steady_clock::now();
        for (RunningTask& task : running_) {
            const int events = task.wants_write() ? POLLIN | POLLOUT : POLLIN;
            polled_.push_back({task.channel_fd(), static_cast<short>(events), 0});
            polled_.push_back({task.child().output_fd(), POLLIN, 0});
            polled_.push_back({task.child().pid_fd(), POLLIN, 0});
            by(task.next_deadline());
            if (task.has_more()) by(now);
            if (task.child().pid_fd() < 0) by(now + kLookWithoutPidfd);
        }
        if (samples()) by(next_sample_);
        int timeout = -1;
        if (deadline) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - now);
            timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX));
        }
        if (::poll(polled_.data(), polled_.size(), timeout) < 0 && errno != EINTR) {
            return errno_error(errno, "wait for tasks");
        }
        waker_.clear();
        return {};
    }

    void reap() {
        for (auto task = running_.begin(); task != running_.end();) {
            const auto exit = task->child().try_wait();
            if (!exit) {
                ++task;
                continue;
            }
            Outcome outcome = task->finish(*exit, observer_);
            log::debug("task_ended task={} how=\"{}\"", task->id(), exit->status.describe());
            task = running_.erase(task);
            observer_.on_finished(std::move(outcome));
        }
    }

    [[nodiscard]] bool samples() const {
        return !running_.empty() &&
               (options_.sample_memory ||
                std::any_of(running_.begin(), running_.end(), [](const RunningTask& task) {
                    return task.memory_limit() != 0;
                }));
    }

    void sample_memory(Time now) {
        if (!samples() || now < next_sample_) return;
        std::uint64_t sum = 0;
        for (RunningTask& task : running_) {
            const auto pss = proportional_memory(task.child().pid());
            if (!pss) continue;
            sum += *pss;
            task.note_memory(*pss);
        }
        report_.peak_pss_bytes = std::max(report_.peak_pss_bytes, sum);
        next_sample_ = now + options_.memory_interval;
    }

    const SupervisorOptions& options_;
    const Waker& waker_;
    TaskSource& source_;
    TaskObserver& observer_;
    std::stop_token stop_;
    std::list<RunningTask> running_;
    std::vector<pollfd> polled_;
    Time next_sample_{};
    SupervisorReport report_;
};

}  // namespace

Result<Supervisor> Supervisor::create(SupervisorOptions options) {
    if (options.max_running == 0) {
        return Error{Errc::kInvalidArgument, "run tasks: at least one must run at once"};
    }
    SG_TRY_ASSIGN(auto waker, Waker::create());
    return Supervisor(options, std::move(waker));
}

Result<SupervisorReport> Supervisor::run(TaskSource& source,
                                         TaskObserver& observer,
                                         std::stop_token stop) {
    const std::stop_callback on_stop(stop, [this] { waker_.wake(); });
    return Loop(options_, waker_, source, observer, stop).run();
}

}  // namespace sg::process

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include <pipeline/stage.hpp>
#include <process/task_server.hpp>

namespace sg::engine {

/// Tells the parent how far a task is, at most some times a second. The messages are also its
/// heartbeat. Thread-safe.
class TaskMeter {
  public:
    TaskMeter(const process::ProgressSender& send, std::int64_t total)
        : send_(send), total_(total) {}

    /// `units` more of the total are done: frames, samples or bytes.
    [[nodiscard]] Status advance(std::int64_t units, std::int64_t bytes);

  private:
    const process::ProgressSender& send_;
    const std::int64_t total_;
    std::mutex mutex_;
    std::int64_t done_ = 0;
    std::int64_t bytes_ = 0;
    std::chrono::steady_clock::time_point last_{};
};

/// Passes everything on and counts packets or frames into a meter. One input, one output.
class MeterStage final : public pipeline::Stage {
  public:
    static constexpr std::int64_t kBytes = -1;
    /// `units` of the meter's total for each item; 0: only a heartbeat; kBytes: its size.
    MeterStage(TaskMeter& meter, std::int64_t units) : meter_(meter), units_(units) {}

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    TaskMeter& meter_;
    std::int64_t units_;
};

}  // namespace sg::engine

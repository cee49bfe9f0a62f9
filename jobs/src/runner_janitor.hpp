#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sg::jobs {

/// Removes folders of jobs on a thread of its own: large ones take seconds.
class RunnerJanitor {
  public:
    /// Called on its thread.
    using Done = std::function<void(const std::string& job)>;

    explicit RunnerJanitor(Done done);
    /// What was asked for is removed first.
    ~RunnerJanitor();

    void remove(std::string job, std::vector<std::filesystem::path> folders);

  private:
    struct Order {
        std::string job;
        std::vector<std::filesystem::path> folders;
    };
    void run(const std::stop_token& stop);

    const Done done_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Order> orders_;
    std::jthread thread_;
};

}  // namespace sg::jobs

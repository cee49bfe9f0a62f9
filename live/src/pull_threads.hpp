#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <stop_token>
#include <thread>

#include <base/result.hpp>

namespace sg::live {

/// Runs blocking work, a thread each, up to a bound. Any thread. The destructor stops and joins.
class PullThreads {
  public:
    explicit PullThreads(std::size_t most) : most_(most) {}

    /// What stops the work. kLimit when too many run, or the system has no thread left.
    [[nodiscard]] Result<std::stop_source> run(std::function<void(std::stop_token)> work);

  private:
    struct Entry {
        std::atomic<bool> over{false};
        std::jthread thread;
    };

    const std::size_t most_;
    std::mutex mutex_;
    std::list<Entry> entries_;
};

}  // namespace sg::live

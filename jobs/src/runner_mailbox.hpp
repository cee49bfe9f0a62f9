#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include <process/supervisor.hpp>

namespace sg::jobs {

/// What other threads want done on the runner's.
class RunnerMailbox {
  public:
    using Letter = std::function<void()>;

    explicit RunnerMailbox(const process::Supervisor& supervisor) : supervisor_(supervisor) {}

    void post(Letter letter) {
        {
            const std::scoped_lock lock(mutex_);
            letters_.push_back(std::move(letter));
        }
        supervisor_.wake();
    }
    [[nodiscard]] std::vector<Letter> take() {
        const std::scoped_lock lock(mutex_);
        return std::exchange(letters_, {});
    }

    // Answers that will still come: the runner waits for them before it ends.
    void expect() {
        const std::scoped_lock lock(mutex_);
        ++expected_;
    }
    /// The answer, with what is to be done about it.
    void deliver(Letter letter) {
        const std::scoped_lock lock(mutex_);
        letters_.push_back(std::move(letter));
        --expected_;
        idle_.notify_all();
        // Under the lock: wait_for_all() may be what keeps the supervisor.
        supervisor_.wake();
    }
    [[nodiscard]] bool quiet() const {
        const std::scoped_lock lock(mutex_);
        return expected_ == 0 && letters_.empty();
    }
    void wait_for_all() {
        std::unique_lock lock(mutex_);
        idle_.wait(lock, [this] { return expected_ == 0; });
    }

  private:
    const process::Supervisor& supervisor_;
    mutable std::mutex mutex_;
    std::condition_variable idle_;
    std::vector<Letter> letters_;
    std::size_t expected_ = 0;
};

}  // namespace sg::jobs

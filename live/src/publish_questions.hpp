#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include <live/publish_gate.hpp>
#include <live/publish_rules.hpp>

#include <base/result.hpp>

namespace sg::live {

/// Asks HTTP services about publishers, a few at once.
class PublishQuestions {
  public:
    static constexpr std::size_t kMostWaiting = 256;

    PublishQuestions() = default;
    ~PublishQuestions() { close(); }

    /// Gives up what is under way or waits; their `then` is called.
    void close();
    /// Any thread. `then` is called once, on a thread of this object; here when too many wait, or
    /// there is no thread for it.
    void ask(PublishCallback callback, PublishClaim claim, std::function<void(Status)> then);

  private:
    struct Question {
        PublishCallback callback;
        PublishClaim claim;
        std::function<void(Status)> then;
    };
    void add_thread();
    void work(const std::stop_token& stop);

    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Question> waiting_;
    std::size_t busy_ = 0;
    bool closed_ = false;
    std::vector<std::jthread> threads_;
};

}  // namespace sg::live

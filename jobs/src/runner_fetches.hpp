#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <jobs/fetch.hpp>

#include <base/result.hpp>

namespace sg::jobs {

/// Fetches the URLs of jobs on a few threads of its own.
class RunnerFetches {
  public:
    struct Order {
        std::string job;
        std::vector<std::pair<std::string, std::filesystem::path>> files;  ///< URL and target
    };
    /// Both are called on a fetching thread.
    using Done = std::function<void(const std::string& job, Status)>;
    using Progress = std::function<void(const std::string& job, const FetchProgress&)>;

    RunnerFetches(std::size_t threads, bool allow_private_addresses, Done done, Progress progress);
    /// Stops what is under way; its parts stay on disk.
    ~RunnerFetches();

    void want(Order order);
    /// It is not told of any more, and given up soon.
    void drop(const std::string& job);

  private:
    void work(const std::stop_token& stop);
    [[nodiscard]] Status serve(const Order& order, const std::stop_token& stop) const;

    const bool allow_private_addresses_;
    const Done done_;
    const Progress progress_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Order> waiting_;
    std::map<std::string, std::stop_source> under_way_;
    std::vector<std::jthread> threads_;
};

}  // namespace sg::jobs

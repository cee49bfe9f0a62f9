#include "runner_janitor.hpp"

#include <utility>

#include <base/log.hpp>

namespace sg::jobs {

RunnerJanitor::RunnerJanitor(Done done)
    : done_(std::move(done)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

RunnerJanitor::~RunnerJanitor() = default;

void RunnerJanitor::remove(std::string job, std::vector<std::filesystem::path> folders) {
    const std::scoped_lock lock(mutex_);
    orders_.push_back({std::move(job), std::move(folders)});
    changed_.notify_one();
}

void RunnerJanitor::run(const std::stop_token& stop) {
    for (;;) {
        Order order;
        {
            std::unique_lock lock(mutex_);
            static_cast<void>(changed_.wait(lock, stop, [this] { return !orders_.empty(); }));
            if (orders_.empty()) return;
            order = std::move(orders_.front());
            orders_.pop_front();
        }
        for (const auto& folder : order.folders) {
            std::error_code ec;
            std::filesystem::remove_all(folder, ec);
            if (ec) {
                log::warn("remove_failed job={} folder={} error=\"{}\"",
                          order.job,
                          folder.string(),
                          ec.message());
            }
        }
        done_(order.job);
    }
}

}  // namespace sg::jobs

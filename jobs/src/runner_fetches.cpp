#include "runner_fetches.hpp"

#include <algorithm>

#include <base/file.hpp>

namespace sg::jobs {

RunnerFetches::RunnerFetches(std::size_t threads,
                             bool allow_private_addresses,
                             Done done,
                             Progress progress)
    : allow_private_addresses_(allow_private_addresses),
      done_(std::move(done)),
      progress_(std::move(progress)) {
    for (std::size_t i = 0; i < std::max<std::size_t>(1, threads); ++i)
        threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

RunnerFetches::~RunnerFetches() {
    for (auto& thread : threads_) thread.request_stop();
    {
        const std::scoped_lock lock(mutex_);
        for (auto& [job, stop] : under_way_) stop.request_stop();
    }
    threads_.clear();
}

void RunnerFetches::want(Order order) {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(order));
    changed_.notify_one();
}

void RunnerFetches::drop(const std::string& job) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(waiting_, [&](const Order& order) { return order.job == job; });
    if (const auto at = under_way_.find(job); at != under_way_.end()) at->second.request_stop();
}

void RunnerFetches::work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        Order order;
        std::stop_source given_up;
        {
            std::unique_lock lock(mutex_);
            // A job that was dropped and is wanted again waits for the end of its first fetch.
            const auto next = [this] {
                return std::find_if(waiting_.begin(), waiting_.end(), [this](const Order& one) {
                    return !under_way_.contains(one.job);
                });
            };
            if (!changed_.wait(lock, stop, [&] { return next() != waiting_.end(); })) return;
            const auto at = next();
            order = std::move(*at);
            waiting_.erase(at);
            under_way_.emplace(order.job, given_up);
        }
        const std::stop_callback end(stop, [&given_up] { given_up.request_stop(); });
        auto status = serve(order, given_up.get_token());
        bool told = false;
        {
            const std::scoped_lock lock(mutex_);
            under_way_.erase(order.job);
            told = !given_up.stop_requested();
            changed_.notify_all();
        }
        if (told) done_(order.job, std::move(status));
    }
}

Status RunnerFetches::serve(const Order& order, const std::stop_token& stop) const {
    for (const auto& [url, file] : order.files) {
        std::error_code ec;
        if (std::filesystem::exists(file, ec)) continue;
        SG_TRY(make_folders(file.parent_path()));
        FetchOptions options;
        options.allow_private_addresses = allow_private_addresses_;
        options.progress = [this, &order](const FetchProgress& progress) {
            progress_(order.job, progress);
        };
        auto fetched = fetch(url, file, options, stop);
        if (!fetched) return std::move(fetched).error();
    }
    return {};
}

}  // namespace sg::jobs

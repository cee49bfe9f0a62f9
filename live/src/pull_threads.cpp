#include "pull_threads.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace sg::live {

Result<std::stop_source> PullThreads::run(std::function<void(std::stop_token)> work) {
    const std::lock_guard lock(mutex_);
    // They have nothing more to do: joining does not wait.
    entries_.remove_if([](const Entry& each) { return each.over.load(); });
    if (entries_.size() >= most_)
        return Error{Errc::kLimit,
                     fmt::format("pull an input: {} are being pulled by HTTP already, which is the "
                                 "limit",
                                 entries_.size())};
    auto& entry = entries_.emplace_back();
    try {
        entry.thread = std::jthread([work = std::move(work), &entry](std::stop_token stop) {
            work(std::move(stop));
            entry.over = true;
        });
    } catch (const std::system_error& error) {
        entries_.pop_back();
        return Error{Errc::kLimit,
                     fmt::format("pull an input: start a thread: {}", error.code().message())};
    }
    return entry.thread.get_stop_source();
}

}  // namespace sg::live

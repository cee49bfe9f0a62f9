#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <protocols/srt_caller.hpp>
#include <protocols/srt_listener.hpp>
#include <support/catch.hpp>

namespace sg::test {

using Buffer = std::vector<std::byte>;

/// The owner's thread, which is the test's: posted functions run while it waits for something.
class Loop {
  public:
    Loop() = default;
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    /// What waits holds connections, and those hold the executor.
    ~Loop() {
        std::deque<std::function<void()>> left;  // goes without the lock
        const std::lock_guard lock(state_->mutex);
        left.swap(state_->tasks);
        state_->over = true;
    }

    [[nodiscard]] protocols::SrtExecutor executor() {
        return [state = state_](std::function<void()> task) {
            const std::lock_guard lock(state->mutex);
            if (state->over) return;
            state->tasks.push_back(std::move(task));
            state->changed.notify_one();
        };
    }
    [[nodiscard]] bool run_until(const std::function<bool()>& done,
                                 std::chrono::seconds deadline = std::chrono::seconds(20)) {
        const auto end = std::chrono::steady_clock::now() + deadline;
        while (!done()) {
            std::function<void()> task;
            {
                std::unique_lock lock(state_->mutex);
                const auto next =
                    std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
                if (!state_->changed.wait_until(
                        lock, next, [&] { return !state_->tasks.empty(); })) {
                    if (next == end) return false;
                    continue;
                }
                task = std::move(state_->tasks.front());
                state_->tasks.pop_front();
            }
            task();
        }
        return true;
    }

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::function<void()>> tasks;
        bool over = false;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// A connection with what came over it.
struct Kept {
    std::shared_ptr<protocols::SrtConnection> connection;
    Buffer bytes;
    std::optional<Error> ended;

    void start(Loop& loop) {
        connection->start(loop.executor(),
                          {[this](std::span<const std::byte> data) {
                               bytes.insert(bytes.end(), data.begin(), data.end());
                           },
                           [this](const Error& why) { ended = why; }});
    }
};

/// A listener on a free port whose connections are kept in order.
class Server {
  public:
    Server(protocols::SrtService& service,
           Loop& loop,
           protocols::SrtAdmission admission,
           protocols::SrtListenerSettings settings = {}) {
        settings.port = 0;
        auto made = protocols::SrtListener::create(
            service,
            settings,
            std::move(admission),
            loop.executor(),
            [this, &loop](std::shared_ptr<protocols::SrtConnection> connection) {
                kept.push_back(std::make_unique<Kept>());
                kept.back()->connection = std::move(connection);
                if (start_at_once) kept.back()->start(loop);
            });
        INFO((made ? std::string() : made.error().message));
        REQUIRE(made);
        listener = std::move(*made);
    }
    [[nodiscard]] std::string url(const std::string& query) const {
        return "srt://127.0.0.1:" + std::to_string(listener->port()) + "?" + query;
    }

    std::vector<std::unique_ptr<Kept>> kept;
    std::unique_ptr<protocols::SrtListener> listener;
    bool start_at_once = true;
};

inline protocols::SrtAdmission admit_all() {
    return [](const protocols::SrtStreamId&, const std::string&) -> protocols::SrtDecision {
        return protocols::SrtAccept{};
    };
}

using CallResult = std::optional<Result<std::shared_ptr<protocols::SrtConnection>>>;

/// Waits for the answer to a call.
inline CallResult call(protocols::SrtService& service,
                       Loop& loop,
                       protocols::SrtCallSettings settings) {
    auto result = std::make_shared<CallResult>();
    if (settings.host.empty()) settings.host = "127.0.0.1";
    protocols::srt_call(service, std::move(settings), loop.executor(), [result](auto answer) {
        *result = std::move(answer);
    });
    REQUIRE(loop.run_until([&] { return result->has_value(); }));
    return *result;
}

inline std::unique_ptr<protocols::SrtService> make_service() {
    auto service = protocols::SrtService::create();
    REQUIRE(service);
    return std::move(*service);
}

}  // namespace sg::test

#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <process/supervisor.hpp>

namespace sg::process::test {

/// A task for the test child. `mode` "serve" reads the request; others misbehave by themselves.
inline Task child_task(std::string id, std::string request, std::string mode = "serve") {
    Task task;
    task.id = std::move(id);
    task.request = std::move(request);
    task.spawn.executable = SG_TEST_CHILD;
    task.spawn.argv = {"test_child", std::move(mode)};
    return task;
}

/// Gives the listed tasks in order and records what happens to them.
class Script final : public TaskSource, public TaskObserver {
  public:
    void add(Task task) { tasks_.push_back(std::move(task)); }

    std::optional<Task> next() override {
        if (tasks_.empty()) return std::nullopt;
        Task task = std::move(tasks_.front());
        tasks_.pop_front();
        return task;
    }
    bool finished() const override { return tasks_.empty(); }

    void on_started(std::string_view id, pid_t pid) override {
        pids[std::string(id)] = pid;
        ++alive_;
        most_alive = std::max(most_alive, alive_);
    }
    void on_progress(std::string_view id, std::string_view payload) override {
        ++messages[std::string(id)];
        if (when_progress) when_progress(id, payload);
    }
    void on_finished(Outcome outcome) override {
        --alive_;
        const std::string id = outcome.id;
        outcomes.emplace(id, std::move(outcome));
    }

    [[nodiscard]] const Outcome& outcome(const std::string& id) const { return outcomes.at(id); }

    std::map<std::string, Outcome> outcomes;
    std::map<std::string, pid_t> pids;
    std::map<std::string, int> messages;
    int most_alive = 0;
    std::function<void(std::string_view id, std::string_view payload)> when_progress;

  private:
    std::deque<Task> tasks_;
    int alive_ = 0;
};

inline SupervisorReport run(Script& script,
                            SupervisorOptions options = {},
                            std::stop_token stop = {}) {
    auto supervisor = Supervisor::create(options);
    auto report = supervisor.value().run(script, script, std::move(stop));
    return report.value();
}

/// Runs one task to its end.
inline Outcome run_one(Task task, SupervisorOptions options = {}) {
    const std::string id = task.id;
    Script script;
    script.add(std::move(task));
    run(script, options);
    return std::move(script.outcomes.at(id));
}

}  // namespace sg::process::test

#include "one_task.hpp"

#include <optional>
#include <utility>

namespace sg::engine {
namespace {

class OneTask final : public process::TaskSource, public process::TaskObserver {
  public:
    OneTask(process::Task task, const std::function<void(std::string_view)>& on_progress)
        : task_(std::move(task)), on_progress_(on_progress) {}

    std::optional<process::Task> next() override { return std::exchange(task_, std::nullopt); }
    bool finished() const override { return outcome.has_value(); }
    void on_progress(std::string_view, std::string_view payload) override {
        if (on_progress_) on_progress_(payload);
    }
    void on_finished(process::Outcome ended) override { outcome = std::move(ended); }

    std::optional<process::Outcome> outcome;

  private:
    std::optional<process::Task> task_;
    const std::function<void(std::string_view)>& on_progress_;
};

}  // namespace

Result<process::Outcome> run_one_task(process::Task task,
                                      const std::function<void(std::string_view)>& on_progress,
                                      std::stop_token stop) {
    const auto id = task.id;
    OneTask one(std::move(task), on_progress);
    SG_TRY_ASSIGN(auto supervisor, process::Supervisor::create({}));
    SG_TRY_ASSIGN(const auto run, supervisor.run(one, one, std::move(stop)));
    if (run.cancelled || !one.outcome) return Error{Errc::kCancelled, id + ": stopped"};
    return std::move(*one.outcome);
}

}  // namespace sg::engine

#pragma once

#include <string_view>
#include <vector>

#include <api/api_router.hpp>
#include <jobs/runner.hpp>

namespace sg::api {

/// The workers of this service. Called on threads that serve requests: must not block.
class WorkerControl {
  public:
    virtual ~WorkerControl() = default;
    [[nodiscard]] virtual std::vector<jobs::WorkerStatus> workers() = 0;
    // False when there is none of this name.
    [[nodiscard]] virtual bool drain(std::string_view name) = 0;
    [[nodiscard]] virtual bool resume(std::string_view name) = 0;
};

/// Its one worker.
class RunnerControl final : public WorkerControl {
  public:
    explicit RunnerControl(jobs::Runner& runner) : runner_(runner) {}
    [[nodiscard]] std::vector<jobs::WorkerStatus> workers() override;
    [[nodiscard]] bool drain(std::string_view name) override;
    [[nodiscard]] bool resume(std::string_view name) override;

  private:
    jobs::Runner& runner_;
};

/// GET /v1/workers, POST /v1/workers/{name}/drain and /resume. `control` outlives the router.
void add_worker_routes(ApiRouter& router, WorkerControl& control);

}  // namespace sg::api

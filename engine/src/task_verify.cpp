#include <atomic>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include <engine/verify.hpp>
#include <pipeline/plan.hpp>

#include "task.hpp"
#include "verify_http.hpp"

namespace sg::engine {

Result<std::string> run_verify_task(const TaskRequest& request, TaskContext& context) {
    std::atomic<long> done = 0;
    const auto tell = [&] {
        // A parent that is gone ends this process anyway.
        static_cast<void>(
            context.progress(fmt::format(R"({{"done":{},"total":1000,"bytes":0}})", done.load())));
    };
    std::optional<pipeline::Plan> plan;
    VerifyOptions options;
    options.mode = request.verify;
    options.stop = context.stop;
    options.progress = [&](double fraction) {
        done = std::lround(fraction * 1000);
        tell();
    };
    if (request.location.empty()) {
        SG_TRY_ASSIGN(plan, pipeline::Plan::from_json(request.plan));
        options.plan = &*plan;
    }
    // A dribbling server is a reason to wait, not a stall.
    auto getter = make_asking_getter(std::move(context.fds), tell);
    SG_TRY_ASSIGN(
        const auto report,
        verify_through(std::move(getter),
                       request.location.empty() ? request.folder.string() : request.location,
                       options));
    return report.to_json();
}

}  // namespace sg::engine

#include <cmath>

#include <fmt/format.h>

#include <engine/verify.hpp>
#include <pipeline/plan.hpp>

#include "task.hpp"

namespace sg::engine {

Result<std::string> run_verify_task(const TaskRequest& request, TaskContext& context) {
    SG_TRY_ASSIGN(const auto plan, pipeline::Plan::from_json(request.plan));
    VerifyOptions options;
    options.mode = request.verify;
    options.plan = &plan;
    options.stop = context.stop;
    options.progress = [&](double fraction) {
        // A parent that is gone ends this process anyway.
        static_cast<void>(context.progress(
            fmt::format(R"({{"done":{},"total":1000,"bytes":0}})", std::lround(fraction * 1000))));
    };
    SG_TRY_ASSIGN(const auto report, verify(request.folder.string(), options));
    return report.to_json();
}

}  // namespace sg::engine

#include <algorithm>
#include <string>
#include <utility>

#include <api/worker_routes.hpp>

#include "json_writer.hpp"
#include "ready.hpp"

namespace sg::api {
namespace {

using server::Method;

void write_worker(JsonWriter& out, const jobs::WorkerStatus& worker, bool all_owners) {
    out.begin_object()
        .member("name", worker.name)
        .member("draining", worker.draining)
        .member("heavy_slots", worker.heavy_slots)
        .member("heavy_running", worker.heavy_running)
        .member("light_running", worker.light_running)
        .member("running", worker.jobs.size());
    out.key("seen").time(worker.seen);
    out.key("jobs").begin_array();
    if (all_owners) {
        for (const auto& job : worker.jobs) out.value(job);
    }
    out.end_array().end_object();
}

Reply list(const Call& call, WorkerControl& control) {
    JsonWriter out;
    out.begin_object().key("items").begin_array();
    for (const auto& worker : control.workers())
        write_worker(out, worker, call.principal.role >= Role::kOperator);
    out.end_array().end_object();
    return json_response(200, out.take());
}

Reply after(Call& call, WorkerControl& control, bool (WorkerControl::*change)(std::string_view)) {
    const auto name = call.param("name");
    call.audit.subject = "worker " + std::string(name);
    if (!(control.*change)(name)) return not_found("worker", name);
    for (const auto& worker : control.workers()) {
        if (worker.name != name) continue;
        JsonWriter out;
        write_worker(out, worker, true);
        return json_response(200, out.take());
    }
    return not_found("worker", name);
}

}  // namespace

std::vector<jobs::WorkerStatus> RunnerControl::workers() {
    return {runner_.status()};
}

bool RunnerControl::drain(std::string_view name) {
    if (runner_.status().name != name) return false;
    runner_.drain();
    return true;
}

bool RunnerControl::resume(std::string_view name) {
    if (runner_.status().name != name) return false;
    runner_.resume();
    return true;
}

void add_worker_routes(ApiRouter& router, WorkerControl& control) {
    const auto described =
        [](Method method, const char* pattern, const char* id, const char* summary) {
            return operation(method, pattern, id, "workers", summary, "Worker");
        };
    auto all = described(Method::kGet, "/v1/workers", "listWorkers", "Lists workers");
    all.response_schema = "WorkerList";
    all.handler = [&control](Call& call) { return ready(list(call, control)); };
    router.add(std::move(all));

    auto drain = described(Method::kPost,
                           "/v1/workers/{name}/drain",
                           "drainWorker",
                           "Lets a worker take no more jobs; what runs goes on");
    drain.least = Role::kOperator;
    drain.audited = true;
    drain.handler = [&control](Call& call) {
        return ready(after(call, control, &WorkerControl::drain));
    };
    router.add(std::move(drain));

    auto resume = described(Method::kPost,
                            "/v1/workers/{name}/resume",
                            "resumeWorker",
                            "Lets a drained worker take jobs again");
    resume.least = Role::kOperator;
    resume.audited = true;
    resume.handler = [&control](Call& call) {
        return ready(after(call, control, &WorkerControl::resume));
    };
    router.add(std::move(resume));
}

}  // namespace sg::api

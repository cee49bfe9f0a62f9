#include <utility>

#include <fmt/format.h>

#include "job_json.hpp"
#include "job_routes_impl.hpp"

namespace sg::api {

Reply JobRoutes::Impl::get(const Call& call) {
    auto db = database.read();
    if (!db) return problem_of(db.error());
    const auto id = call.param("id");
    auto job = jobs::find_job(**db, id, call.principal.visible_owner());
    if (!job) {
        if (job.error().code == Errc::kNotFound) return not_found("job", id);
        return problem_of(job.error());
    }
    JobDetail detail;
    auto tasks = jobs::tasks_of(**db, id);
    if (!tasks) return problem_of(tasks.error());
    detail.tasks = std::move(*tasks);
    if (job->state == jobs::JobState::kQueued) {
        const auto position = jobs::queue_position(**db, *job);
        if (!position) return problem_of(position.error());
        detail.queue_position = *position;
    }
    auto response = json_response(200, job_text(*job, detail));
    response.add("ETag", etag(job->version));
    return response;
}

Reply JobRoutes::Impl::list(const Call& call) {
    constexpr std::int64_t kPage = 50;
    JobQuery query;
    if (auto refused = read_job_query(call.query, call.principal, kPage, query))
        return std::move(*refused);
    auto db = database.read();
    if (!db) return problem_of(db.error());
    const auto page = jobs::list_jobs(**db, query.filter);
    if (!page) return problem_of(page.error());
    constexpr std::size_t kItem = 640;
    JsonWriter out(page->size() * kItem + kItem);
    out.begin_object().key("items").begin_array();
    for (const auto& job : *page) write_item(out, job);
    out.end_array().key("next_cursor");
    if (static_cast<std::int64_t>(page->size()) == query.filter.limit) {
        out.value(cursor_after(query, page->back().seq));
    } else {
        out.null();
    }
    out.end_object();
    return json_response(200, out.take());
}

Reply JobRoutes::Impl::queues(const Call& call) {
    auto db = database.read();
    if (!db) return problem_of(db.error());
    const auto totals = jobs::queue_totals(**db);
    if (!totals) return problem_of(totals.error());
    JsonWriter out;
    out.begin_object().key("jobs").begin_object();
    for (const auto& [state, count] : totals->jobs) out.member(jobs::name_of(state), count);
    out.end_object();
    out.member("waiting_s", totals->waiting_s).end_object();
    return json_response(200, out.take());
}

}  // namespace sg::api

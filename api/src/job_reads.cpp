#include <algorithm>
#include <array>
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
    detail.eta = eta(**db, *job, detail.queue_position);
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

jobs::QueueTotals JobRoutes::Impl::totals(sql::Connection& db) {
    const std::lock_guard lock(totals_mutex);
    const auto now = std::chrono::steady_clock::now();
    if (!last_totals || now - totals_at > std::chrono::seconds(1)) {
        if (auto counted = jobs::queue_totals(db)) last_totals = std::move(*counted);
        totals_at = now;
    }
    return last_totals.value_or(jobs::QueueTotals{});
}

std::optional<jobs::TimeLeft> JobRoutes::Impl::eta(sql::Connection& db,
                                                   const jobs::Job& job,
                                                   std::optional<std::int64_t> position) {
    using jobs::JobState;
    const double slots = std::max(options.heavy_slots, 1);
    if (position) {
        // What was not planned yet counts as the average of what was.
        const auto all = totals(db);
        const auto queued = all.jobs.find(JobState::kQueued);
        if (queued == all.jobs.end() || queued->second <= 0 || all.waiting_s <= 0)
            return std::nullopt;
        const auto average = all.waiting_s / static_cast<double>(queued->second);
        const auto own = job.expected_s > 0 ? job.expected_s : average;
        const auto seconds = (static_cast<double>(*position) * average + own) / slots;
        return jobs::TimeLeft{seconds, seconds / 2, seconds * 2};
    }
    if (jobs::ended(job.state) || job.state == JobState::kAccepted || job.expected_s <= 0)
        return std::nullopt;
    const auto planned = job.expected_s / slots;
    const auto running = job.entered.find("running");
    // What an earlier attempt did was not done in this one's time.
    const bool began =
        running != job.entered.end() && running->second > 0 && job.attempts.size() <= 1;
    const auto spent =
        began ? static_cast<double>(now_of(clock) - running->second) / 1000 : double{0};
    return jobs::time_left({planned, planned * 0.6, planned * 2}, spent, job.percent);
}

Reply JobRoutes::Impl::queues() {
    auto db = database.read();
    if (!db) return problem_of(db.error());
    const auto all = totals(**db);
    std::array<std::int64_t, 5> classes{};
    const auto counted =
        (*db)->query("SELECT priority, count(*) FROM jobs WHERE ready = 1 GROUP BY priority",
                     {},
                     [&classes](const sql::Row& row) -> Status {
                         const auto index = row.integer(0);
                         if (index >= 0 && index < static_cast<std::int64_t>(classes.size()))
                             classes[static_cast<std::size_t>(index)] = row.integer(1);
                         return {};
                     });
    if (!counted) return problem_of(counted.error());
    JsonWriter out;
    out.begin_object().key("jobs").begin_object();
    for (const auto& [state, count] : all.jobs) out.member(jobs::name_of(state), count);
    out.end_object().key("queued_by_class").begin_object();
    for (std::size_t i = 0; i < classes.size(); ++i)
        out.member(jobs::name_of(static_cast<jobs::Priority>(i)), classes[i]);
    out.end_object();
    out.member("waiting_s", all.waiting_s);
    out.member("predicted_wait_s", all.waiting_s / std::max(options.heavy_slots, 1));
    out.end_object();
    return json_response(200, out.take());
}

}  // namespace sg::api

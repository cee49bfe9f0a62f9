#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <api/job_routes.hpp>
#include <boost/asio/thread_pool.hpp>
#include <jobs/idempotency.hpp>
#include <jobs/job_table.hpp>

#include <engine/job.hpp>

#include "job_json.hpp"
#include "job_query.hpp"

namespace sg::api {

/// Faults of a document as one answer: the first one's code and place, all of them in `errors`.
[[nodiscard]] Problem document_problem(const std::vector<engine::JobFault>& faults);

/// By the request's content type.
[[nodiscard]] engine::JobSyntax syntax_of(const server::Request& request);

/// Of the call, with what it asks for; a key of "" when it has none.
[[nodiscard]] std::optional<Problem> read_idempotency(const Call& call,
                                                      jobs::IdempotentRequest& request);

/// What Submissions::accept() says with kLimit, and begin_request(), as answers.
[[nodiscard]] Problem full_queue(const Error& error);
[[nodiscard]] Problem key_refused(const Error& error);

[[nodiscard]] jobs::Millis now_of(const Clock& clock);

/// The job as its maker is told of it.
[[nodiscard]] std::string new_job_text(const jobs::Job& job);

/// A document that was read and held against the policy, or why it is no job.
struct PreparedJob {
    std::optional<jobs::Job> job;
    std::vector<engine::JobFault> faults;
    std::optional<Problem> failed;
};

struct JobRoutes::Impl {
    Impl(sql::Database& d, const jobs::Submissions& s, const Clock& c, const JobRoutesOptions& o)
        : database(d), submissions(s), clock(c), options(o), pool(o.threads) {}
    ~Impl() { pool.join(); }

    sql::Database& database;
    const jobs::Submissions& submissions;
    const Clock& clock;
    const JobRoutesOptions options;
    boost::asio::thread_pool pool;

    std::mutex totals_mutex;
    std::optional<jobs::QueueTotals> last_totals;
    std::chrono::steady_clock::time_point totals_at{};

    [[nodiscard]] jobs::Submitter submitter_of(const Call& call) const;

    // job_reads.cpp
    [[nodiscard]] Reply get(const Call& call);
    [[nodiscard]] Reply list(const Call& call);
    [[nodiscard]] Reply queues();
    /// Queued jobs and their predicted seconds, counted at most once a second.
    [[nodiscard]] jobs::QueueTotals totals(sql::Connection& db);
    [[nodiscard]] std::optional<jobs::TimeLeft> eta(sql::Connection& db,
                                                    const jobs::Job& job,
                                                    std::optional<std::int64_t> position);

    // job_submit.cpp
    [[nodiscard]] server::Task<Reply> create(Call& call);
    [[nodiscard]] server::Task<Reply> dry_run(Call& call,
                                              std::string text,
                                              engine::JobSyntax syntax);
    /// For the pool: reads and checks the document.
    [[nodiscard]] std::function<PreparedJob()> prepare(const Call& call,
                                                       std::string text,
                                                       engine::JobSyntax syntax);
    [[nodiscard]] server::Task<Reply> clone(Call& call);
    /// The document becomes a job, once for each Idempotency-Key.
    [[nodiscard]] server::Task<Reply> submit(Call& call,
                                             std::string text,
                                             engine::JobSyntax syntax);

    // job_batch.cpp
    [[nodiscard]] server::Task<Reply> batch(Call& call);
    [[nodiscard]] server::Task<Reply> cancel_many(Call& call);
    [[nodiscard]] server::Task<Reply> retry_many(Call& call);

    // job_changes.cpp
    [[nodiscard]] server::Task<Reply> cancel(Call& call);
    [[nodiscard]] server::Task<Reply> retry(Call& call);
    [[nodiscard]] server::Task<Reply> change(Call& call);
};

}  // namespace sg::api

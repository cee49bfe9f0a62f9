#include <utility>

#include "job_routes_impl.hpp"
#include "ready.hpp"

namespace sg::api {
namespace {

using server::Method;

constexpr std::size_t kDocument = std::size_t{1} << 20U;
constexpr std::size_t kBatch = std::size_t{8} << 20U;
constexpr std::size_t kSmall = std::size_t{64} << 10U;

std::vector<std::string> document_types() {
    return {"application/json", "application/yaml", "application/x-yaml", "text/yaml"};
}

std::vector<QueryParam> list_parameters() {
    const std::string time = R"({"type":"string","format":"date-time"})";
    return {
        {"state", "States, with commas between: queued,running"},
        {"tag", "A tag that the job has, as KEY:VALUE"},
        {"owner", "Jobs of this owner; other owners' for operators only"},
        {"external_id", "The submitter's own name for the job"},
        {"created_from", "Made at or after this time", time},
        {"created_to", "Made before this time", time},
        {"limit",
         "Jobs in one answer",
         R"({"type":"integer","minimum":1,"maximum":1000,"default":50})"},
        {"cursor", "next_cursor of the page before, with the same filters"},
    };
}

std::vector<QueryParam> idempotency() {
    return {{"Idempotency-Key",
             "Up to 255 characters of your own. The same request with the same key, within 24 "
             "hours, gets the first one's answer and changes nothing"}};
}

Operation of_job(Method method, std::string pattern, std::string id, std::string summary) {
    return operation(method, std::move(pattern), std::move(id), "jobs", std::move(summary), "Job");
}

Operation changing(std::string pattern, std::string id, std::string summary) {
    auto made = of_job(Method::kPost, std::move(pattern), std::move(id), std::move(summary));
    made.least = Role::kSubmitter;
    made.audited = true;
    made.max_body_bytes = kSmall;
    return made;
}

}  // namespace

JobRoutes::JobRoutes(sql::Database& database,
                     const jobs::Submissions& submissions,
                     const Clock& clock,
                     JobRoutesOptions options)
    : impl_(std::make_unique<Impl>(database, submissions, clock, options)) {}

JobRoutes::~JobRoutes() = default;

void JobRoutes::add_to(ApiRouter& router) {
    auto* impl = impl_.get();

    auto create = changing("/v1/jobs", "createJob", "Submits a job");
    create.max_body_bytes = kDocument;
    create.request_schema = "JobDocument";
    create.content_types = document_types();
    create.success = 201;
    create.also[200] = "DryRun";
    create.query = {{"dryRun",
                     "true: say what would be made, how long it takes and what it costs (200, "
                     "DryRun), and queue nothing",
                     R"({"type":"boolean","default":false})"}};
    create.headers = idempotency();
    create.handler = [impl](Call& call) { return impl->create(call); };
    router.add(std::move(create));

    auto list = of_job(Method::kGet, "/v1/jobs", "listJobs", "Lists jobs, newest first");
    list.query = list_parameters();
    list.response_schema = "JobPage";
    list.handler = [impl](Call& call) { return ready(impl->list(call)); };
    router.add(std::move(list));

    auto get = of_job(Method::kGet, "/v1/jobs/{id}", "getJob", "Everything about a job");
    get.handler = [impl](Call& call) { return ready(impl->get(call)); };
    router.add(std::move(get));

    auto change = changing(
        "/v1/jobs/{id}", "changeJob", "Changes the priority or deadline of a job (If-Match)");
    change.method = Method::kPatch;
    change.request_schema = "JobChange";
    change.headers = {{"If-Match", "The ETag of the job that is meant"}};
    change.handler = [impl](Call& call) { return impl->change(call); };
    router.add(std::move(change));

    auto cancel = changing("/v1/jobs/{id}/cancel", "cancelJob", "Ends a job");
    cancel.request_schema = "CancelRequest";
    cancel.body_optional = true;
    cancel.handler = [impl](Call& call) { return impl->cancel(call); };
    router.add(std::move(cancel));

    auto retry = changing("/v1/jobs/{id}/retry",
                          "retryJob",
                          "Queues a failed or cancelled job again; finished chunks are kept");
    retry.max_body_bytes = 0;
    retry.handler = [impl](Call& call) { return impl->retry(call); };
    router.add(std::move(retry));

    auto clone = changing("/v1/jobs/{id}/clone",
                          "cloneJob",
                          "Submits a job's document again, with changes (merge patch, RFC 7396)");
    clone.max_body_bytes = kDocument;
    clone.request_schema = "JobPatch";
    clone.content_types = {"application/json", "application/merge-patch+json"};
    clone.body_optional = true;
    clone.success = 201;
    clone.headers = idempotency();
    clone.handler = [impl](Call& call) { return impl->clone(call); };
    router.add(std::move(clone));

    auto batch = changing(
        "/v1/jobs/batch", "createJobs", "Submits up to 1,000 jobs, with a result for each");
    batch.max_body_bytes = kBatch;
    batch.request_schema = "JobBatch";
    batch.headers = idempotency();
    batch.response_schema = "JobBatchResult";
    batch.handler = [impl](Call& call) { return impl->batch(call); };
    router.add(std::move(batch));

    auto cancel_many =
        changing("/v1/jobs/cancel", "cancelJobs", "Ends the jobs that match, up to 1,000 a call");
    cancel_many.request_schema = "BulkRequest";
    cancel_many.response_schema = "BulkResult";
    cancel_many.handler = [impl](Call& call) { return impl->cancel_many(call); };
    router.add(std::move(cancel_many));

    auto retry_many = changing("/v1/jobs/retry",
                               "retryJobs",
                               "Queues the failed jobs that match again, up to 1,000 a call");
    retry_many.request_schema = "BulkRequest";
    retry_many.response_schema = "BulkResult";
    retry_many.handler = [impl](Call& call) { return impl->retry_many(call); };
    router.add(std::move(retry_many));

    auto queues = of_job(Method::kGet, "/v1/queues", "getQueues", "What waits and what runs");
    queues.tag = "queues";
    queues.response_schema = "Queues";
    queues.handler = [impl](Call&) { return ready(impl->queues()); };
    router.add(std::move(queues));
}

}  // namespace sg::api

#pragma once

#include <cstddef>
#include <memory>

#include <api/api_router.hpp>
#include <jobs/submission.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>

namespace sg::api {

class Inquiry;

struct JobRoutesOptions {
    std::size_t threads = 2;     ///< that read and check documents, beside the server's
    Inquiry* inquiry = nullptr;  ///< answers dry runs; outlives the routes
    int heavy_slots = 1;         ///< of the worker, for predictions
};

/// /v1/jobs: submit (also in batches), get, list, cancel, retry, clone, change; /v1/queues. Must
/// outlive the server, and go before its contexts and the database.
class JobRoutes {
  public:
    JobRoutes(sql::Database& database,
              const jobs::Submissions& submissions,
              const Clock& clock,
              JobRoutesOptions options);
    ~JobRoutes();

    void add_to(ApiRouter& router);

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

#pragma once

#include <filesystem>
#include <memory>

#include <jobs/event_log.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace sg::telemetry {

/// Metrics that the job tables know: queue depth, predicted work and the age of the oldest by
/// class, jobs by state, failures, lost workers; and the room on the data folder's disk. Read every
/// few seconds by a thread of its own, so that a scrape costs the same with any number of jobs.
/// What the worker, the store, HTTP and webhooks measure they count themselves.
class JobMetrics {
  public:
    JobMetrics(sql::Database& database,
               jobs::EventHub& events,
               const Clock& clock,
               Metrics& metrics,
               std::filesystem::path data);
    ~JobMetrics();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::telemetry

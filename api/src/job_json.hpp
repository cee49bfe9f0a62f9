#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <jobs/estimate.hpp>
#include <jobs/job.hpp>

#include "json_writer.hpp"

namespace sg::api {

/// What is not in the job's row.
struct JobDetail {
    std::vector<jobs::Task> tasks;
    std::optional<std::int64_t> queue_position;
    std::optional<jobs::TimeLeft> eta;  ///< until its end, from now
};

/// Everything: GET /v1/jobs/{id}.
[[nodiscard]] std::string job_text(const jobs::Job& job, const JobDetail& detail);

/// An item of a list, without its document, attempts and tasks.
void write_item(JsonWriter& out, const jobs::Job& job);

}  // namespace sg::api

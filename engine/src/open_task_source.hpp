#pragma once

#include <memory>
#include <string>
#include <vector>

#include <ingest/source.hpp>
#include <pipeline/plan.hpp>

#include "task.hpp"

namespace sg::engine {

/// The source of a task that demultiplexes it, from the request's first descriptor, as it was when
/// it was planned.
[[nodiscard]] Result<std::unique_ptr<ingest::MediaInput>> open_task_source(
    const TaskRequest& request, const pipeline::Plan& plan, TaskContext& context);

/// TaskRequest::sample_tables; empty for none.
[[nodiscard]] std::string table_streams_json(const std::vector<ingest::TableStream>& streams);

}  // namespace sg::engine

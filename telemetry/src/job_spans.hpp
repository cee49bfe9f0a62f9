#pragma once

#include <vector>

#include <jobs/event_log.hpp>
#include <jobs/job.hpp>

#include "otlp.hpp"

namespace sg::telemetry {

/// The trace of a job up to the last end among its events, oldest first: one span from submit to
/// end, below it one a state and one a task. Of a job that was retried by hand only what came after
/// its end before. Empty when the caller of its request does not sample (traceparent, W3C Trace
/// Context section 3.2.2.5). The ids are the same whenever it is made again; without a traceparent
/// the trace id is the job's UUID.
[[nodiscard]] std::vector<Span> job_spans(const jobs::Job& job,
                                          const std::vector<jobs::Event>& events);

}  // namespace sg::telemetry

#pragma once

#include <string>

namespace sg::telemetry {

/// Memory, CPU time, descriptors and start time of this process under Prometheus' standard names;
/// empty where /proc is not there.
[[nodiscard]] std::string process_metrics_text();

}  // namespace sg::telemetry

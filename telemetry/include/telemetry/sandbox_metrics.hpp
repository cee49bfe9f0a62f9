#pragma once

#include <vector>

#include <base/metric.hpp>
#include <engine/doctor.hpp>

namespace sg::telemetry {

/// How many measures of the sandbox are in force on this machine, and how many are not, as
/// engine::examine_machine() found.
class SandboxMetrics {
  public:
    SandboxMetrics(const std::vector<engine::Finding>& findings, Metrics& metrics);

  private:
    Gauge applied_;
    Gauge missing_;
};

}  // namespace sg::telemetry

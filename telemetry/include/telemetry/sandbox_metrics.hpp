#pragma once

#include <base/metric.hpp>
#include <process/sandbox.hpp>

namespace sg::telemetry {

/// How many measures of the sandbox are in force on this kernel, and how many are not.
class SandboxMetrics {
  public:
    SandboxMetrics(const process::SandboxReport& report, Metrics& metrics);

  private:
    Gauge applied_;
    Gauge missing_;
};

}  // namespace sg::telemetry

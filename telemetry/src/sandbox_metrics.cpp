#include <algorithm>

#include <telemetry/sandbox_metrics.hpp>

namespace sg::telemetry {

SandboxMetrics::SandboxMetrics(const process::SandboxReport& report, Metrics& metrics) {
    const auto gauge = [&](const char* applied) {
        return metrics.gauge("streamgate_sandbox_measures",
                             "Measures that lock tasks in, by whether this kernel applies them.",
                             {{"applied", applied}});
    };
    applied_ = gauge("true");
    missing_ = gauge("false");
    const auto& all = report.measures;
    const auto applied =
        std::count_if(all.begin(), all.end(), [](auto& one) { return one.applied; });
    applied_.set(static_cast<double>(applied));
    missing_.set(static_cast<double>(all.size()) - static_cast<double>(applied));
}

}  // namespace sg::telemetry

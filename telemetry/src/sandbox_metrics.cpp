#include <telemetry/sandbox_metrics.hpp>

namespace sg::telemetry {

SandboxMetrics::SandboxMetrics(const std::vector<engine::Finding>& findings, Metrics& metrics) {
    const auto gauge = [&](const char* applied) {
        return metrics.gauge("streamgate_sandbox_measures",
                             "Measures that lock tasks in, by whether this machine applies them.",
                             {{"applied", applied}});
    };
    applied_ = gauge("true");
    missing_ = gauge("false");
    double applied = 0;
    double missing = 0;
    for (const auto& finding : findings) {
        if (!finding.name.starts_with("sandbox")) continue;
        (finding.state == engine::Finding::State::kGood ? applied : missing) += 1;
    }
    applied_.set(applied);
    missing_.set(missing);
}

}  // namespace sg::telemetry

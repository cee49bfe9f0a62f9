#pragma once

#include <memory>
#include <string>

#include <base/metric.hpp>

namespace sg::telemetry {

/// Keeps the series of a process and writes them in Prometheus' text format. Any thread.
class MetricsRegistry final : public Metrics {
  public:
    MetricsRegistry();
    ~MetricsRegistry() override;

    [[nodiscard]] Counter counter(const std::string& name,
                                  const std::string& help,
                                  const MetricLabels& labels = {}) override;
    [[nodiscard]] Gauge gauge(const std::string& name,
                              const std::string& help,
                              const MetricLabels& labels = {}) override;
    [[nodiscard]] Histogram histogram(const std::string& name,
                                      const std::string& help,
                                      const std::vector<double>& bounds,
                                      const MetricLabels& labels = {}) override;

    /// The whole exposition: our series, then memory, CPU time and descriptors of the process.
    [[nodiscard]] std::string text() const;
    static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::telemetry

#pragma once

#include <map>
#include <string>
#include <vector>

#include <jobs/job.hpp>

#include <base/metric.hpp>

namespace sg::jobs {

/// What a worker counts. Used on the runner's thread.
class RunnerMetrics {
  public:
    explicit RunnerMetrics(Metrics& metrics);

    void slots(std::size_t heavy, std::size_t light) const;
    void in_use(std::size_t heavy, std::size_t light, std::size_t jobs) const;
    /// `outcome`: "succeeded" or the class of its failure.
    void task_ended(const std::string& kind, const std::string& outcome, double seconds);
    void job_ended(const std::string& state);
    void job_waited(double seconds) const;
    /// A look at the queue and the choice.
    void scheduled(double seconds) const;
    void retried(RetryClass value);
    void verify_failed() const;
    void speed(const std::string& codec, std::int64_t height, double value);

  private:
    // Series live as long as a handle to them.
    [[nodiscard]] Counter& counter(const std::string& name,
                                   const std::string& help,
                                   const MetricLabels& labels);
    [[nodiscard]] Histogram& histogram(const std::string& name,
                                       const std::string& help,
                                       const std::vector<double>& bounds,
                                       const MetricLabels& labels);

    Metrics& metrics_;
    std::map<std::string, Counter> counters_;
    std::map<std::string, Histogram> histograms_;
    Gauge heavy_slots_;
    Gauge light_slots_;
    Gauge heavy_in_use_;
    Gauge light_in_use_;
    Gauge jobs_;
    Counter verify_failed_;
    Histogram waited_;
    Histogram scheduling_;
};

}  // namespace sg::jobs

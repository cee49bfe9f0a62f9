#include "runner_metrics.hpp"

#include <utility>

namespace sg::jobs {
namespace {

const std::vector<double> kSeconds{0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400};
const std::vector<double> kSpeeds{0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64};

/// Few names, whatever heights sources have.
const char* size_of(std::int64_t height) {
    if (height > 1440) return "2160p";
    if (height > 1080) return "1440p";
    if (height > 720) return "1080p";
    if (height > 480) return "720p";
    return "480p";
}

}  // namespace

RunnerMetrics::RunnerMetrics(Metrics& metrics)
    : metrics_(metrics),
      heavy_slots_(metrics.gauge(
          "streamgate_worker_slots", "Tasks a worker runs at once.", {{"kind", "heavy"}})),
      light_slots_(metrics.gauge(
          "streamgate_worker_slots", "Tasks a worker runs at once.", {{"kind", "light"}})),
      heavy_in_use_(metrics.gauge(
          "streamgate_worker_slots_in_use", "Tasks a worker runs now.", {{"kind", "heavy"}})),
      light_in_use_(metrics.gauge(
          "streamgate_worker_slots_in_use", "Tasks a worker runs now.", {{"kind", "light"}})),
      jobs_(metrics.gauge("streamgate_worker_jobs", "Jobs that a worker holds leases of.")),
      verify_failed_(metrics.counter("streamgate_verify_failures_total",
                                     "Presentations that did not pass verification.")),
      waited_(metrics.histogram(
          "streamgate_job_wait_seconds", "From queued to taken by a worker.", kSeconds)),
      scheduling_(metrics.histogram("streamgate_scheduling_seconds",
                                    "A look at the queue and the choice of a job.",
                                    {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1})) {}

void RunnerMetrics::slots(std::size_t heavy, std::size_t light) const {
    heavy_slots_.set(static_cast<double>(heavy));
    light_slots_.set(static_cast<double>(light));
}

void RunnerMetrics::in_use(std::size_t heavy, std::size_t light, std::size_t jobs) const {
    heavy_in_use_.set(static_cast<double>(heavy));
    light_in_use_.set(static_cast<double>(light));
    jobs_.set(static_cast<double>(jobs));
}

Counter& RunnerMetrics::counter(const std::string& name,
                                const std::string& help,
                                const MetricLabels& labels) {
    std::string key = name;
    for (const auto& [label, value] : labels) key += "," + value;
    const auto [at, made] = counters_.try_emplace(std::move(key));
    if (made) at->second = metrics_.counter(name, help, labels);
    return at->second;
}

Histogram& RunnerMetrics::histogram(const std::string& name,
                                    const std::string& help,
                                    const std::vector<double>& bounds,
                                    const MetricLabels& labels) {
    std::string key = name;
    for (const auto& [label, value] : labels) key += "," + value;
    const auto [at, made] = histograms_.try_emplace(std::move(key));
    if (made) at->second = metrics_.histogram(name, help, bounds, labels);
    return at->second;
}

void RunnerMetrics::task_ended(const std::string& kind,
                               const std::string& outcome,
                               double seconds) {
    counter("streamgate_tasks_total",
            "Tasks that ended, by kind and outcome: succeeded, or the class of the failure.",
            {{"kind", kind}, {"outcome", outcome}})
        .add();
    histogram("streamgate_task_seconds", "Wall time of tasks.", kSeconds, {{"kind", kind}})
        .observe(seconds);
}

void RunnerMetrics::job_ended(const std::string& state) {
    counter("streamgate_jobs_ended_total", "Jobs that ended.", {{"state", state}}).add();
}

void RunnerMetrics::job_waited(double seconds) const {
    waited_.observe(seconds);
}

void RunnerMetrics::scheduled(double seconds) const {
    scheduling_.observe(seconds);
}

void RunnerMetrics::retried(RetryClass value) {
    counter("streamgate_job_retries_total",
            "Attempts at a job that failed and are followed by another.",
            {{"class", name_of(value)}})
        .add();
}

void RunnerMetrics::verify_failed() const {
    verify_failed_.add();
}

void RunnerMetrics::speed(const std::string& codec, std::int64_t height, double value) {
    histogram("streamgate_encoding_speed_ratio",
              "Media seconds a second of one chunk task, by codec and its largest picture.",
              kSpeeds,
              {{"codec", codec}, {"size", size_of(height)}})
        .observe(value);
}

}  // namespace sg::jobs

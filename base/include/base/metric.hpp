#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// Handles to metrics: cheap to copy and to use from any thread, without any dependency. A handle
// that was never connected counts into nothing. A series lives as long as a handle to it: when a
// channel goes, its series go.

namespace sg {

struct HistogramCells {
    explicit HistogramCells(std::vector<double> upper_bounds)
        : bounds(std::move(upper_bounds)), counts(bounds.size() + 1) {}

    std::vector<double> bounds;                      ///< ascending
    std::vector<std::atomic<std::uint64_t>> counts;  ///< one for each bound, then the rest
    std::atomic<double> sum{0};
};

/// Only grows. Names end in _total.
class Counter {
  public:
    Counter() = default;
    explicit Counter(std::shared_ptr<std::atomic<std::uint64_t>> cell) : cell_(std::move(cell)) {}

    void add(std::uint64_t count = 1) const noexcept {
        if (cell_) cell_->fetch_add(count, std::memory_order_relaxed);
    }

  private:
    std::shared_ptr<std::atomic<std::uint64_t>> cell_;
};

class Gauge {
  public:
    Gauge() = default;
    explicit Gauge(std::shared_ptr<std::atomic<double>> cell) : cell_(std::move(cell)) {}

    void set(double value) const noexcept {
        if (cell_) cell_->store(value, std::memory_order_relaxed);
    }
    void add(double difference) const noexcept {
        if (cell_) cell_->fetch_add(difference, std::memory_order_relaxed);
    }

  private:
    std::shared_ptr<std::atomic<double>> cell_;
};

class Histogram {
  public:
    Histogram() = default;
    explicit Histogram(std::shared_ptr<HistogramCells> cells) : cells_(std::move(cells)) {}

    void observe(double value) const noexcept {
        if (!cells_) return;
        std::size_t bucket = 0;
        while (bucket < cells_->bounds.size() && value > cells_->bounds[bucket]) ++bucket;
        cells_->counts[bucket].fetch_add(1, std::memory_order_relaxed);
        cells_->sum.fetch_add(value, std::memory_order_relaxed);
    }

  private:
    std::shared_ptr<HistogramCells> cells_;
};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// Where handles come from. Asking again for the same name and labels gives the same series. One
/// name has one kind and one help text; a request that contradicts an earlier one, or whose name
/// Prometheus would refuse, gets an unconnected handle. Any thread; take handles once, not per
/// event.
class Metrics {
  public:
    virtual ~Metrics() = default;
    /// `name` in Prometheus' style with its unit: "streamgate_http_sent_bytes_total".
    [[nodiscard]] virtual Counter counter(const std::string& name,
                                          const std::string& help,
                                          const MetricLabels& labels = {}) = 0;
    [[nodiscard]] virtual Gauge gauge(const std::string& name,
                                      const std::string& help,
                                      const MetricLabels& labels = {}) = 0;
    /// `bounds`: upper bounds of the buckets, ascending.
    [[nodiscard]] virtual Histogram histogram(const std::string& name,
                                              const std::string& help,
                                              const std::vector<double>& bounds,
                                              const MetricLabels& labels = {}) = 0;
};

/// Gives unconnected handles: for tests and for programs that export nothing.
class NullMetrics final : public Metrics {
  public:
    [[nodiscard]] Counter counter(const std::string&,
                                  const std::string&,
                                  const MetricLabels&) override {
        return {};
    }
    [[nodiscard]] Gauge gauge(const std::string&,
                              const std::string&,
                              const MetricLabels&) override {
        return {};
    }
    [[nodiscard]] Histogram histogram(const std::string&,
                                      const std::string&,
                                      const std::vector<double>&,
                                      const MetricLabels&) override {
        return {};
    }
};

}  // namespace sg

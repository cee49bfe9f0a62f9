#include <algorithm>
#include <map>
#include <mutex>
#include <regex>
#include <variant>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <telemetry/metrics_registry.hpp>

#include "process_metrics.hpp"

namespace sg::telemetry {
namespace {

using CounterCell = std::atomic<std::uint64_t>;
using GaugeCell = std::atomic<double>;

bool valid_name(const std::string& name) {
    static const std::regex rule("[a-zA-Z_:][a-zA-Z0-9_:]*");
    return std::regex_match(name, rule);
}

bool valid_labels(const MetricLabels& labels) {
    static const std::regex rule("[a-zA-Z_][a-zA-Z0-9_]*");
    return std::all_of(labels.begin(), labels.end(), [](const auto& label) {
        return std::regex_match(label.first, rule) && !label.first.starts_with("__");
    });
}

void fill(const CounterCell& cell, prometheus::ClientMetric& metric) {
    metric.counter.value = static_cast<double>(cell.load(std::memory_order_relaxed));
}

void fill(const GaugeCell& cell, prometheus::ClientMetric& metric) {
    metric.gauge.value = cell.load(std::memory_order_relaxed);
}

void fill(const HistogramCells& cells, prometheus::ClientMetric& metric) {
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < cells.bounds.size(); ++i) {
        count += cells.counts[i].load(std::memory_order_relaxed);
        metric.histogram.bucket.push_back({count, cells.bounds[i]});
    }
    // The +Inf bucket is written by the serializer from the count.
    count += cells.counts.back().load(std::memory_order_relaxed);
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = cells.sum.load(std::memory_order_relaxed);
}

template <class Cell>
struct Family {
    std::string help;
    std::map<MetricLabels, std::weak_ptr<Cell>> series;
    std::size_t sweep_at = 64;

    /// Series without a handle go, whether anybody reads the metrics or not.
    void sweep() {
        if (series.size() < sweep_at) return;
        std::erase_if(series, [](const auto& each) { return each.second.expired(); });
        sweep_at = std::max<std::size_t>(64, 2 * series.size());
    }
};

template <class Cell>
constexpr prometheus::MetricType kType = prometheus::MetricType::Histogram;
template <>
constexpr prometheus::MetricType kType<CounterCell> = prometheus::MetricType::Counter;
template <>
constexpr prometheus::MetricType kType<GaugeCell> = prometheus::MetricType::Gauge;

using AnyFamily = std::variant<Family<CounterCell>, Family<GaugeCell>, Family<HistogramCells>>;

}  // namespace

struct MetricsRegistry::Impl {
    std::mutex mutex;
    std::map<std::string, AnyFamily> families;

    template <class Cell, class... Args>
    std::shared_ptr<Cell> series(const std::string& name,
                                 const std::string& help,
                                 const MetricLabels& labels,
                                 const Args&... args) {
        if (!valid_name(name) || !valid_labels(labels)) return nullptr;
        const std::lock_guard lock(mutex);
        const auto entry = families.try_emplace(name, Family<Cell>{help, {}}).first;
        auto* family = std::get_if<Family<Cell>>(&entry->second);
        if (family == nullptr || family->help != help) return nullptr;
        family->sweep();
        auto& slot = family->series[labels];
        auto cell = slot.lock();
        if (!cell) slot = cell = std::make_shared<Cell>(args...);
        return cell;
    }

    /// Forgets series without a handle.
    std::vector<prometheus::MetricFamily> collect() {
        const std::lock_guard lock(mutex);
        std::vector<prometheus::MetricFamily> out;
        for (auto& [name, any] : families) {
            std::visit([&, &name = name](auto& family) { append(name, family, out); }, any);
        }
        return out;
    }

    template <class Cell>
    static void append(const std::string& name,
                       Family<Cell>& family,
                       std::vector<prometheus::MetricFamily>& out) {
        prometheus::MetricFamily written{name, family.help, kType<Cell>, {}};
        for (auto it = family.series.begin(); it != family.series.end();) {
            const auto cell = it->second.lock();
            if (!cell) {
                it = family.series.erase(it);
                continue;
            }
            auto& metric = written.metric.emplace_back();
            for (const auto& [label, value] : it->first) metric.label.push_back({label, value});
            fill(*cell, metric);
            ++it;
        }
        if (!written.metric.empty()) out.push_back(std::move(written));
    }
};

MetricsRegistry::MetricsRegistry() : impl_(std::make_unique<Impl>()) {}
MetricsRegistry::~MetricsRegistry() = default;

Counter MetricsRegistry::counter(const std::string& name,
                                 const std::string& help,
                                 const MetricLabels& labels) {
    return Counter(impl_->series<CounterCell>(name, help, labels));
}

Gauge MetricsRegistry::gauge(const std::string& name,
                             const std::string& help,
                             const MetricLabels& labels) {
    return Gauge(impl_->series<GaugeCell>(name, help, labels));
}

Histogram MetricsRegistry::histogram(const std::string& name,
                                     const std::string& help,
                                     const std::vector<double>& bounds,
                                     const MetricLabels& labels) {
    return Histogram(impl_->series<HistogramCells>(name, help, labels, bounds));
}

std::string MetricsRegistry::text() const {
    return prometheus::TextSerializer().Serialize(impl_->collect()) + process_metrics_text();
}

}  // namespace sg::telemetry

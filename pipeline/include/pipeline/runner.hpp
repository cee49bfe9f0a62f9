#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <pipeline/graph.hpp>

namespace sg::pipeline {

struct LaneReport {
    std::string name;
    std::chrono::nanoseconds cpu{0};  ///< processor time of its thread
};

struct RunReport {
    std::vector<LaneReport> lanes;  ///< from sources to sinks
    std::vector<EdgeCounters> edges;
};

/// Runs a graph: one named thread a lane, the first error stops everything, lanes are joined from
/// source to sink. No globals: any number of runners may work in one process.
class Runner {
  public:
    /// Blocks until the graph has drained, failed or was stopped (kCancelled). The report is filled
    /// in every case.
    [[nodiscard]] static Status run(Graph graph, std::stop_token stop, RunReport* report = nullptr);
};

}  // namespace sg::pipeline

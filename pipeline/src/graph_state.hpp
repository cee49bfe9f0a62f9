#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pipeline/graph.hpp>

namespace sg::pipeline {

struct GraphNode {
    std::string name;
    std::unique_ptr<Source> source;  ///< one of the two
    std::unique_ptr<Stage> stage;
    int inputs = 0;
    int outputs = 0;
    int niceness = 0;
};

struct GraphConnection {
    int from = -1;
    int out_port = 0;
    int to = -1;
    int in_port = 0;
    std::optional<EdgeOptions> edge;  ///< none: a direct call
};

/// Nodes that call each other on one thread, in an order in which every node comes after those that
/// feed it.
struct GraphLane {
    std::string name;
    std::vector<int> nodes;
    int source = -1;  ///< the node that is read; -1: the lane reads its inbox
    int niceness = 0;
};

struct GraphBuilder::State {
    std::vector<GraphNode> nodes;
    std::vector<GraphConnection> connections;
    // Filled in by build().
    std::vector<int> lane_of;
    std::vector<GraphLane> lanes;  ///< from sources to sinks
};

}  // namespace sg::pipeline

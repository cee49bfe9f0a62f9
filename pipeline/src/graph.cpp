#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include <pipeline/graph.hpp>

#include "graph_state.hpp"

namespace sg::pipeline {
namespace {

using Nodes = std::vector<GraphNode>;
using Connections = std::vector<GraphConnection>;

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

Error refuse(const std::string& why) {
    return Error{Errc::kInvalidArgument, fmt::format("build graph: {}", why)};
}

/// Numbers 0..count-1 so that every `before` comes ahead of its `after`; nothing when they go in a
/// circle.
std::optional<std::vector<int>> sorted(std::size_t count,
                                       const std::vector<std::pair<int, int>>& before_after) {
    std::vector<int> waits(count, 0);
    for (const auto& [before, after] : before_after) ++waits[at(after)];
    std::vector<int> order;
    for (std::size_t i = 0; i < count; ++i) {
        if (waits[i] == 0) order.push_back(static_cast<int>(i));
    }
    for (std::size_t next = 0; next < order.size(); ++next) {
        for (const auto& [before, after] : before_after) {
            if (before == order[next] && --waits[at(after)] == 0) order.push_back(after);
        }
    }
    if (order.size() != count) return std::nullopt;
    return order;
}

Status check_nodes(const Nodes& nodes) {
    bool has_source = false;
    for (const auto& node : nodes) {
        if (!node.source && !node.stage) return refuse(fmt::format("'{}' is null", node.name));
        if (node.inputs < 0 || node.outputs < 0) {
            return refuse(fmt::format("'{}' has a negative number of ports", node.name));
        }
        if (node.stage && node.inputs == 0) {
            return refuse(fmt::format("stage '{}' has no input: nobody would call it", node.name));
        }
        if (node.source && node.outputs == 0) {
            return refuse(fmt::format("source '{}' has no output", node.name));
        }
        has_source = has_source || node.source;
    }
    if (!has_source) return refuse("no source");
    return {};
}

Status check_ports(const Nodes& nodes, const Connections& connections) {
    std::vector<std::vector<int>> fed;
    std::vector<std::vector<int>> feeding;
    for (const auto& node : nodes) {
        fed.emplace_back(at(node.inputs), 0);
        feeding.emplace_back(at(node.outputs), 0);
    }
    const auto known = [&](int id) { return id >= 0 && at(id) < nodes.size(); };
    for (const auto& c : connections) {
        if (!known(c.from) || !known(c.to))
            return refuse("a connection to a node that is not there");
        if (c.out_port < 0 || c.out_port >= nodes[at(c.from)].outputs) {
            return refuse(fmt::format("'{}' has no output {}", nodes[at(c.from)].name, c.out_port));
        }
        if (c.in_port < 0 || c.in_port >= nodes[at(c.to)].inputs) {
            return refuse(fmt::format("'{}' has no input {}", nodes[at(c.to)].name, c.in_port));
        }
        if (c.edge && (c.edge->max_items == 0 || c.edge->max_bytes == 0)) {
            return refuse(fmt::format("edge {} has no room", c.edge->name));
        }
        if (++fed[at(c.to)][at(c.in_port)] > 1) {
            return refuse(fmt::format(
                "input {} of '{}' is connected twice", c.in_port, nodes[at(c.to)].name));
        }
        ++feeding[at(c.from)][at(c.out_port)];
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        for (std::size_t port = 0; port < fed[i].size(); ++port) {
            if (fed[i][port] != 0) continue;
            return refuse(fmt::format("input {} of '{}' is not connected", port, nodes[i].name));
        }
        for (std::size_t port = 0; port < feeding[i].size(); ++port) {
            if (feeding[i][port] != 0) continue;
            return refuse(fmt::format("output {} of '{}' is not connected", port, nodes[i].name));
        }
    }
    return {};
}

/// A number for each node, the same for nodes joined directly.
std::vector<int> directly_joined(std::size_t count, const Connections& connections) {
    std::vector<int> parent(count);
    std::iota(parent.begin(), parent.end(), 0);
    const auto root = [&](int node) {
        while (parent[at(node)] != node) node = parent[at(node)] = parent[at(parent[at(node)])];
        return node;
    };
    for (const auto& c : connections) {
        if (!c.edge) parent[at(root(c.from))] = root(c.to);
    }
    std::vector<int> roots(count);
    for (std::size_t i = 0; i < count; ++i) roots[i] = root(static_cast<int>(i));
    return roots;
}

std::vector<std::pair<int, int>> pairs(const Connections& connections) {
    std::vector<std::pair<int, int>> list;
    list.reserve(connections.size());
    for (const auto& c : connections) list.emplace_back(c.from, c.to);
    return list;
}

}  // namespace

GraphBuilder::GraphBuilder() : state_(std::make_unique<State>()) {}
GraphBuilder::~GraphBuilder() = default;
GraphBuilder::GraphBuilder(GraphBuilder&&) noexcept = default;
GraphBuilder& GraphBuilder::operator=(GraphBuilder&&) noexcept = default;

GraphBuilder::Node GraphBuilder::add_source(std::string name,
                                            std::unique_ptr<Source> source,
                                            int outputs) {
    state_->nodes.push_back({std::move(name), std::move(source), nullptr, 0, outputs, 0});
    return {static_cast<int>(state_->nodes.size()) - 1};
}

GraphBuilder::Node GraphBuilder::add_stage(std::string name,
                                           std::unique_ptr<Stage> stage,
                                           int inputs,
                                           int outputs) {
    state_->nodes.push_back({std::move(name), nullptr, std::move(stage), inputs, outputs, 0});
    return {static_cast<int>(state_->nodes.size()) - 1};
}

void GraphBuilder::give_way(Node node, int niceness) {
    state_->nodes[at(node.id)].niceness = niceness;
}

void GraphBuilder::connect(Node from, int out_port, Node to, int in_port) {
    state_->connections.push_back({from.id, out_port, to.id, in_port, std::nullopt});
}

void GraphBuilder::connect(Node from, int out_port, Node to, int in_port, EdgeOptions edge) {
    state_->connections.push_back({from.id, out_port, to.id, in_port, std::move(edge)});
}

Result<Graph> GraphBuilder::build() && {
    auto& nodes = state_->nodes;
    auto& connections = state_->connections;
    SG_TRY(check_nodes(nodes));
    SG_TRY(check_ports(nodes, connections));
    const auto order = sorted(nodes.size(), pairs(connections));
    if (!order) return refuse("the nodes feed each other in a circle");

    // Lanes in the order in which their first nodes come, nodes within a lane likewise.
    const auto joined = directly_joined(nodes.size(), connections);
    std::vector<int> lane_of_root(nodes.size(), -1);
    std::vector<GraphLane> lanes;
    state_->lane_of.assign(nodes.size(), -1);
    for (const int node : *order) {
        auto& lane = lane_of_root[at(joined[at(node)])];
        if (lane < 0) {
            lane = static_cast<int>(lanes.size());
            lanes.push_back({nodes[at(node)].name, {}, -1, 0});
        }
        state_->lane_of[at(node)] = lane;
        auto& chosen = lanes[at(lane)];
        chosen.nodes.push_back(node);
        chosen.niceness = std::max(chosen.niceness, nodes[at(node)].niceness);
        if (!nodes[at(node)].source) continue;
        if (chosen.source >= 0) {
            return refuse(fmt::format("sources '{}' and '{}' call one stage directly",
                                      nodes[at(chosen.source)].name,
                                      nodes[at(node)].name));
        }
        chosen.source = node;
        chosen.name = nodes[at(node)].name;
    }

    std::vector<std::pair<int, int>> lane_pairs;
    for (auto& c : connections) {
        if (!c.edge) continue;
        const auto& from = nodes[at(c.from)].name;
        const auto& to = nodes[at(c.to)].name;
        if (c.edge->name.empty()) c.edge->name = fmt::format("{}>{}", from, to);
        const int sender = state_->lane_of[at(c.from)];
        const int reader = state_->lane_of[at(c.to)];
        if (sender == reader) {
            return refuse(fmt::format("edge {} stays inside the lane of '{}'", c.edge->name, from));
        }
        if (lanes[at(reader)].source >= 0) {
            return refuse(fmt::format(
                "'{}' is called directly by source '{}' and through edge {}: from two lanes",
                to,
                nodes[at(lanes[at(reader)].source)].name,
                c.edge->name));
        }
        lane_pairs.emplace_back(sender, reader);
    }
    // Two lanes that push to each other could both wait for room for ever, even when no node is in
    // a circle.
    const auto lane_order = sorted(lanes.size(), lane_pairs);
    if (!lane_order) return refuse("lanes feed each other in a circle");
    std::vector<int> place(lanes.size());
    for (std::size_t i = 0; i < lane_order->size(); ++i) {
        place[at((*lane_order)[i])] = static_cast<int>(i);
        state_->lanes.push_back(std::move(lanes[at((*lane_order)[i])]));
    }
    for (auto& lane : state_->lane_of) lane = place[at(lane)];
    return Graph(std::move(state_));
}

Graph::Graph(std::unique_ptr<GraphBuilder::State> state) : state_(std::move(state)) {}
Graph::~Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

}  // namespace sg::pipeline

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <pipeline/inbox.hpp>
#include <pipeline/stage.hpp>

namespace sg::pipeline {

class Graph;

/// Describes who feeds whom; build() checks it before anything runs.
/// Nodes joined directly form a lane and call each other on one thread; an edge with options
/// crosses into another lane.
class GraphBuilder {
  public:
    struct Node {
        int id = -1;
    };

    GraphBuilder();
    ~GraphBuilder();
    GraphBuilder(GraphBuilder&&) noexcept;
    GraphBuilder& operator=(GraphBuilder&&) noexcept;

    /// Port counts are the node's promise; every port must be connected exactly once (an output may
    /// feed several inputs).
    Node add_source(std::string name, std::unique_ptr<Source> source, int outputs);
    Node add_stage(std::string name, std::unique_ptr<Stage> stage, int inputs, int outputs);

    /// Same lane: a direct call.
    void connect(Node from, int out_port, Node to, int in_port);
    /// Into another lane, through a bounded edge.
    void connect(Node from, int out_port, Node to, int in_port, EdgeOptions edge);

    /// The thread of this node's lane runs at a lower priority than the process by so much
    /// (nice(2)), so that lanes which take longest are never kept waiting for a processor by those
    /// that have time.
    void give_way(Node node, int niceness);

    /// kInvalidArgument with the node's name: a port left open or joined twice, a cycle, an edge
    /// inside one lane, a stage called directly from two lanes, no source.
    [[nodiscard]] Result<Graph> build() &&;

  private:
    friend class Graph;
    struct State;
    std::unique_ptr<State> state_;
};

/// A checked graph, ready for one run.
class Graph {
  public:
    ~Graph();
    Graph(Graph&&) noexcept;
    Graph& operator=(Graph&&) noexcept;

  private:
    friend class GraphBuilder;
    friend class Runner;
    explicit Graph(std::unique_ptr<GraphBuilder::State> state);
    std::unique_ptr<GraphBuilder::State> state_;
};

}  // namespace sg::pipeline

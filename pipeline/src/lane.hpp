#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <pipeline/inbox.hpp>
#include <pipeline/stage.hpp>

namespace sg::pipeline {

/// One thread's share of a graph: nodes that call each other directly, behind one source or one
/// inbox. Set up by the runner's thread, then used by the lane's own, except inbox().
class Lane {
  public:
    explicit Lane(std::string name) : name_(std::move(name)) {}

    /// Returns the node's number in this lane. The stage or source outlives the lane.
    int add_node(std::string name, Stage* stage, Source* source, int inputs, int outputs);
    void feed_directly(int node, int out_port, int to, int in_port);
    void feed_edge(int node, int out_port, Inbox& inbox, int edge);
    void read_edge(int edge, int node, int in_port);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] Inbox& inbox() { return inbox_; }

    /// Until everything has ended, nobody wants more, or something failed; kCancelled when `stop`
    /// was the reason. The inbox is the caller's to close.
    [[nodiscard]] Status run(std::stop_token stop);

  private:
    struct Target {
        int node = -1;  ///< in this lane; -1: an edge
        int port = 0;
        Inbox* inbox = nullptr;
        int edge = 0;
        bool done = false;
    };
    struct Output {
        std::vector<Target> targets;
        bool ended = false;
    };
    struct Node {
        std::string name;
        Stage* stage = nullptr;
        Source* source = nullptr;
        int open_inputs = 0;
        std::vector<bool> ended_inputs;
        std::vector<Output> outputs;
        bool done = false;
    };
    struct Entrance {
        int node = -1;
        int port = 0;
        bool open = true;
    };
    class NodeEmit;

    [[nodiscard]] Result<Flow> emit(int node, int port, Item item);
    [[nodiscard]] Result<Flow> deliver(int node, int port, Item item);
    [[nodiscard]] Result<Flow> send(Target& target, Item item);
    [[nodiscard]] Status finish(Node& node, int number);
    [[nodiscard]] Status run_source(Node& node, int number);
    [[nodiscard]] Status run_inbox();
    [[nodiscard]] bool wanted(const Output& output) const;
    [[nodiscard]] bool wanted(const Node& node) const;
    /// Keeps the first failure; a stage that swallows an error does not undo it.
    Error fail(Error error);

    std::string name_;
    std::vector<Node> nodes_;
    std::vector<Entrance> entrances_;  ///< by edge number
    Inbox inbox_;
    std::stop_token stop_;
    std::optional<Error> failure_;
};

}  // namespace sg::pipeline

#include "lane.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include <fmt/format.h>

namespace sg::pipeline {
namespace {

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

/// Runs `call`, turning what a stage or a library throws into an Error of the node. Exceptions
/// never pass another stage's frame.
template <class Call>
auto guarded(const std::string& name, Call call) -> decltype(call()) {
    try {
        return call();
    } catch (const std::bad_alloc&) {
        return Error{Errc::kLimit, fmt::format("{}: out of memory (run fewer jobs at once)", name)};
    } catch (const std::exception& e) {
        return Error{Errc::kInternal, fmt::format("{}: threw: {}", name, e.what())};
    } catch (...) {
        return Error{Errc::kInternal, fmt::format("{}: threw something unknown", name)};
    }
}

Error broken(const std::string& name, const std::string& what) {
    return Error{Errc::kInternal, fmt::format("{}: broke the stage contract: {}", name, what)};
}

}  // namespace

class Lane::NodeEmit final : public Emit {
  public:
    NodeEmit(Lane& lane, int node) : lane_(lane), node_(node) {}
    [[nodiscard]] Result<Flow> emit(int port, Item item) override {
        return lane_.emit(node_, port, std::move(item));
    }

  private:
    Lane& lane_;
    int node_;
};

int Lane::add_node(std::string name, Stage* stage, Source* source, int inputs, int outputs) {
    Node node;
    node.name = std::move(name);
    node.stage = stage;
    node.source = source;
    node.open_inputs = inputs;
    node.ended_inputs.assign(at(inputs), false);
    node.outputs.resize(at(outputs));
    nodes_.push_back(std::move(node));
    return static_cast<int>(nodes_.size()) - 1;
}

void Lane::feed_directly(int node, int out_port, int to, int in_port) {
    nodes_[at(node)].outputs[at(out_port)].targets.push_back({.node = to, .port = in_port});
}

void Lane::feed_edge(int node, int out_port, Inbox& inbox, int edge) {
    nodes_[at(node)].outputs[at(out_port)].targets.push_back({.inbox = &inbox, .edge = edge});
}

void Lane::read_edge(int edge, int node, int in_port) {
    if (entrances_.size() <= at(edge)) entrances_.resize(at(edge) + 1);
    entrances_[at(edge)] = {node, in_port, true};
}

Error Lane::fail(Error error) {
    if (!failure_) failure_ = std::move(error);
    return *failure_;
}

bool Lane::wanted(const Output& output) const {
    return !output.ended &&
           std::any_of(output.targets.begin(), output.targets.end(), [&](const Target& t) {
               return t.node >= 0 ? !nodes_[at(t.node)].done : !t.done;
           });
}

bool Lane::wanted(const Node& node) const {
    return std::any_of(node.outputs.begin(), node.outputs.end(), [&](const Output& output) {
        return wanted(output);
    });
}

Result<Flow> Lane::send(Target& target, Item item) {
    if (target.node >= 0) return deliver(target.node, target.port, std::move(item));
    auto flow = target.inbox->push(target.edge, std::move(item), stop_);
    if (!flow) return fail(std::move(flow).error());
    target.done = *flow == Flow::kDone;
    return flow;
}

Result<Flow> Lane::emit(int number, int port, Item item) {
    if (failure_) return *failure_;
    auto& node = nodes_[at(number)];
    if (port < 0 || at(port) >= node.outputs.size()) {
        return fail(
            broken(node.name, fmt::format("emitted to output {}, which it does not have", port)));
    }
    auto& output = node.outputs[at(port)];
    if (output.ended) {
        return fail(broken(node.name, fmt::format("emitted after EndOfStream on output {}", port)));
    }
    if (!wanted(output)) return Flow::kDone;
    const bool ends = std::holds_alternative<EndOfStream>(item);
    for (std::size_t i = 0; i < output.targets.size(); ++i) {
        auto& target = output.targets[i];
        if (target.node < 0 && target.done) continue;
        const bool last = i + 1 == output.targets.size();
        auto flow = send(target, last ? std::move(item) : share(item));
        if (!flow) return std::move(flow).error();
    }
    output.ended = ends;
    // The end of one output is no reason to stop before the others have theirs.
    return ends || wanted(output) ? Flow::kContinue : Flow::kDone;
}

Result<Flow> Lane::deliver(int number, int port, Item item) {
    auto& node = nodes_[at(number)];
    if (node.done) return Flow::kDone;
    if (std::holds_alternative<EndOfStream>(item) && !node.ended_inputs[at(port)]) {
        node.ended_inputs[at(port)] = true;
        --node.open_inputs;
    }
    NodeEmit out(*this, number);
    auto flow = guarded(node.name, [&]() -> Result<Flow> {
        auto result = node.stage->process(port, std::move(item), out);
        if (!result) return result.error().within(node.name);
        return result;
    });
    if (failure_) return *failure_;
    if (!flow) return fail(std::move(flow).error());
    const bool unwanted = !node.outputs.empty() && !wanted(node);
    if (node.open_inputs > 0 && *flow == Flow::kContinue && !unwanted) return Flow::kContinue;
    SG_TRY(finish(node, number));
    return Flow::kDone;
}

Status Lane::finish(Node& node, int number) {
    node.done = true;
    for (std::size_t port = 0; port < node.outputs.size(); ++port) {
        if (!wanted(node.outputs[port])) continue;
        return fail(broken(node.name, fmt::format("ended without EndOfStream on output {}", port)));
    }
    for (std::size_t edge = 0; edge < entrances_.size(); ++edge) {
        auto& entrance = entrances_[edge];
        if (entrance.node != number || !entrance.open) continue;
        entrance.open = false;
        inbox_.close_edge(static_cast<int>(edge));
    }
    return {};
}

Status Lane::run_source(Node& node, int number) {
    while (wanted(node)) {
        if (stop_.stop_requested()) return Error{Errc::kCancelled, "stopped"};
        auto read = guarded(node.name, [&]() -> Result<PortItem> {
            auto result = node.source->read(stop_);
            if (!result) return result.error().within(node.name);
            return result;
        });
        if (!read) return fail(std::move(read).error());
        auto flow =
            guarded(node.name, [&] { return emit(number, read->port, std::move(read->item)); });
        if (!flow) return std::move(flow).error();
    }
    return {};
}

Status Lane::run_inbox() {
    const auto open = [](const Entrance& entrance) { return entrance.open; };
    while (std::any_of(entrances_.begin(), entrances_.end(), open)) {
        SG_TRY_ASSIGN(auto entry, inbox_.pop(stop_));
        auto& entrance = entrances_[at(entry.edge)];
        if (!entrance.open) continue;
        if (std::holds_alternative<EndOfStream>(entry.item)) entrance.open = false;
        auto flow = deliver(entrance.node, entrance.port, std::move(entry.item));
        if (!flow) return std::move(flow).error();
    }
    return {};
}

Status Lane::run(std::stop_token stop) {
    stop_ = std::move(stop);
    int source = -1;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].source != nullptr) source = static_cast<int>(i);
    }
    return guarded(name_, [&]() -> Status {
        return source >= 0 ? run_source(nodes_[at(source)], source) : run_inbox();
    });
}

}  // namespace sg::pipeline

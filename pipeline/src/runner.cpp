#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/resource.h>

#include <pipeline/runner.hpp>

#include "graph_state.hpp"
#include "lane.hpp"

namespace sg::pipeline {
namespace {

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

std::chrono::nanoseconds thread_cpu() {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

/// Linux keeps a nice value for each thread, which setpriority(2) calls a process.
void give_way(int niceness) {
    if (niceness <= 0) return;
    const auto self = static_cast<id_t>(::gettid());
    ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + niceness);
}

/// The first thing that ends a run before its time: an error, or the caller's stop.
class Outcome {
  public:
    explicit Outcome(const std::stop_token& stop)
        : on_stop_(stop, [this] { ours_.request_stop(); }) {}

    [[nodiscard]] std::stop_token token() const { return ours_.get_token(); }

    void fail(Error error) {
        {
            const std::lock_guard lock(mutex_);
            if (error_) return;
            // What fails after a stop fails because of it.
            if (ours_.stop_requested()) error = Error{Errc::kCancelled, "stopped"};
            error_ = std::move(error);
        }
        ours_.request_stop();
    }
    [[nodiscard]] Status status() const {
        const std::lock_guard lock(mutex_);
        if (error_) return *error_;
        return {};
    }

  private:
    mutable std::mutex mutex_;
    std::optional<Error> error_;
    std::stop_source ours_;
    std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace

Status Runner::run(Graph graph, std::stop_token stop, RunReport* report) {
    const auto& state = *graph.state_;
    std::vector<std::unique_ptr<Lane>> lanes;
    std::vector<int> number_in_lane(state.nodes.size(), -1);
    for (const auto& planned : state.lanes) {
        auto lane = std::make_unique<Lane>(planned.name);
        for (const int id : planned.nodes) {
            const auto& node = state.nodes[at(id)];
            number_in_lane[at(id)] = lane->add_node(
                node.name, node.stage.get(), node.source.get(), node.inputs, node.outputs);
        }
        lanes.push_back(std::move(lane));
    }
    for (const auto& c : state.connections) {
        auto& from = *lanes[at(state.lane_of[at(c.from)])];
        auto& to = *lanes[at(state.lane_of[at(c.to)])];
        const int sender = number_in_lane[at(c.from)];
        const int reader = number_in_lane[at(c.to)];
        if (c.edge) {
            const int edge = to.inbox().add_edge(*c.edge);
            from.feed_edge(sender, c.out_port, to.inbox(), edge);
            to.read_edge(edge, reader, c.in_port);
        } else {
            from.feed_directly(sender, c.out_port, reader, c.in_port);
        }
    }

    Outcome outcome(stop);
    std::vector<std::chrono::nanoseconds> cpu(lanes.size());
    std::vector<std::jthread> threads;
    threads.reserve(lanes.size());
    try {
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            threads.emplace_back(
                [&outcome, &lane = *lanes[i], &spent = cpu[i], niceness = state.lanes[i].niceness] {
                    ::pthread_setname_np(::pthread_self(), lane.name().substr(0, 15).c_str());
                    give_way(niceness);
                    auto status = lane.run(outcome.token());
                    // Before the inbox closes, so that senders see the stop and not a reader that
                    // is content.
                    if (!status) outcome.fail(std::move(status).error());
                    lane.inbox().close();
                    spent = thread_cpu();
                });
        }
    } catch (const std::system_error& e) {
        outcome.fail(Error{Errc::kLimit,
                           fmt::format("start a thread: {} (run fewer jobs at once)", e.what())});
    }
    for (auto& thread : threads) thread.join();

    if (report != nullptr) {
        *report = {};
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            report->lanes.push_back({lanes[i]->name(), cpu[i]});
            for (auto& counters : lanes[i]->inbox().counters()) {
                report->edges.push_back(std::move(counters));
            }
        }
    }
    return outcome.status();
}

}  // namespace sg::pipeline

#include <atomic>
#include <memory>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pipeline/runner.hpp>
#include <support/catch.hpp>

#include "made_up_stages.hpp"

using namespace sg;
using namespace sg::pipeline;

namespace {

enum class Ending { kDrain, kError, kStop, kDone };

/// Sources, then layers of stages that each read one or two outputs of layers before, then a sink
/// for whatever is left open.
class RandomGraph {
  public:
    RandomGraph(unsigned seed, Ending ending) : random_(seed), ending_(ending) {}

    Result<Graph> build() {
        const int sources = pick(1, 2);
        for (int i = 0; i < sources; ++i) {
            const int ports = pick(1, 3);
            const auto node = builder_.add_source(
                "source" + std::to_string(i),
                test::interleaved(ports, pick(1, 50), ending_ == Ending::kDrain ? pick(1, 5) : 0),
                ports);
            for (int port = 0; port < ports; ++port) open_.push_back({node, port, -1 - i});
        }
        const int stages = pick(1, 6);
        for (int i = 0; i < stages; ++i) add_stage(i);
        const auto sink =
            builder_.add_stage("sink", test::sink(seen), static_cast<int>(open_.size()), 0);
        for (std::size_t i = 0; i < open_.size(); ++i) {
            builder_.connect(open_[i].node, open_[i].port, sink, static_cast<int>(i), edge());
        }
        sink_inputs = static_cast<int>(open_.size());
        return std::move(builder_).build();
    }

    test::Seen seen;
    std::atomic<int> processed{0};
    int sink_inputs = 0;

  private:
    struct Open {
        GraphBuilder::Node node;
        int port = 0;
        int lane = 0;  ///< of the source that calls it directly (negative), else 0
    };

    int pick(int least, int most) {
        return std::uniform_int_distribution<int>(least, most)(random_);
    }
    EdgeOptions edge() { return {.max_items = static_cast<std::size_t>(pick(1, 8))}; }

    void add_stage(int number) {
        const int inputs = pick(1, std::min<int>(2, static_cast<int>(open_.size())));
        const int outputs = pick(1, 2);
        const int limit = ending_ == Ending::kDrain ? -1 : pick(20, 300);
        const auto ending = ending_;
        int open_inputs = inputs;
        int count = 0;
        auto function = [=, this](int, const Item& item, Emit& out) mutable -> Result<Flow> {
            ++processed;
            if (std::holds_alternative<EndOfStream>(item) && --open_inputs > 0)
                return Flow::kContinue;
            if (++count == limit && ending == Ending::kError)
                return Error{Errc::kBadData, "chance"};
            const bool last = count == limit && ending == Ending::kDone;
            bool wanted = false;
            for (int port = 0; port < outputs; ++port) {
                auto flow = out.emit(port, last ? Item(EndOfStream{}) : share(item));
                if (!flow) return flow;
                wanted = wanted || *flow == Flow::kContinue;
            }
            return last || !wanted ? Flow::kDone : Flow::kContinue;
        };
        const auto node = builder_.add_stage(
            "stage" + std::to_string(number), test::stage(std::move(function)), inputs, outputs);
        // One input may be a direct call on a source's own lane.
        const bool direct = inputs == 1 && pick(0, 1) == 0;
        int lane = 0;
        for (int port = 0; port < inputs; ++port) {
            const auto chosen =
                static_cast<std::size_t>(pick(0, static_cast<int>(open_.size()) - 1));
            const auto from = open_[chosen];
            open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(chosen));
            if (direct) {
                builder_.connect(from.node, from.port, node, port);
                lane = from.lane;
            } else {
                builder_.connect(from.node, from.port, node, port, edge());
            }
        }
        for (int port = 0; port < outputs; ++port) open_.push_back({node, port, lane});
    }

    std::mt19937 random_;
    Ending ending_;
    GraphBuilder builder_;
    std::vector<Open> open_;
};

}  // namespace

TEST_CASE("stress: random graphs drain, every input of the sink ends once", "[stress]") {
    for (unsigned seed = 0; seed < 40; ++seed) {
        INFO("seed " << seed);
        RandomGraph random(seed, Ending::kDrain);
        auto graph = random.build();
        REQUIRE(graph);
        const auto status = Runner::run(std::move(*graph), {});
        INFO((status ? "" : status.error().message));
        REQUIRE(status);
        REQUIRE(random.seen.ends == random.sink_inputs);
    }
}

TEST_CASE("stress: random graphs over endless sources end by an error", "[stress]") {
    for (unsigned seed = 100; seed < 130; ++seed) {
        INFO("seed " << seed);
        RandomGraph random(seed, Ending::kError);
        auto graph = random.build();
        REQUIRE(graph);
        const auto status = Runner::run(std::move(*graph), {});
        REQUIRE_FALSE(status);
        REQUIRE(status.error().code == Errc::kBadData);
    }
}

TEST_CASE("stress: random graphs over endless sources end by a stop request", "[stress]") {
    for (unsigned seed = 200; seed < 230; ++seed) {
        INFO("seed " << seed);
        RandomGraph random(seed, Ending::kStop);
        auto graph = random.build();
        REQUIRE(graph);
        std::stop_source stop;
        std::jthread stopper([&] {
            while (random.processed < static_cast<int>(seed % 7) * 50) std::this_thread::yield();
            stop.request_stop();
        });
        const auto status = Runner::run(std::move(*graph), stop.get_token());
        REQUIRE_FALSE(status);
        REQUIRE(status.error().code == Errc::kCancelled);
    }
}

TEST_CASE("stress: random chains over an endless source end when the consumer is done",
          "[stress]") {
    for (unsigned seed = 300; seed < 330; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random(seed);
        const auto pick = [&](int least, int most) {
            return std::uniform_int_distribution<int>(least, most)(random);
        };
        const int ports = pick(1, 3);
        const int wanted = pick(1, 200);
        std::vector<std::unique_ptr<std::atomic<int>>> taken;
        GraphBuilder b;
        const auto in = b.add_source("in", test::interleaved(ports, pick(1, 40), 0), ports);
        for (int port = 0; port < ports; ++port) {
            GraphBuilder::Node before = in;
            int before_port = port;
            for (int i = pick(0, 3); i > 0; --i) {
                const auto middle = b.add_stage("middle", test::pass(), 1, 1);
                const bool direct = pick(0, 2) == 0;
                if (direct) {
                    b.connect(before, before_port, middle, 0);
                } else {
                    b.connect(before,
                              before_port,
                              middle,
                              0,
                              EdgeOptions{.max_items = static_cast<std::size_t>(pick(1, 8))});
                }
                before = middle;
                before_port = 0;
            }
            auto& count = *taken.emplace_back(std::make_unique<std::atomic<int>>(0));
            const auto out = b.add_stage(
                "out",
                test::stage([&count, wanted](int, const Item& item, Emit&) -> Result<Flow> {
                    return carries_media(item) && ++count == wanted ? Flow::kDone : Flow::kContinue;
                }),
                1,
                0);
            b.connect(before,
                      before_port,
                      out,
                      0,
                      EdgeOptions{.max_items = static_cast<std::size_t>(pick(1, 8))});
        }
        auto graph = std::move(b).build();
        REQUIRE(graph);
        REQUIRE(Runner::run(std::move(*graph), {}));
        for (const auto& count : taken) REQUIRE(*count == wanted);
    }
}

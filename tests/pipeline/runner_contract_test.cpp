#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <pipeline/runner.hpp>
#include <support/catch.hpp>

#include "made_up_stages.hpp"

using namespace sg;
using namespace sg::pipeline;
using test::Seen;

namespace {

/// in -> the stage under test -> out, all on one lane.
Error failure_of(test::FunctionStage::Function function) {
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 5), 1);
    const auto suspect = b.add_stage("suspect", test::stage(std::move(function)), 1, 1);
    b.connect(in, 0, suspect, 0);
    b.connect(suspect, 0, b.add_stage("out", test::sink(seen), 1, 0), 0);
    auto graph = std::move(b).build();
    REQUIRE(graph);
    auto status = Runner::run(std::move(*graph), {});
    REQUIRE_FALSE(status);
    return std::move(status).error();
}

bool names_suspect(const Error& error) {
    return error.message.rfind("suspect: ", 0) == 0;
}

}  // namespace

TEST_CASE("runner: a stage that emits after EndOfStream breaks the contract", "[pipeline]") {
    const auto error = failure_of([](int, Item, Emit& out) -> Result<Flow> {
        SG_TRY(out.emit(0, EndOfStream{}));
        return out.emit(0, Cue{});
    });
    CHECK(error.code == Errc::kInternal);
    CHECK(names_suspect(error));
    CHECK(error.message.find("after EndOfStream") != std::string::npos);
}

TEST_CASE("runner: a stage that ends without EndOfStream breaks the contract", "[pipeline]") {
    const auto forgets = failure_of([](int, Item item, Emit& out) -> Result<Flow> {
        if (std::holds_alternative<EndOfStream>(item)) return Flow::kContinue;
        return out.emit(0, std::move(item));
    });
    CHECK(forgets.code == Errc::kInternal);
    CHECK(names_suspect(forgets));
    const auto leaves = failure_of([](int, Item, Emit&) -> Result<Flow> { return Flow::kDone; });
    CHECK(leaves.code == Errc::kInternal);
    CHECK(names_suspect(leaves));
}

TEST_CASE("runner: a stage that emits to an output it does not have breaks the contract",
          "[pipeline]") {
    const auto error = failure_of([](int, Item, Emit& out) { return out.emit(1, Cue{}); });
    CHECK(error.code == Errc::kInternal);
    CHECK(names_suspect(error));
}

TEST_CASE("runner: a source that goes on after EndOfStream breaks the contract", "[pipeline]") {
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("in",
                                 test::source([](std::stop_token) -> Result<PortItem> {
                                     return PortItem{0, EndOfStream{}};
                                 }),
                                 2);
    const auto out = b.add_stage("out", test::sink(seen), 2, 0);
    b.connect(in, 0, out, 0);
    b.connect(in, 1, out, 1);
    auto graph = std::move(b).build();
    REQUIRE(graph);
    const auto status = Runner::run(std::move(*graph), {});
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kInternal);
    CHECK(seen.ends == 1);
}

TEST_CASE("runner: what a stage throws becomes an error in its name", "[pipeline]") {
    const auto thrown =
        failure_of([](int, Item, Emit&) -> Result<Flow> { throw std::runtime_error("oops"); });
    CHECK(thrown.code == Errc::kInternal);
    CHECK(thrown.message == "suspect: threw: oops");
    const auto memory =
        failure_of([](int, Item, Emit&) -> Result<Flow> { throw std::bad_alloc(); });
    CHECK(memory.code == Errc::kLimit);
    CHECK(names_suspect(memory));
    const auto odd = failure_of([](int, Item, Emit&) -> Result<Flow> { throw 5; });
    CHECK(odd.code == Errc::kInternal);
    CHECK(names_suspect(odd));
}

TEST_CASE("runner: an error that a stage swallows still ends the graph, in the name of its origin",
          "[pipeline]") {
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 0), 1);
    const auto careless = b.add_stage("careless",
                                      test::stage([](int, Item item, Emit& out) -> Result<Flow> {
                                          const bool sent =
                                              out.emit(0, std::move(item)).has_value();
                                          return sent ? Flow::kContinue : Flow::kDone;
                                      }),
                                      1,
                                      1);
    const auto out = b.add_stage(
        "origin",
        test::stage([](int, Item, Emit&) -> Result<Flow> { throw std::runtime_error("oops"); }),
        1,
        0);
    b.connect(in, 0, careless, 0);
    b.connect(careless, 0, out, 0);
    auto graph = std::move(b).build();
    REQUIRE(graph);
    CHECK(Runner::run(std::move(*graph), {}).error().message == "origin: threw: oops");
}

TEST_CASE("runner: a stage may end itself early by EndOfStream and done", "[pipeline]") {
    Seen seen;
    int media = 0;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 0), 1);
    const auto trim = b.add_stage("trim",
                                  test::stage([&](int, Item item, Emit& out) -> Result<Flow> {
                                      if (carries_media(item) && ++media > 7) {
                                          SG_TRY(out.emit(0, EndOfStream{}));
                                          return Flow::kDone;
                                      }
                                      return out.emit(0, std::move(item));
                                  }),
                                  1,
                                  1);
    b.connect(in, 0, trim, 0, EdgeOptions{.max_items = 1});
    b.connect(trim, 0, b.add_stage("out", test::sink(seen), 1, 0), 0, EdgeOptions{.max_items = 1});
    auto graph = std::move(b).build();
    REQUIRE(graph);
    REQUIRE(Runner::run(std::move(*graph), {}));
    CHECK(seen.media == 7);
    CHECK(seen.ends == 1);
}

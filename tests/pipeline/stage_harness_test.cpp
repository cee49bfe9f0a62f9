#include <stdexcept>

#include <support/catch.hpp>
#include <support/stage_harness.hpp>

#include "made_up_stages.hpp"

using namespace sg;
using namespace sg::pipeline;

TEST_CASE("stage harness: collects what a stage emits, per output", "[pipeline]") {
    test::StageHarness harness(test::pass(), 1, 1);
    REQUIRE(harness.start(0, test::millisecond_video()));
    REQUIRE(harness.push(0, test::make_packet({.dts = 4})));
    REQUIRE(harness.all<media::Packet>().size() == 1);
    CHECK(harness.all<media::Packet>()[0]->dts() == 4);
    CHECK(harness.take().size() == 2);
    CHECK(harness.emitted().empty());
    REQUIRE(harness.end(0));
    CHECK(harness.ended());
}

TEST_CASE("stage harness: catches a stage that breaks its contract", "[pipeline]") {
    const auto emits_twice = [](int, Item, Emit& out) -> Result<Flow> {
        SG_TRY(out.emit(0, EndOfStream{}));
        return out.emit(0, EndOfStream{});
    };
    test::StageHarness twice(test::stage(emits_twice), 1, 1);
    CHECK_THROWS_AS(twice.push(0, Cue{}).has_value(), std::logic_error);

    const auto forgets = [](int, Item, Emit&) -> Result<Flow> { return Flow::kContinue; };
    test::StageHarness forgetful(test::stage(forgets), 1, 1);
    CHECK_THROWS_AS(forgetful.end(0).has_value(), std::logic_error);
}

TEST_CASE("stage harness: a refused output answers done", "[pipeline]") {
    test::StageHarness harness(test::pass(), 1, 1);
    harness.refuse(0);
    CHECK(*harness.push(0, Cue{}) == Flow::kDone);
    CHECK(harness.emitted().empty());
}

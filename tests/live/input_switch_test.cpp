#include <live/input_switch.hpp>

#include <support/catch.hpp>

#include "../ingest/live_publisher.hpp"

using namespace sg;
using sg::tests::kMs;
using sg::tests::kSecond;
using sg::tests::Recorder;

namespace {

constexpr std::int64_t kFrame = 40 * kMs;

/// Two publishers at 25 pictures a second with a key frame each second, in front of a switch.
struct Rig {
    Recorder out;
    ingest::TimelineRepair repair{out};
    live::InputSwitch inputs{{}, repair};
    std::int64_t now = 100 * kSecond;

    int open(int priority) {
        const int input = inputs.open(priority, {1000, 32}, now);
        inputs.track(input, tests::video_track(0), now);
        return input;
    }
    /// Picture `n` of an input, whose content names the input.
    void picture(int input, int n) {
        ingest::LiveUnit unit;
        unit.pts = unit.dts = n * 40;
        unit.key = n % 25 == 0;
        unit.data = {std::byte('a' + input)};
        out.now = now;
        inputs.unit(input, std::move(unit), now);
    }
    [[nodiscard]] bool ascends() const {
        const auto units = out.units(0);
        return std::is_sorted(
            units.begin(), units.end(), [](const auto& a, const auto& b) { return a.dts < b.dts; });
    }
    [[nodiscard]] std::string delivered() const {
        std::string text;
        for (const auto& unit : out.units(0)) text += unit.what;
        return text;
    }
};

}  // namespace

TEST_CASE("a backup is not on air while the primary delivers") {
    Rig rig;
    const int primary = rig.open(0);
    const int backup = rig.open(1);
    for (int n = 0; n < 50; ++n, rig.now += kFrame) {
        rig.picture(primary, n);
        rig.picture(backup, n);
    }
    CHECK(rig.inputs.on_air() == primary);
    CHECK(rig.delivered() == std::string(50, 'a'));
}

TEST_CASE("a silent primary is left for the backup within its silence, from a key frame on") {
    Rig rig;
    const int primary = rig.open(0);
    const int backup = rig.open(1);
    for (int n = 0; n < 110; ++n, rig.now += kFrame) {
        if (n < 55) rig.picture(primary, n);
        rig.picture(backup, n);
    }
    CHECK(rig.inputs.on_air() == backup);
    const auto units = rig.out.units(0);
    const auto first =
        std::find_if(units.begin(), units.end(), [](const auto& unit) { return unit.what == "b"; });
    REQUIRE(first != units.end());
    CHECK(first->key);
    CHECK(first - units.begin() == 55);
    CHECK(first->arrival - units[54].arrival <= kSecond + kFrame);
    CHECK(rig.ascends());
}

TEST_CASE("when the primary leaves, the backup goes on at once with what it kept ready") {
    Rig rig;
    const int primary = rig.open(0);
    const int backup = rig.open(1);
    for (int n = 0; n < 60; ++n, rig.now += kFrame) {
        rig.picture(primary, n);
        rig.picture(backup, n);
    }
    rig.inputs.close(primary, rig.now);
    CHECK(rig.inputs.on_air() == backup);
    // Its last key frame was picture 50.
    CHECK(rig.delivered() == std::string(60, 'a') + std::string(10, 'b'));
}

TEST_CASE("a backup that was just left goes on at once when the primary does not last") {
    Rig rig;
    int primary = rig.open(0);
    const int backup = rig.open(1);
    rig.picture(primary, 0);
    rig.picture(backup, 0);
    rig.inputs.close(primary, rig.now);
    primary = rig.open(0);
    int n = 10;  // key frames of the two lie apart
    for (; rig.inputs.on_air() == backup && n < 1000; ++n, rig.now += kFrame) {
        rig.picture(backup, n);
        rig.picture(primary, n - 10);
    }
    REQUIRE(rig.inputs.on_air() == primary);
    for (int more = 0; more < 3; ++more, ++n, rig.now += kFrame) {
        rig.picture(backup, n);
        rig.picture(primary, n - 10);
    }
    REQUIRE(n % 25 != 0);
    rig.inputs.close(primary, rig.now);
    CHECK(rig.inputs.on_air() == backup);
    CHECK(rig.ascends());
}

TEST_CASE("the primary goes on air again when it has been steady, at a key frame") {
    Rig rig;
    int primary = rig.open(0);
    const int backup = rig.open(1);
    rig.picture(primary, 0);
    rig.picture(backup, 0);
    rig.inputs.close(primary, rig.now);
    primary = rig.open(0);
    const auto back = rig.now;
    int n = 1;
    for (; rig.inputs.on_air() == backup && n < 1000; ++n, rig.now += kFrame) {
        rig.picture(backup, n);
        rig.picture(primary, n);
    }
    CHECK(rig.inputs.on_air() == primary);
    CHECK(rig.now - back >= 10 * kSecond);
    CHECK(rig.now - back <= 12 * kSecond);
    const auto units = rig.out.units(0);
    CHECK(units.back().key);
    CHECK(rig.inputs.switches() == 2);
}

TEST_CASE("an input off air keeps no more than its bound") {
    Recorder out;
    ingest::TimelineRepair repair(out);
    live::SwitchPolicy policy;
    policy.standby_bytes = 1000;
    live::InputSwitch inputs(policy, repair);
    const int primary = inputs.open(0, {1000, 32}, 0);
    const int backup = inputs.open(1, {1000, 32}, 0);
    inputs.track(primary, tests::video_track(0), 0);
    inputs.track(backup, tests::video_track(0), 0);
    ingest::LiveUnit unit;
    unit.key = true;
    unit.data.resize(600);
    inputs.unit(backup, unit, 1);
    unit.key = false;
    unit.dts = unit.pts = 40;
    inputs.unit(backup, unit, 2);
    inputs.close(primary, 3);
    CHECK_FALSE(inputs.on_air());
}

TEST_CASE("nothing of an input that has left is delivered") {
    Rig rig;
    const int input = rig.open(0);
    rig.picture(input, 0);
    rig.inputs.close(input, rig.now);
    rig.picture(input, 25);
    CHECK(rig.delivered() == "a");
    CHECK_FALSE(rig.inputs.on_air());
}

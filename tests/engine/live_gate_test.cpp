#include "live_gate.hpp"

#include <memory>
#include <vector>

#include <support/catch.hpp>
#include <support/media_items.hpp>
#include <support/stage_harness.hpp>

using namespace sg;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kFrame = 40 * kMs;

std::vector<std::byte> bytes(std::initializer_list<int> values) {
    std::vector<std::byte> out;
    for (const int v : values) out.push_back(static_cast<std::byte>(v));
    return out;
}

}  // namespace

TEST_CASE("picture gate: nothing is left out for an encoder that keeps up", "[engine]") {
    engine::PictureGate gate(kFrame);
    for (std::int64_t n = 0; n < 500; ++n) {
        CHECK(gate.take(n, n % 50 == 0));
        // A burst now and then, well below the bound.
        if (n % 10 == 9) gate.backlog().taken(n);
    }
}

TEST_CASE("picture gate: an encoder at half the speed gets every GOP's start and is little behind",
          "[engine]") {
    engine::PictureGate gate(kFrame);
    std::vector<std::int64_t> waiting;
    std::int64_t taken = 0;
    std::int64_t longest = 0;
    for (std::int64_t n = 0; n < 2000; ++n) {
        const bool marked = n % 50 == 0;
        const bool goes = gate.take(n, marked);
        if (goes) waiting.push_back(n);
        if (marked) CHECK(goes);
        if (n % 2 == 0 && !waiting.empty()) {
            gate.backlog().taken(waiting.front());
            waiting.erase(waiting.begin());
            ++taken;
        }
        if (n > 500 && !waiting.empty()) longest = std::max(longest, n - waiting.front());
    }
    CHECK(taken > 980);
    // 200 ms and what stands in between.
    CHECK(longest * kFrame <= 250 * kMs);
}

TEST_CASE("picture gate: what comes while an encoder starts waits for it", "[engine]") {
    engine::PictureGate gate(kFrame);
    for (std::int64_t n = 0; n < 50; ++n) CHECK(gate.take(n, n == 0));
    CHECK_FALSE(gate.stale(0));
}

TEST_CASE(
    "picture gate: what waited for an encoder that turns out too slow is dropped, but a GOP's "
    "start",
    "[engine]") {
    engine::PictureGate gate(kFrame);
    test::StageHarness harness(std::make_unique<engine::PictureIntakeStage>(gate), 1, 1);
    REQUIRE(harness.start(0, test::shared(test::video_info(16, 16, {1, 25}, {25, 1}))));
    std::int64_t sent = 0;
    for (; sent < 60; ++sent) static_cast<void>(gate.take(sent, sent == 0 || sent == 50));
    std::vector<std::int64_t> encoded;
    for (std::int64_t n = 0; n < 50; ++n) {
        if (n == 0) REQUIRE(harness.push(0, pipeline::Cue{}));
        REQUIRE(harness.push(0, test::make_video_frame(16, 16, n)));
    }
    for (const auto* frame : harness.all<media::Frame>()) encoded.push_back(frame->pts());
    REQUIRE(encoded.size() < 25);
    CHECK(encoded.front() == 0);
    // No hole is longer than a low-latency part may be.
    for (std::size_t i = 1; i < encoded.size(); ++i)
        CHECK((encoded[i] - encoded[i - 1]) * kFrame <= 340 * kMs);
}

TEST_CASE("picture gate: an encoder that falls behind at once leaves no long hole", "[engine]") {
    engine::PictureGate gate(kFrame);
    std::int64_t last = 0;
    for (std::int64_t n = 0; n < 300; ++n) {
        // It keeps up for two seconds, and then is half a second behind for good.
        gate.backlog().taken(n < 100 ? n : std::max<std::int64_t>(100, n - 13));
        if (!gate.take(n, n % 50 == 0)) continue;
        CHECK((n - last) * kFrame <= 340 * kMs);
        last = n;
    }
    CHECK(last > 290);
}

TEST_CASE("picture gate: an encoder that does not get on gets nothing but GOP starts", "[engine]") {
    engine::PictureGate gate(kFrame);
    for (std::int64_t n = 0; n < 100; ++n) {
        gate.backlog().taken(n);
        CHECK(gate.take(n, n % 50 == 0));
    }
    int sent = 0;
    for (std::int64_t n = 140; n < 340; ++n) sent += gate.take(n, n % 50 == 0) ? 1 : 0;
    CHECK(sent <= 10);
}

TEST_CASE("packet gate: disposable pictures go first, then all up to a key frame", "[engine]") {
    engine::PacketGate gate;
    std::int64_t n = 0;
    for (; n < 150; ++n) {
        REQUIRE(gate.take(n * kFrame, n % 50 == 0, true));
        gate.backlog().taken(n * kFrame);
    }
    // From here on nothing is taken: 300 ms later pictures that nobody needs go.
    for (; n < 157; ++n) static_cast<void>(gate.take(n * kFrame, false, false));
    CHECK_FALSE(gate.take(n * kFrame, false, true));
    CHECK(gate.take(n * kFrame, false, false));
    for (; n < 175; ++n) static_cast<void>(gate.take(n * kFrame, false, false));
    CHECK_FALSE(gate.take(n * kFrame, false, false));
    gate.backlog().taken(n * kFrame);
    // It would be decoded against what is missing.
    CHECK_FALSE(gate.take((n + 1) * kFrame, false, false));
    CHECK(gate.take((n + 2) * kFrame, true, false));
    CHECK(gate.take((n + 3) * kFrame, false, false));
}

TEST_CASE("disposable pictures are those that no other refers to", "[engine]") {
    engine::LiveSourceTrack h264;
    h264.codec = formats::Codec::kH264;
    // An avcC with lengths of four bytes; slices with nal_ref_idc 0 and 2, a SEI in front.
    h264.extradata =
        bytes({1, 100, 0, 31, 0xff, 0xe1, 0, 4, 0x67, 1, 2, 3, 1, 0, 4, 0x68, 1, 2, 3, 0, 0, 0});
    CHECK(engine::is_disposable(h264, bytes({0, 0, 0, 2, 6, 5, 0, 0, 0, 3, 0x01, 9, 9})));
    CHECK_FALSE(engine::is_disposable(h264, bytes({0, 0, 0, 3, 0x41, 9, 9})));
    CHECK_FALSE(engine::is_disposable(h264, bytes({0, 0, 9, 3, 0x01, 9, 9})));
    h264.extradata = bytes({0, 0, 0, 1, 0x67, 1, 2, 3});
    CHECK(engine::is_disposable(h264, bytes({0, 0, 0, 1, 9, 0x10, 0, 0, 1, 0x01, 9, 9})));
    CHECK_FALSE(engine::is_disposable(h264, bytes({0, 0, 1, 0x01, 9, 9, 0, 0, 1, 0x21, 9})));
    engine::LiveSourceTrack hevc;
    hevc.codec = formats::Codec::kHevc;
    // TRAIL_N and TRAIL_R.
    CHECK(engine::is_disposable(hevc, bytes({0, 0, 0, 1, 0x00, 1, 9})));
    CHECK_FALSE(engine::is_disposable(hevc, bytes({0, 0, 0, 1, 0x02, 1, 9})));
    engine::LiveSourceTrack vp9;
    vp9.codec = formats::Codec::kVp9;
    CHECK_FALSE(engine::is_disposable(vp9, bytes({0, 0, 0, 1, 0x01, 9})));
}

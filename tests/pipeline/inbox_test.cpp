#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <pipeline/inbox.hpp>
#include <support/catch.hpp>
#include <support/media_items.hpp>

#include "made_up_stages.hpp"

using namespace sg;
using namespace sg::pipeline;

namespace {

Item packet(std::int64_t dts, bool key = true, int bytes = 16) {
    return test::make_packet({.pts = dts, .dts = dts, .key = key, .bytes = bytes});
}

bool passes(Inbox& inbox, int edge, Item item) {
    const auto flow = inbox.push(edge, std::move(item), {});
    return flow && *flow == Flow::kContinue;
}

/// On a kFail edge a full edge is an error at once, which shows the bounds without a second thread.
bool is_full(Inbox& inbox, int edge, Item item) {
    const auto flow = inbox.push(edge, std::move(item), {});
    return !flow && flow.error().code == Errc::kLimit;
}

EdgeOptions failing(std::size_t items) {
    return {.name = "demux>mux", .max_items = items, .policy = OverflowPolicy::kFail};
}

}  // namespace

TEST_CASE("inbox: hands out items of all edges in order of arrival", "[pipeline]") {
    Inbox inbox;
    const int video = inbox.add_edge({.name = "v"});
    const int audio = inbox.add_edge({.name = "a"});
    REQUIRE(passes(inbox, video, packet(1)));
    REQUIRE(passes(inbox, audio, packet(2)));
    REQUIRE(passes(inbox, video, EndOfStream{}));
    auto first = inbox.pop({});
    CHECK(first->edge == video);
    CHECK(item_time(first->item) == 1);
    auto second = inbox.pop({});
    CHECK(second->edge == audio);
    auto third = inbox.pop({});
    CHECK(std::holds_alternative<EndOfStream>(third->item));
}

TEST_CASE("inbox: each edge is bounded by itself, in items", "[pipeline]") {
    Inbox inbox;
    const int video = inbox.add_edge(failing(2));
    const int audio = inbox.add_edge(failing(1));
    REQUIRE(passes(inbox, video, packet(1)));
    REQUIRE(passes(inbox, video, packet(2)));
    CHECK(is_full(inbox, video, packet(3)));
    REQUIRE(passes(inbox, audio, packet(1)));
    CHECK(is_full(inbox, audio, packet(2)));
    REQUIRE(inbox.pop({}));
    CHECK(passes(inbox, video, packet(3)));
}

TEST_CASE("inbox: a full edge that fails names itself", "[pipeline]") {
    Inbox inbox;
    const int edge = inbox.add_edge(failing(1));
    REQUIRE(passes(inbox, edge, packet(1)));
    const auto flow = inbox.push(edge, packet(2), {});
    REQUIRE_FALSE(flow);
    CHECK(flow.error().code == Errc::kLimit);
    CHECK(flow.error().message.find("demux>mux") != std::string::npos);
}

TEST_CASE("inbox: bytes are bounded, but an item that is too large passes alone", "[pipeline]") {
    Inbox inbox;
    auto options = failing(100);
    options.max_bytes = 1000;
    const int edge = inbox.add_edge(options);
    REQUIRE(passes(inbox, edge, packet(1, true, 5000)));
    CHECK(is_full(inbox, edge, packet(2, true, 1)));
    REQUIRE(inbox.pop({}));
    REQUIRE(passes(inbox, edge, packet(1, true, 600)));
    CHECK(is_full(inbox, edge, packet(2, true, 401)));
    CHECK(passes(inbox, edge, packet(2, true, 400)));
    CHECK(inbox.counters()[0].most_bytes == 5000);
}

TEST_CASE("inbox: media time is bounded in the unit that StreamStart tells", "[pipeline]") {
    Inbox inbox;
    auto options = failing(100);
    options.max_duration = std::chrono::milliseconds(500);
    const int edge = inbox.add_edge(options);
    // Before StreamStart there is no unit, so no bound.
    REQUIRE(passes(inbox, edge, StreamStart{test::millisecond_video()}));
    REQUIRE(passes(inbox, edge, packet(1000)));
    REQUIRE(passes(inbox, edge, packet(1499)));
    CHECK(is_full(inbox, edge, packet(1500)));
    REQUIRE(inbox.pop({}));
    REQUIRE(inbox.pop({}));
    CHECK(passes(inbox, edge, packet(1998)));
    CHECK(is_full(inbox, edge, packet(1999)));
    // A jump back does not count as a long stretch.
    CHECK(passes(inbox, edge, packet(10)));
}

TEST_CASE("inbox: what steers enters a full edge and is never dropped", "[pipeline]") {
    for (const auto policy :
         {OverflowPolicy::kBlock, OverflowPolicy::kDropToKeyFrame, OverflowPolicy::kFail}) {
        Inbox inbox;
        const int edge = inbox.add_edge({.name = "e", .max_items = 1, .policy = policy});
        REQUIRE(passes(inbox, edge, packet(1)));
        CHECK(passes(inbox, edge, StreamStart{test::millisecond_video()}));
        CHECK(passes(inbox, edge, Cue{}));
        CHECK(passes(inbox, edge, Discontinuity{}));
        CHECK(passes(inbox, edge, EndOfStream{}));
        for (int i = 0; i < 5; ++i) CHECK(inbox.pop({}));
    }
}

TEST_CASE("inbox: a flood of steering items meets a bound too", "[pipeline]") {
    Inbox inbox;
    const int edge =
        inbox.add_edge({.name = "e", .max_items = 2, .policy = OverflowPolicy::kDropToKeyFrame});
    for (int i = 0; i < 8; ++i) REQUIRE(passes(inbox, edge, Cue{}));
    CHECK(is_full(inbox, edge, Cue{}));
}

TEST_CASE("inbox: a live edge drops from where it is full to the next key packet", "[pipeline]") {
    Inbox inbox;
    const int edge =
        inbox.add_edge({.name = "e", .max_items = 2, .policy = OverflowPolicy::kDropToKeyFrame});
    REQUIRE(passes(inbox, edge, packet(1, true)));
    REQUIRE(passes(inbox, edge, packet(2, false)));
    REQUIRE(passes(inbox, edge, packet(3, false)));  // dropped: full
    REQUIRE(passes(inbox, edge, packet(4, true)));   // dropped: full
    REQUIRE(inbox.pop({}));
    REQUIRE(passes(inbox, edge, packet(5, false)));  // dropped: depends on what was dropped
    REQUIRE(passes(inbox, edge, packet(6, true)));
    CHECK(inbox.counters()[0].dropped == 3);
    CHECK(inbox.counters()[0].items == 3);
    CHECK(item_time(inbox.pop({})->item) == 2);
    CHECK(item_time(inbox.pop({})->item) == 6);
}

TEST_CASE("inbox: after a drop any frame will do", "[pipeline]") {
    Inbox inbox;
    const int edge =
        inbox.add_edge({.name = "e", .max_items = 1, .policy = OverflowPolicy::kDropToKeyFrame});
    REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, 1)));
    REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, 2)));
    REQUIRE(inbox.pop({}));
    REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, 3)));
    CHECK(item_time(inbox.pop({})->item) == 3);
}

TEST_CASE("inbox: of frames a live edge drops the oldest, but none that a cue marks",
          "[pipeline]") {
    Inbox inbox;
    const int edge =
        inbox.add_edge({.name = "e", .max_items = 3, .policy = OverflowPolicy::kDropToKeyFrame});
    REQUIRE(passes(inbox, edge, Cue{}));
    for (int i = 1; i <= 3; ++i) REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, i)));
    REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, 4)));
    REQUIRE(passes(inbox, edge, Cue{}));
    REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, 5)));
    REQUIRE(passes(inbox, edge, test::make_video_frame(16, 16, 6)));
    CHECK(inbox.counters()[0].dropped == 3);
    CHECK(std::holds_alternative<Cue>(inbox.pop({})->item));
    CHECK(item_time(inbox.pop({})->item) == 1);
    CHECK(std::holds_alternative<Cue>(inbox.pop({})->item));
    CHECK(item_time(inbox.pop({})->item) == 5);
    CHECK(item_time(inbox.pop({})->item) == 6);
}

TEST_CASE("inbox: a blocked writer goes on when there is room", "[pipeline]") {
    Inbox inbox;
    const int edge = inbox.add_edge({.name = "e", .max_items = 1});
    REQUIRE(passes(inbox, edge, packet(0)));
    std::jthread writer([&] {
        for (int i = 1; i <= 100; ++i) {
            if (!passes(inbox, edge, packet(i))) return;
        }
    });
    for (int i = 0; i <= 100; ++i) {
        auto entry = inbox.pop({});
        REQUIRE(entry);
        REQUIRE(item_time(entry->item) == i);
    }
    CHECK(inbox.counters()[0].most_items == 1);
}

TEST_CASE("inbox: a stop request frees a blocked writer and a blocked reader", "[pipeline]") {
    Inbox inbox;
    const int edge = inbox.add_edge({.name = "e", .max_items = 1});
    std::optional<Errc> reader_result;
    std::optional<Errc> writer_result;
    {
        std::stop_source stop;
        std::jthread reader([&] {
            auto entry = inbox.pop(stop.get_token());
            if (!entry) reader_result = entry.error().code;
        });
        stop.request_stop();
    }
    REQUIRE(passes(inbox, edge, packet(0)));
    {
        std::stop_source stop;
        std::jthread writer([&] {
            auto flow = inbox.push(edge, packet(1), stop.get_token());
            if (!flow) writer_result = flow.error().code;
        });
        stop.request_stop();
    }
    CHECK(reader_result == Errc::kCancelled);
    CHECK(writer_result == Errc::kCancelled);
}

TEST_CASE("inbox: closing tells blocked and later writers that nobody reads", "[pipeline]") {
    Inbox inbox;
    const int edge = inbox.add_edge({.name = "e", .max_items = 1});
    REQUIRE(passes(inbox, edge, packet(0)));
    std::optional<Flow> flow;
    {
        std::jthread writer([&] {
            auto result = inbox.push(edge, packet(1), {});
            if (result) flow = *result;
        });
        inbox.close();
    }
    CHECK(flow == Flow::kDone);
    CHECK(*inbox.push(edge, EndOfStream{}, {}) == Flow::kDone);
    CHECK(inbox.pop({}).error().code == Errc::kCancelled);
}

TEST_CASE("inbox: closing one edge drops its items and leaves the others", "[pipeline]") {
    Inbox inbox;
    const int video = inbox.add_edge({.name = "v"});
    const int audio = inbox.add_edge({.name = "a"});
    REQUIRE(passes(inbox, video, packet(1)));
    REQUIRE(passes(inbox, audio, packet(2)));
    REQUIRE(passes(inbox, video, packet(3)));
    REQUIRE(passes(inbox, audio, packet(4)));
    inbox.close_edge(video);
    CHECK(*inbox.push(video, packet(5), {}) == Flow::kDone);
    CHECK(item_time(inbox.pop({})->item) == 2);
    CHECK(item_time(inbox.pop({})->item) == 4);
}

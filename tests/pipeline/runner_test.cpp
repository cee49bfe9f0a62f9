#include <atomic>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>

#include <pipeline/runner.hpp>
#include <support/catch.hpp>

#include "made_up_stages.hpp"

using namespace sg;
using namespace sg::pipeline;
using test::Seen;

namespace {

EdgeOptions thin(std::size_t items = 1) {
    return {.max_items = items};
}

Status run(GraphBuilder builder, std::stop_token stop = {}, RunReport* report = nullptr) {
    auto graph = std::move(builder).build();
    if (!graph) return graph.error();
    return Runner::run(std::move(*graph), std::move(stop), report);
}

}  // namespace

TEST_CASE("runner: a chain on one lane carries every item to the end", "[pipeline]") {
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 50), 1);
    const auto middle = b.add_stage("middle", test::pass(), 1, 1);
    const auto out = b.add_stage("out", test::sink(seen), 1, 0);
    b.connect(in, 0, middle, 0);
    b.connect(middle, 0, out, 0);
    RunReport report;
    REQUIRE(run(std::move(b), {}, &report));
    CHECK(seen.media == 50);
    CHECK(seen.starts == 1);
    CHECK(seen.ends == 1);
    REQUIRE(report.lanes.size() == 1);
    CHECK(report.lanes[0].name == "in");
}

TEST_CASE("runner: lanes keep the order of items and report from sources to sinks", "[pipeline]") {
    std::vector<std::int64_t> times;
    GraphBuilder b;
    const auto out = b.add_stage("out",
                                 test::stage([&](int, const Item& item, Emit&) -> Result<Flow> {
                                     if (carries_media(item)) times.push_back(item_time(item));
                                     return Flow::kContinue;
                                 }),
                                 1,
                                 0);
    const auto middle = b.add_stage("middle", test::pass(), 1, 1);
    const auto in = b.add_source("in", test::interleaved(1, 1, 200), 1);
    b.connect(in, 0, middle, 0, thin(3));
    b.connect(middle, 0, out, 0, EdgeOptions{.name = "to the end"});
    RunReport report;
    REQUIRE(run(std::move(b), {}, &report));
    REQUIRE(times.size() == 200);
    for (std::size_t i = 0; i < times.size(); ++i)
        REQUIRE(times[i] == static_cast<std::int64_t>(i));
    REQUIRE(report.lanes.size() == 3);
    CHECK(report.lanes[0].name == "in");
    CHECK(report.lanes[2].name == "out");
    CHECK(report.lanes[0].cpu.count() > 0);
    REQUIRE(report.edges.size() == 2);
    CHECK(report.edges[0].name == "in>middle");
    CHECK(report.edges[0].items == 202);
    CHECK(report.edges[0].most_items <= 3);
    CHECK(report.edges[1].name == "to the end");
}

TEST_CASE("runner: an output that feeds several inputs shares the payload", "[pipeline]") {
    std::vector<const std::byte*> payloads;
    const auto note = [&](int, const Item& item, Emit&) -> Result<Flow> {
        if (const auto* packet = std::get_if<media::Packet>(&item))
            payloads.push_back(packet->data().data());
        return Flow::kContinue;
    };
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 1), 1);
    const auto left = b.add_stage("left", test::stage(note), 1, 0);
    const auto right = b.add_stage("right", test::stage(note), 1, 0);
    b.connect(in, 0, left, 0);
    b.connect(in, 0, right, 0);
    REQUIRE(run(std::move(b)));
    REQUIRE(payloads.size() == 2);
    CHECK(payloads[0] == payloads[1]);
}

TEST_CASE("runner: a coarsely interleaved source into one inbox finishes at capacity 1",
          "[pipeline]") {
    // The muxer waits for the lowest time of both tracks; 500 packets of one come in a row.
    struct Track {
        std::vector<std::int64_t> times;
        bool ended = false;
    };
    std::vector<Track> tracks(2);
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(2, 500, 4), 2);
    const auto video = b.add_stage("video", test::pass(), 1, 1);
    const auto audio = b.add_stage("audio", test::pass(), 1, 1);
    const auto mux = b.add_stage("mux", test::sink(seen), 2, 0);
    b.connect(in, 0, video, 0, thin());
    b.connect(in, 1, audio, 0, thin());
    b.connect(video, 0, mux, 0, thin());
    b.connect(audio, 0, mux, 1, thin());
    REQUIRE(run(std::move(b)));
    CHECK(seen.media == 4000);
    CHECK(seen.ends == 2);
}

TEST_CASE("runner: an error in mid-stream stops a source blocked on a full edge", "[pipeline]") {
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 0), 1);
    const auto decode = b.add_stage("decode", test::pass(), 1, 1);
    int media = 0;
    const auto encode = b.add_stage("encode",
                                    test::stage([&](int, const Item& item, Emit&) -> Result<Flow> {
                                        if (carries_media(item) && ++media == 10) {
                                            return Error{Errc::kBadData, "no such luck"};
                                        }
                                        return Flow::kContinue;
                                    }),
                                    1,
                                    0);
    b.connect(in, 0, decode, 0, thin());
    b.connect(decode, 0, encode, 0, thin());
    RunReport report;
    const auto status = run(std::move(b), {}, &report);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kBadData);
    CHECK(status.error().message == "encode: no such luck");
    CHECK(media == 10);
    CHECK(report.lanes.size() == 3);
}

TEST_CASE("runner: an error of a source ends the graph in its name", "[pipeline]") {
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("film.mov",
                                 test::source([](std::stop_token) -> Result<PortItem> {
                                     return Error{Errc::kIo, "gone"};
                                 }),
                                 1);
    b.connect(in, 0, b.add_stage("out", test::sink(seen), 1, 0), 0, thin());
    const auto status = run(std::move(b));
    CHECK(status.error().message == "film.mov: gone");
    CHECK(seen.ends == 0);
}

TEST_CASE("runner: a stop request ends lanes blocked on push and on pop", "[pipeline]") {
    std::stop_source stop;
    test::Signal started;
    test::Signal finish;
    Seen seen;
    GraphBuilder b;
    // Fills its edge, whose reader waits for the signal: blocked on push.
    const auto eager = b.add_source("eager", test::interleaved(1, 1, 0), 1);
    const auto slow = b.add_stage("slow",
                                  test::stage([&](int, Item, Emit&) -> Result<Flow> {
                                      started.raise();
                                      finish.wait();
                                      return Flow::kContinue;
                                  }),
                                  1,
                                  0);
    // Gives nothing, so its reader is blocked on pop.
    const auto silent =
        b.add_source("silent",
                     test::source([](std::stop_token token) -> Result<PortItem> {
                         test::Signal stopped;
                         const std::stop_callback on_stop(token, [&] { stopped.raise(); });
                         stopped.wait();
                         return Error{Errc::kCancelled, "stopped"};
                     }),
                     1);
    const auto idle = b.add_stage("idle", test::sink(seen), 1, 0);
    b.connect(eager, 0, slow, 0, thin());
    b.connect(silent, 0, idle, 0, thin());
    std::jthread stopper([&] {
        started.wait();
        stop.request_stop();
        finish.raise();
    });
    const auto status = run(std::move(b), stop.get_token());
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::kCancelled);
    CHECK(seen.media == 0);
}

TEST_CASE("runner: a stop request before the start runs nothing", "[pipeline]") {
    std::stop_source stop;
    stop.request_stop();
    std::atomic<int> reads{0};
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 0, &reads), 1);
    b.connect(in, 0, b.add_stage("out", test::sink(seen), 1, 0), 0, thin());
    CHECK(run(std::move(b), stop.get_token()).error().code == Errc::kCancelled);
    CHECK(reads == 0);
}

TEST_CASE("runner: the first error wins over those that follow from it", "[pipeline]") {
    for (int round = 0; round < 20; ++round) {
        GraphBuilder b;
        const auto in = b.add_source("in",
                                     test::source([](std::stop_token token) -> Result<PortItem> {
                                         if (token.stop_requested())
                                             return Error{Errc::kIo, "interrupted"};
                                         return PortItem{0, test::make_packet({.dts = 1})};
                                     }),
                                     1);
        const auto out = b.add_stage("out",
                                     test::stage([](int, Item, Emit&) -> Result<Flow> {
                                         return Error{Errc::kNoSpace, "full"};
                                     }),
                                     1,
                                     0);
        b.connect(in, 0, out, 0, thin());
        REQUIRE(run(std::move(b)).error().code == Errc::kNoSpace);
    }
}

TEST_CASE("runner: a consumer that is done stops an endless source", "[pipeline]") {
    const auto take = [](int count, std::atomic<int>& taken) {
        return test::stage([count, &taken](int, const Item& item, Emit&) -> Result<Flow> {
            if (!carries_media(item)) return Flow::kContinue;
            return ++taken == count ? Flow::kDone : Flow::kContinue;
        });
    };
    std::atomic<int> taken{0};
    SECTION("on its own lane") {
        GraphBuilder b;
        const auto in = b.add_source("in", test::interleaved(1, 1, 0), 1);
        b.connect(in, 0, b.add_stage("out", take(10, taken), 1, 0), 0);
        REQUIRE(run(std::move(b)));
        CHECK(taken == 10);
    }
    SECTION("through lanes and a stage that does not look at the answer") {
        GraphBuilder b;
        const auto in = b.add_source("in", test::interleaved(1, 1, 0), 1);
        const auto deaf = b.add_stage("deaf",
                                      test::stage([](int, Item item, Emit& out) -> Result<Flow> {
                                          SG_TRY(out.emit(0, std::move(item)));
                                          return Flow::kContinue;
                                      }),
                                      1,
                                      1);
        b.connect(in, 0, deaf, 0, thin());
        b.connect(deaf, 0, b.add_stage("out", take(10, taken), 1, 0), 0, thin());
        REQUIRE(run(std::move(b)));
        CHECK(taken == 10);
    }
    SECTION("when the last of two consumers is done") {
        std::atomic<int> other{0};
        GraphBuilder b;
        const auto in = b.add_source("in", test::interleaved(1, 1, 0), 1);
        b.connect(in, 0, b.add_stage("few", take(10, taken), 1, 0), 0, thin());
        b.connect(in, 0, b.add_stage("many", take(100, other), 1, 0), 0, thin());
        REQUIRE(run(std::move(b)));
        CHECK(taken == 10);
        CHECK(other == 100);
    }
}

TEST_CASE("runner: one track's consumer may stop while the other track goes to its end",
          "[pipeline]") {
    std::atomic<int> taken{0};
    Seen seen;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(2, 3, 100), 2);
    const auto video =
        b.add_stage("video",
                    test::stage([&](int, const Item& item, Emit&) -> Result<Flow> {
                        return carries_media(item) && ++taken == 5 ? Flow::kDone : Flow::kContinue;
                    }),
                    1,
                    0);
    // Both tracks enter one lane: the done stage's edge must not hold up the other's.
    const auto audio = b.add_stage("audio", test::pass(), 1, 1);
    const auto join = b.add_stage("join", test::sink(seen), 1, 0);
    b.connect(in, 0, video, 0, thin());
    b.connect(in, 1, audio, 0, thin());
    b.connect(audio, 0, join, 0);
    REQUIRE(run(std::move(b)));
    CHECK(taken == 5);
    CHECK(seen.media == 300);
    CHECK(seen.ends == 1);
}

TEST_CASE("runner: two runners work in one process at once", "[pipeline]") {
    Seen first;
    Seen second;
    const auto go = [](Seen& seen) {
        GraphBuilder b;
        const auto in = b.add_source("in", test::interleaved(1, 1, 2000), 1);
        b.connect(in, 0, b.add_stage("out", test::sink(seen), 1, 0), 0, thin(2));
        return run(std::move(b)).has_value();
    };
    bool first_ok = false;
    {
        std::jthread other([&] { first_ok = go(first); });
        CHECK(go(second));
    }
    CHECK(first_ok);
    CHECK(first.media == 2000);
    CHECK(second.media == 2000);
}

TEST_CASE("runner: a lane's thread bears its name, cut to what the kernel keeps", "[pipeline]") {
    std::string name;
    GraphBuilder b;
    const auto in = b.add_source("in", test::interleaved(1, 1, 1), 1);
    const auto out = b.add_stage("a lane with a long name",
                                 test::stage([&](int, Item, Emit&) -> Result<Flow> {
                                     char buffer[32] = {};
                                     ::pthread_getname_np(::pthread_self(), buffer, sizeof buffer);
                                     name = buffer;
                                     return Flow::kContinue;
                                 }),
                                 1,
                                 0);
    b.connect(in, 0, out, 0, thin());
    REQUIRE(run(std::move(b)));
    CHECK(name == "a lane with a l");
}

#include <map>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <live/pull_inputs.hpp>

#include <support/catch.hpp>
#include <support/thread_limit.hpp>

#include "pull_backoff.hpp"
#include "pull_hls.hpp"
#include "pull_pacer.hpp"
#include "pull_threads.hpp"
#include "pull_url.hpp"

using namespace std::chrono_literals;
using sg::Errc;
using sg::Error;
using sg::Result;
using sg::live::HlsFollower;
using sg::live::HlsObject;

namespace {

/// A server of playlists and segments that never sleeps.
struct FakeServer {
    std::map<std::string, std::string> objects;
    std::vector<std::string> asked;

    sg::live::HlsFetch fetch() {
        return [this](const std::string& url, const auto&, std::size_t) -> Result<HlsObject> {
            asked.push_back(url);
            const auto found = objects.find(url);
            if (found == objects.end()) return Error{Errc::kNotFound, "no such object"};
            return HlsObject{found->second, url};
        };
    }
    /// What was asked for since the last time.
    std::vector<std::string> taken() { return std::exchange(asked, {}); }
};

std::string live_playlist(int first, int count) {
    std::string text =
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:" +
        std::to_string(first) + "\n";
    for (int i = first; i < first + count; ++i)
        text += "#EXTINF:2,\nseg-" + std::to_string(i) + ".ts\n";
    return text;
}

using Urls = std::vector<std::string>;

}  // namespace

TEST_CASE("attempts to pull come at growing, random distances, up to a bound") {
    sg::live::PullBackoff backoff(1);
    auto step = sg::live::PullBackoff::kFirst;
    for (int i = 0; i < 10; ++i) {
        const auto wait = backoff.next();
        CHECK(wait >= step / 2);
        CHECK(wait <= step);
        step = std::min(step * 2, sg::live::PullBackoff::kLongest);
    }
    backoff.reset();
    CHECK(backoff.next() <= sg::live::PullBackoff::kFirst);
}

TEST_CASE("input URLs are shown without what is secret") {
    CHECK(sg::live::shown_url("rtsp://user:pa%40ss@cam.example:554/a?x=1") ==
          "rtsp://cam.example:554");
    CHECK(sg::live::shown_url("/srv/films/loop.mp4") == "loop.mp4");
    const auto srt = sg::live::parse_pull_url(
        "srt://[2001:db8::1]:9000?streamid=#!::r=a%2Fb,m=request&passphrase=hunter2hunter2");
    REQUIRE(srt);
    CHECK(srt->host == "2001:db8::1");
    CHECK(srt->port == 9000);
    CHECK(srt->option("streamid") == "#!::r=a/b,m=request");
    const auto bad = sg::live::parse_pull_url("udp://u:secret@239.0.0.1?x=y");
    REQUIRE_FALSE(bad);
    CHECK(bad.error().message.find("secret") == std::string::npos);
}

TEST_CASE("references in playlists are resolved against where the playlist was found") {
    using sg::live::resolve_reference;
    CHECK(resolve_reference("http://h/a/b.m3u8?x=/y", "c.ts") == "http://h/a/c.ts");
    CHECK(resolve_reference("http://h/a/b/c.m3u8", "../d.ts") == "http://h/a/d.ts");
    CHECK(resolve_reference("http://h/a/b.m3u8", "/c.ts") == "http://h/c.ts");
    CHECK(resolve_reference("https://h/a", "//o/c.ts") == "https://o/c.ts");
    CHECK(resolve_reference("http://h/a", "https://o/c.ts") == "https://o/c.ts");
    CHECK(resolve_reference("http://h", "c.ts") == "http://h/c.ts");
}

TEST_CASE("a live playlist is entered three targets from its end and followed") {
    FakeServer server;
    server.objects["http://h/live.m3u8"] = live_playlist(10, 6);
    for (int i = 10; i < 30; ++i) server.objects["http://h/seg-" + std::to_string(i) + ".ts"] = "G";
    HlsFollower follower({"http://h/live.m3u8"}, server.fetch());
    auto now = std::chrono::steady_clock::time_point{} + 1h;
    for (int i = 0; i < 2; ++i) {
        const auto round = follower.next(now);
        REQUIRE(round);
        CHECK(round->wait == 0ms);
    }
    auto round = follower.next(now);
    REQUIRE(round);
    CHECK(round->wait == 2s);
    CHECK(server.taken() == Urls{"http://h/live.m3u8",
                                 "http://h/live.m3u8",
                                 "http://h/seg-13.ts",
                                 "http://h/seg-14.ts",
                                 "http://h/seg-15.ts"});
    now += round->wait;
    server.objects["http://h/live.m3u8"] = live_playlist(11, 6);
    round = follower.next(now);
    REQUIRE(round);
    CHECK(server.taken() == Urls{"http://h/live.m3u8", "http://h/seg-16.ts"});

    SECTION("nothing new is asked for again after half a target duration") {
        now += round->wait;
        round = follower.next(now);
        REQUIRE(round);
        CHECK(round->wait == 1s);
        CHECK(server.taken() == Urls{"http://h/live.m3u8"});
    }
    SECTION("a playlist that stands still is given up") {
        Result<HlsFollower::Round> last = round;
        for (int i = 0; i < 60 && last; ++i) last = follower.next(now += 1s);
        REQUIRE_FALSE(last);
        CHECK(last.error().code == Errc::kTimeout);
    }
    SECTION("segments that fell out of the window are passed over") {
        server.objects["http://h/live.m3u8"] = live_playlist(20, 3);
        now += 10s;
        REQUIRE(follower.next(now));
        CHECK(server.taken() == Urls{"http://h/live.m3u8", "http://h/seg-20.ts"});
    }
    SECTION("a server that counts anew is entered anew") {
        server.objects["http://h/live.m3u8"] = live_playlist(0, 1);
        server.objects["http://h/seg-0.ts"] = "G";
        now += 2s;
        REQUIRE(follower.next(now));
        CHECK(server.taken() == Urls{"http://h/live.m3u8", "http://h/seg-0.ts"});
    }
    SECTION("a segment that cannot be had is passed over") {
        server.objects["http://h/live.m3u8"] = live_playlist(16, 4);
        server.objects.erase("http://h/seg-17.ts");
        now += 2s;
        REQUIRE(follower.next(now));
        REQUIRE(follower.next(now));
        CHECK(follower.skipped() == 1);
    }
    SECTION("the end is told once all is read") {
        server.objects["http://h/live.m3u8"] = live_playlist(16, 2) + "#EXT-X-ENDLIST\n";
        now += 2s;
        round = follower.next(now);
        REQUIRE(round);
        CHECK(round->ended);
    }
}

TEST_CASE("the next attempt goes on where a playlist was left, and repeats nothing") {
    FakeServer server;
    server.objects["http://h/live.m3u8"] = live_playlist(10, 4);
    for (int i = 10; i < 20; ++i) server.objects["http://h/seg-" + std::to_string(i) + ".ts"] = "G";
    const auto now = std::chrono::steady_clock::time_point{} + 1h;
    HlsFollower first({"http://h/live.m3u8"}, server.fetch());
    for (int i = 0; i < 3; ++i) REQUIRE(first.next(now));
    HlsFollower::Options options{"http://h/live.m3u8"};
    options.left = first.position();
    (void)server.taken();

    SECTION("nothing while it stands still") {
        HlsFollower again(options, server.fetch());
        REQUIRE(again.next(now));
        CHECK(server.taken() == Urls{"http://h/live.m3u8", "http://h/live.m3u8"});
    }
    SECTION("what is new") {
        server.objects["http://h/live.m3u8"] = live_playlist(11, 5);
        HlsFollower again(options, server.fetch());
        REQUIRE(again.next(now));
        CHECK(server.taken().back() == "http://h/seg-14.ts");
    }
    SECTION("nothing once it has ended") {
        server.objects["http://h/live.m3u8"] = live_playlist(10, 4) + "#EXT-X-ENDLIST\n";
        HlsFollower again(options, server.fetch());
        const auto round = again.next(now);
        REQUIRE(round);
        CHECK(round->ended);
        CHECK(server.taken() == Urls{"http://h/live.m3u8", "http://h/live.m3u8"});
    }
    SECTION("another presentation under the same address is entered anew") {
        server.objects["http://h/live.m3u8"] =
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:13\n#EXTINF:2,\nother.ts\n";
        HlsFollower again(options, server.fetch());
        REQUIRE(again.next(now));
        CHECK(server.taken().back() == "http://h/other.ts");
    }
}

TEST_CASE("segments that are gaps are not asked for") {
    FakeServer server;
    server.objects["http://h/live.m3u8"] =
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-GAP\n#EXTINF:2,\na.ts\n#EXTINF:2,\nb.ts\n";
    server.objects["http://h/b.ts"] = "G";
    const auto now = std::chrono::steady_clock::time_point{} + 1h;
    HlsFollower follower({"http://h/live.m3u8"}, server.fetch());
    for (int i = 0; i < 2; ++i) REQUIRE(follower.next(now));
    CHECK(server.taken() == Urls{"http://h/live.m3u8", "http://h/live.m3u8", "http://h/b.ts"});
    CHECK(follower.skipped() == 0);
}

TEST_CASE("URLs that no input can be pulled by are told before anything runs") {
    for (const auto* url : {"rtmp://h/live/a",
                            "rtmps://h/live/a",
                            "srt://h:9000?latency=200",
                            "udp://@239.0.0.1:5000",
                            "rtp://:5000",
                            "https://h/a.m3u8",
                            "rtsp://h/camera"})
        CHECK(sg::live::check_pull_url(url));
    for (const auto* url : {"",
                            "a.m3u8",
                            "gopher://h/a",
                            "rtmp://",
                            "srt://:9000",
                            "srt://h",
                            "srt://h:9000?latency=soon",
                            "udp://camera.local:5000",
                            "http:///a"})
        CHECK_FALSE(sg::live::check_pull_url(url));
}

TEST_CASE("the best variant within the limit is pulled, with its sound") {
    FakeServer server;
    server.objects["http://h/m.m3u8"] =
        "#EXTM3U\n"
        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"en\",DEFAULT=YES,URI=\"en/a.m3u8\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO=\"a\"\nlow/v.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=3000,AUDIO=\"a\"\nhigh/v.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=2000,AUDIO=\"a\"\nmid/v.m3u8\n";
    for (const auto* name : {"low/v", "mid/v", "high/v", "en/a"})
        server.objects["http://h/" + std::string(name) + ".m3u8"] = live_playlist(0, 1);
    const auto now = std::chrono::steady_clock::time_point{} + 1h;
    const auto pull = [&](std::uint64_t most) {
        HlsFollower follower({"http://h/m.m3u8", most}, server.fetch());
        REQUIRE(follower.next(now));
        return server.taken();
    };
    CHECK(pull(0)[1] == "http://h/high/v.m3u8");
    CHECK(pull(2500)[1] == "http://h/mid/v.m3u8");
    CHECK(pull(10)[1] == "http://h/low/v.m3u8");
    CHECK(pull(0)[3] == "http://h/en/a.m3u8");
}

namespace {

struct ManualClock final : sg::Clock {
    [[nodiscard]] Monotonic now() const override { return time; }
    [[nodiscard]] Wall wall() const override { return Wall{}; }
    Monotonic time{std::chrono::hours(1)};
};

sg::live::PacedUnit unit_at(std::chrono::milliseconds at, std::uint64_t epoch = 0) {
    sg::live::PacedUnit unit;
    unit.epoch = epoch;
    unit.unit.dts = unit.unit.pts = std::chrono::nanoseconds(at).count();
    return unit;
}

}  // namespace

TEST_CASE("segments are given on at the pace of their own clock") {
    boost::asio::io_context io;
    ManualClock clock;
    std::vector<std::int64_t> out;
    sg::live::PullPacer pacer(
        io,
        clock,
        [&](sg::live::PacedUnit unit) { out.push_back(unit.unit.dts / 1'000'000); },
        [] {});
    using Times = std::vector<std::int64_t>;
    pacer.add([] {
        std::vector<sg::live::PacedUnit> units;
        units.push_back(unit_at(5000ms));
        units.push_back(unit_at(6000ms));
        units.push_back(unit_at(5500ms));
        return units;
    }());
    pacer.run(clock.time);
    CHECK(out == Times{5000});
    pacer.run(clock.time += 500ms);
    CHECK(out == Times{5000, 5500});
    pacer.run(clock.time += 500ms);
    CHECK(out == Times{5000, 5500, 6000});
    CHECK(pacer.empty());

    SECTION("what comes too late moves what follows") {
        clock.time += 3s;
        std::vector<sg::live::PacedUnit> units;
        units.push_back(unit_at(6500ms));
        units.push_back(unit_at(7000ms));
        pacer.add(std::move(units));
        pacer.run(clock.time);
        CHECK(out.size() == 4);
        pacer.run(clock.time += 500ms);
        CHECK(out.size() == 5);
    }
    SECTION("another clock begins where the one before ended") {
        std::vector<sg::live::PacedUnit> units;
        units.push_back(unit_at(6500ms));
        units.push_back(unit_at(100ms, 1));
        units.push_back(unit_at(600ms, 1));
        pacer.add(std::move(units));
        pacer.run(clock.time += 500ms);
        CHECK(out == Times{5000, 5500, 6000, 6500, 100});
        pacer.run(clock.time += 500ms);
        CHECK(out.back() == 600);
    }
}

TEST_CASE("an input that no thread can be had for is an error, and takes no place") {
    sg::test::where_threads_can_be_limited([]() -> std::string {
        sg::live::PullThreads threads(1);
        static_cast<void>(sg::test::limit_threads(true));
        for (int i = 0; i < 2; ++i) {
            const auto none = threads.run([](const std::stop_token&) {});
            if (none || none.error().code != Errc::kLimit) return "it ran without a thread";
        }
        static_cast<void>(sg::test::limit_threads(false));
        if (!threads.run([](const std::stop_token&) {})) return "there was no place any more";
        return {};
    });
}

#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

namespace {

HttpServerOptions quick() {
    HttpServerOptions options;
    options.idle_timeout = std::chrono::milliseconds(200);  // also makes the ticks short
    return options;
}

FakeView at_msn(std::uint64_t msn) {
    FakeView view;
    view.newest_msn = msn;
    view.objects["index.m3u8"] =
        playlist("#EXTM3U " + std::to_string(msn), "p" + std::to_string(msn));
    return view;
}

}  // namespace

TEST_CASE("a blocking playlist request is answered by the view that satisfies it") {
    RunningServer server;
    server.channel().publish(at_msn(1));
    std::vector<TestClient> clients;
    for (int i = 0; i < 20; ++i) {
        clients.emplace_back(server.port());
        clients.back().get("/live/one/index.m3u8?_HLS_msn=3");
    }
    // One wake is asked for by each context, not one by each request.
    REQUIRE(eventually([&] { return server.server->connections() == 20; }));
    REQUIRE(eventually([&] { return server.channel().waiting() >= 1; }));
    CHECK(server.channel().waiting() <= 2);
    server.channel().publish(at_msn(2));
    REQUIRE(eventually([&] { return server.channel().waiting() >= 1; }));
    server.channel().publish(at_msn(3));
    for (auto& client : clients) {
        const auto answer = client.read();
        CHECK(answer.status == 200);
        CHECK(answer.body == "#EXTM3U 3");
    }
    CHECK(clients[0].fetch("/live/one/index.m3u8?_HLS_msn=3").body == "#EXTM3U 3");
}

TEST_CASE("many rapid views wake every request in the end") {
    RunningServer server;
    server.channel().publish(at_msn(0));
    std::vector<std::jthread> viewers;
    std::atomic<int> good = 0;
    std::atomic<std::uint64_t> wanted = 0;
    for (int i = 0; i < 8; ++i) {
        viewers.emplace_back([&] {
            TestClient client(server.port());
            for (std::uint64_t msn = 1; msn <= 100; ++msn) {
                // Never so far ahead that it is refused.
                auto seen = wanted.load();
                while (seen < msn - 1) {
                    std::this_thread::yield();
                    seen = wanted.load();
                }
                if (client.fetch("/live/one/index.m3u8?_HLS_msn=" + std::to_string(msn)).status ==
                    200) {
                    ++good;
                }
            }
        });
    }
    for (std::uint64_t msn = 1; msn <= 100; ++msn) {
        server.channel().publish(at_msn(msn));
        wanted = msn;
        std::this_thread::yield();
    }
    viewers.clear();
    CHECK(good == 800);
}

TEST_CASE("directives that reach too far, or are malformed, get 400") {
    RunningServer server;
    server.channel().publish(at_msn(1));
    TestClient client(server.port());
    CHECK(client.fetch("/live/one/index.m3u8?_HLS_msn=9").status == 400);
    CHECK(client.fetch("/live/one/index.m3u8?_HLS_msn=x").status == 400);
    CHECK(client.fetch("/live/one/index.m3u8?_HLS_part=1").status == 400);
}

TEST_CASE("a request that waits too long gets 503 and the connection goes on") {
    RunningServer server(quick());
    FakeView view;
    view.soon["a.m4s"] = std::chrono::milliseconds(50);
    server.channel().publish(std::move(view));
    TestClient client(server.port());
    auto answer = client.fetch("/live/one/a.m4s");
    CHECK(answer.status == 503);
    CHECK(answer.fields["cache-control"] == "no-store");
    CHECK(client.fetch("/time").status == 200);
}

TEST_CASE("a waiting request outlives the idle time-out") {
    RunningServer server(quick());
    FakeView view;
    view.soon["a.m4s"] = std::chrono::seconds(20);
    server.channel().publish(view);
    TestClient waiting(server.port());
    waiting.get("/live/one/a.m4s");
    TestClient idle(server.port());
    CHECK(idle.at_end());
    view.objects["a.m4s"] = segment("there");
    server.channel().publish(view);
    CHECK(waiting.read().body == "there");
}

TEST_CASE("a client that leaves while it waits is forgotten") {
    RunningServer server;
    FakeView view;
    view.soon["a.m4s"] = std::chrono::seconds(20);
    server.channel().publish(view);
    TestClient client(server.port());
    client.get("/live/one/a.m4s");
    REQUIRE(eventually([&] { return server.channel().waiting() == 1; }));
    client.close();
    CHECK(eventually([&] { return server.server->connections() == 0; }));
}

TEST_CASE("a request pipelined behind a waiting one is answered after it") {
    RunningServer server;
    FakeView view;
    view.soon["a.m4s"] = std::chrono::seconds(20);
    server.channel().publish(view);
    TestClient client(server.port());
    client.get("/live/one/a.m4s");
    REQUIRE(eventually([&] { return server.channel().waiting() == 1; }));
    client.get("/time");
    view.objects["a.m4s"] = segment("there");
    server.channel().publish(view);
    CHECK(client.read().body == "there");
    CHECK(client.read().status == 200);
}

TEST_CASE("a channel that ended keeps nobody waiting") {
    RunningServer server;
    FakeView view;
    view.soon["a.m4s"] = std::chrono::seconds(20);
    server.channel().publish(view);
    TestClient client(server.port());
    client.get("/live/one/a.m4s");
    REQUIRE(eventually([&] { return server.channel().waiting() == 1; }));
    view.is_ended = true;
    server.channel().publish(view);
    CHECK(client.read().status == 404);
}

TEST_CASE("a stopping server answers waiting requests") {
    RunningServer server;
    FakeView view;
    view.soon["a.m4s"] = std::chrono::seconds(20);
    server.channel().publish(view);
    TestClient client(server.port());
    client.get("/live/one/a.m4s");
    REQUIRE(eventually([&] { return server.channel().waiting() == 1; }));
    server.stop(std::chrono::seconds(20));
    const auto answer = client.read();
    CHECK(answer.status == 503);
    CHECK(answer.fields.at("connection") == "close");
}

TEST_CASE("a growing segment is sent piece by piece as it appears") {
    RunningServer server;
    auto growing = segment("one,", "");
    growing.complete = false;
    FakeView view;
    view.objects["a.m4s"] = growing;
    server.channel().publish(view);
    TestClient client(server.port());
    client.get("/live/one/a.m4s", "Range: bytes=0-1\r\n");
    CHECK(client.read_until("one,").find("Transfer-Encoding: chunked") != std::string::npos);
    REQUIRE(eventually([&] { return server.channel().waiting() == 1; }));
    growing.pieces.push_back(memory_piece("two,"));
    view.objects["a.m4s"] = growing;
    server.channel().publish(view);
    CHECK(client.read_until("two,").ends_with("two,\r\n"));
    growing.pieces.push_back(memory_piece("three"));
    growing.complete = true;
    view.objects["a.m4s"] = growing;
    server.channel().publish(view);
    const auto answer = client.read();
    CHECK(answer.status == 200);
    CHECK(answer.whole);
    CHECK(answer.body == "one,two,three");
    CHECK(client.fetch("/live/one/a.m4s").fields["content-length"] == "13");
}

TEST_CASE("a growing segment that is never finished is cut, not ended") {
    RunningServer server;
    auto growing = segment("one,", "");
    growing.complete = false;
    FakeView view;
    view.objects["a.m4s"] = growing;
    server.channel().publish(view);
    TestClient client(server.port());
    client.get("/live/one/a.m4s");
    static_cast<void>(client.read_until("one,"));
    REQUIRE(eventually([&] { return server.channel().waiting() == 1; }));
    server.channel().publish(FakeView{});
    CHECK_FALSE(client.read().whole);
}

TEST_CASE("a channel that went without a last view is not kept, and its successor wakes again") {
    RunningServer server(quick());
    FakeView view;
    view.soon["a.m4s"] = std::chrono::milliseconds(50);
    for (int i = 0; i < 3; ++i) {
        std::weak_ptr<FakeChannel> gone;
        {
            const auto channel = std::make_shared<FakeChannel>("live/two");
            channel->publish(view);
            gone = channel;
            server.directory.add(channel);
            TestClient client(server.port());
            CHECK(client.fetch("/live/two/a.m4s").status == 503);
            server.directory.remove(channel);
        }
        CHECK(eventually([&] { return gone.expired(); }));
    }
}

#include <fcntl.h>
#include <unistd.h>

#include <server/playback_routes.hpp>

#include <base/file.hpp>
#include <support/temp_folder.hpp>

#include "running_server.hpp"

using namespace sg::server;
using namespace sg::server::test;

namespace {

/// "abcdefghij" in memory and in a file: memory "abc", file "defg" (inside a longer one), memory
/// "hij".
sg::live::Resource mixed_segment(const sg::test::TempFolder& folder) {
    const auto path = folder / "stored";
    REQUIRE(sg::write_file_atomic(path, "xxdefgxx", sg::Durability::kNone));
    auto file = std::make_shared<sg::live::StoredFile>();
    file->fd = std::move(sg::open_file(path, O_RDONLY)).value();
    file->bytes = 8;
    auto out = segment("");
    out.pieces = {memory_piece("abc"), {nullptr, file, 2, 4}, memory_piece("hij")};
    return out;
}

}  // namespace

TEST_CASE("media is served from memory and files with its validator and cache time") {
    const sg::test::TempFolder folder;
    RunningServer server;
    FakeView view;
    view.objects["1080p/a.m4s"] = mixed_segment(folder);
    server.channel().publish(std::move(view));
    TestClient client(server.port());
    auto answer = client.fetch("/live/one/1080p/a.m4s");
    CHECK(answer.status == 200);
    CHECK(answer.body == "abcdefghij");
    CHECK(answer.fields["content-type"] == "video/mp4");
    CHECK(answer.fields["cache-control"] == "public, max-age=3600, immutable");
    CHECK(answer.fields["etag"] == "\"s1\"");
    CHECK(answer.fields["accept-ranges"] == "bytes");
    CHECK(answer.fields["access-control-allow-origin"] == "*");
    CHECK(eventually([&] { return server.channel().sent() == 10; }));

    client.send("HEAD /live/one/1080p/a.m4s HTTP/1.1\r\nHost: a\r\n\r\n");
    answer = client.read(true);
    CHECK(answer.status == 200);
    CHECK(answer.fields["content-length"] == "10");
    CHECK(client.fetch("/live/one/1080p/a.m4s").body == "abcdefghij");
}

TEST_CASE("every range of a segment in several pieces comes out right") {
    const sg::test::TempFolder folder;
    RunningServer server;
    FakeView view;
    view.objects["a.m4s"] = mixed_segment(folder);
    server.channel().publish(std::move(view));
    TestClient client(server.port());
    const std::string whole = "abcdefghij";
    for (std::size_t first = 0; first < whole.size(); ++first) {
        for (std::size_t last = first; last < whole.size(); ++last) {
            const auto range = std::to_string(first) + "-" + std::to_string(last);
            auto answer = client.fetch("/live/one/a.m4s", "Range: bytes=" + range + "\r\n");
            REQUIRE(answer.status == 206);
            REQUIRE(answer.body == whole.substr(first, last - first + 1));
            REQUIRE(answer.fields["content-range"] == "bytes " + range + "/10");
        }
    }
    auto answer = client.fetch("/live/one/a.m4s", "Range: bytes=10-\r\n");
    CHECK(answer.status == 416);
    CHECK(answer.fields["content-range"] == "bytes */10");
    const auto conditional = [&](std::string_view condition) {
        return client
            .fetch("/live/one/a.m4s",
                   std::string("Range: bytes=0-0\r\nIf-Range: ").append(condition) + "\r\n")
            .status;
    };
    CHECK(conditional("\"s1\"") == 206);
    CHECK(conditional("\"s2\"") == 200);
    CHECK(conditional("W/\"s1\"") == 200);
    CHECK(conditional("Sun, 06 Nov 1994 08:49:37 GMT") == 200);
}

TEST_CASE("a validator that still holds gets 304") {
    RunningServer server;
    FakeView view;
    view.objects["a.m4s"] = segment("media");
    server.channel().publish(std::move(view));
    TestClient client(server.port());
    auto answer = client.fetch("/live/one/a.m4s", "If-None-Match: \"s0\", \"s1\"\r\n");
    CHECK(answer.status == 304);
    CHECK(answer.fields["etag"] == "\"s1\"");
    CHECK_FALSE(answer.fields.contains("content-length"));
    CHECK(client.fetch("/live/one/a.m4s", "If-None-Match: \"s0\"\r\n").body == "media");
}

TEST_CASE("playlists are compressed for those who take it, under a validator of their own") {
    RunningServer server;
    std::string text = "#EXTM3U\n";
    for (int i = 0; i < 200; ++i) text += "#EXTINF:4.000,\nseg-" + std::to_string(i) + ".m4s\n";
    FakeView view;
    view.objects["index.m3u8"] = playlist(text);
    server.channel().publish(view);
    TestClient client(server.port());
    for (int i = 0; i < 2; ++i) {
        auto answer = client.fetch("/live/one/index.m3u8", "Accept-Encoding: br, gzip\r\n");
        CHECK(answer.fields["content-encoding"] == "gzip");
        CHECK(answer.fields["vary"] == "Accept-Encoding");
        CHECK(answer.fields["cache-control"] == "no-cache");
        CHECK(answer.fields["etag"] == "\"p1-gz\"");
        CHECK(answer.body.size() < text.size() / 4);
        CHECK(gunzip(answer.body) == text);
    }
    CHECK(
        client
            .fetch("/live/one/index.m3u8", "Accept-Encoding: gzip\r\nIf-None-Match: \"p1-gz\"\r\n")
            .status == 304);
    auto answer = client.fetch("/live/one/index.m3u8");
    CHECK(answer.body == text);
    CHECK(answer.fields["etag"] == "\"p1\"");
    view.objects["index.m3u8"] = playlist(text + "#EXT-X-ENDLIST\n", "p2");
    server.channel().publish(view);
    answer = client.fetch("/live/one/index.m3u8", "Accept-Encoding: gzip\r\n");
    CHECK(gunzip(answer.body).ends_with("#EXT-X-ENDLIST\n"));
    CHECK(server.channel().viewers() == 1);
}

TEST_CASE("what is not there is 404 and never cached") {
    RunningServer server;
    TestClient client(server.port());
    for (const auto* path : {"/live/one/none.m4s",
                             "/live/two/index.m3u8",
                             "/live/one",
                             "/live/",
                             "/live/one/",
                             "/live/one/%2e%2e/one/a"}) {
        INFO(path);
        TestClient fresh(server.port());
        auto answer = fresh.fetch(path);
        CHECK((answer.status == 404 || answer.status == 400));
        CHECK(answer.fields["cache-control"] == "no-store");
    }
    client.send("PUT /live/one/a.m4s HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.read().status == 405);
}

TEST_CASE("other sites may read as far as they are allowed to") {
    PlaybackOptions playback;
    playback.allowed_origins = {"https://good"};
    RunningServer strict({}, playback);
    RunningServer open;
    const std::string preflight =
        "OPTIONS /live/one/a.m4s HTTP/1.1\r\nHost: a\r\nOrigin: https://good\r\n"
        "Access-Control-Request-Method: GET\r\n\r\n";
    TestClient client(open.port());
    client.send(preflight);
    auto answer = client.read();
    CHECK(answer.status == 204);
    CHECK(answer.fields["access-control-allow-origin"] == "*");
    CHECK(answer.fields["access-control-allow-headers"].find("Range") != std::string::npos);
    TestClient other(strict.port());
    other.send(preflight);
    CHECK(other.read().fields["access-control-allow-origin"] == "https://good");
    CHECK_FALSE(other.fetch("/time", "Origin: https://bad\r\n")
                    .fields.contains("access-control-allow-origin"));
}

TEST_CASE("the list of channels and the time can be fetched") {
    RunningServer server;
    TestClient client(server.port());
    CHECK(client.fetch("/live/index.json").body ==
          "{\"channels\":[{\"name\":\"live/one\",\"hls\":\"/live/one/index.m3u8\","
          "\"dash\":\"/live/one/manifest.mpd\",\"ended\":false}]}\n");
    auto answer = client.fetch("/time");
    CHECK(answer.fields["cache-control"] == "no-store");
    CHECK(answer.body.size() == std::string_view("2026-01-31T12:00:00.000Z").size());
}

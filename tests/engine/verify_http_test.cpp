#include "verify_http.hpp"

#include <thread>

#include <engine/verify.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "made_presentation.hpp"
#include "small_server.hpp"
#include "verify_fetch.hpp"

using namespace sg;
using namespace sg::engine;
using namespace sg::engine::test;

namespace {

struct Fixture {
    sg::test::TempFolder folder;
    MadePresentation made = make_presentation(folder.path() / "out");
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a URL is verified like a folder, but for what only a folder can list") {
    const SmallServer server(folder.path(), SmallServer::Manner::kServe);
    for (const auto& path : {"/out", "/out/", "/out/index.m3u8?token=1", "/out/manifest.mpd"}) {
        const auto report = verify(server.url() + path, VerifyOptions{});
        INFO(path);
        REQUIRE(report);
        INFO(describe(*report));
        CHECK(report->ok());
        CHECK(report->segments == 12);
    }
}

TEST_CASE_METHOD(Fixture, "byte ranges are asked for over HTTP") {
    made.join_segments();
    const SmallServer server(folder.path(), SmallServer::Manner::kServe);
    const auto report = verify(server.url() + "/out", VerifyOptions{});
    REQUIRE(report);
    INFO(describe(*report));
    CHECK(report->ok());
    CHECK(report->segments == 12);
}

TEST_CASE_METHOD(Fixture, "an object that a server does not have is a missing file") {
    std::filesystem::remove(made / "72p/seg-2.m4s");
    const SmallServer server(folder.path(), SmallServer::Manner::kServe);
    const auto report = verify(server.url() + "/out", VerifyOptions{});
    REQUIRE(report);
    for (const auto& c : report->checks) {
        INFO(c.name << " " << c.detail);
        CHECK((c.ok || c.name == "files_present"));
    }
    CHECK_FALSE(report->ok());
}

TEST_CASE_METHOD(Fixture, "a silent server does not keep verification from stopping") {
    const SmallServer server(folder.path(), SmallServer::Manner::kSilent);
    std::stop_source stop;
    const std::jthread stopper([&] { stop.request_stop(); });
    VerifyOptions options;
    options.stop = stop.get_token();
    const auto report = verify(server.url() + "/out", options);
    REQUIRE_FALSE(report);
    CHECK(report.error().code == Errc::kCancelled);
}

TEST_CASE_METHOD(Fixture, "an endless playlist is given up") {
    const SmallServer server(folder.path(), SmallServer::Manner::kEndless);
    const auto report = verify(server.url() + "/out/index.m3u8", VerifyOptions{});
    REQUIRE_FALSE(report);
    CHECK(report.error().code == Errc::kLimit);
}

TEST_CASE("a port where nobody listens is an error at once") {
    const auto report = verify("http://127.0.0.1:1/index.m3u8", VerifyOptions{});
    REQUIRE_FALSE(report);
}

TEST_CASE_METHOD(Fixture, "what a redirected manifest names lies where the redirect led") {
    const SmallServer server(folder.path(), SmallServer::Manner::kMoved);
    for (const auto& path : {"/old", "/old/index.m3u8?token=1", "/old/manifest.mpd"}) {
        const auto report = verify(server.url() + path, VerifyOptions{});
        INFO(path);
        REQUIRE(report);
        INFO(describe(*report));
        CHECK(report->ok());
        CHECK(report->segments == 12);
    }
}

TEST_CASE_METHOD(Fixture, "endless redirects and those to files are refused") {
    for (const auto& [manner, code] :
         {std::pair(SmallServer::Manner::kLoops, Errc::kLimit),
          std::pair(SmallServer::Manner::kToFile, Errc::kInvalidArgument)}) {
        const SmallServer server(folder.path(), manner);
        const auto report = verify(server.url() + "/out/index.m3u8", VerifyOptions{});
        REQUIRE_FALSE(report);
        INFO(report.error().message);
        CHECK(report.error().code == code);
    }
}

TEST_CASE_METHOD(Fixture, "a server without byte ranges is told from missing files") {
    made.join_segments();
    const SmallServer server(folder.path(), SmallServer::Manner::kNoRanges);
    const auto report = verify(server.url() + "/out", VerifyOptions{});
    REQUIRE(report);
    CHECK_FALSE(report->ok());
    CHECK(describe(*report).find("ignores byte ranges") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "a child gets what it asks for, from the servers it was given only") {
    const SmallServer server(folder.path(), SmallServer::Manner::kServe);
    const SmallServer other(folder.path(), SmallServer::Manner::kServe);
    FetchServer parent(server.url() + "/out");
    auto pair = process::Channel::make_pair(process::MessageLimits{});
    REQUIRE(pair);
    const std::jthread serving(
        [&](std::stop_token stop) { parent.serve(std::move(pair->ours), stop); });
    std::vector<UniqueFd> sockets;
    sockets.push_back(std::move(pair->theirs));
    int beats = 0;
    const auto getter = make_asking_getter(std::move(sockets), [&] { ++beats; });
    const auto object = getter->get({server.url() + "/out/index.m3u8", std::nullopt, 1 << 20}, {});
    REQUIRE(object);
    CHECK(object->bytes == std::filesystem::file_size(made / "index.m3u8"));
    const auto part = getter->get({server.url() + "/out/index.m3u8", {{2, 5}}, 1 << 20}, {});
    REQUIRE(part);
    ObjectBytes bytes;
    const ByteRange all{0, part->bytes};
    REQUIRE(bytes.map(part->file.get(), all));
    CHECK(bytes.text() == "XTM3U");
    const auto missing = getter->get({server.url() + "/none", std::nullopt, 100}, {});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == Errc::kNotFound);
    const auto refused = getter->get({other.url() + "/out/index.m3u8", std::nullopt, 100}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kInvalidArgument);
    CHECK(beats == 4);
}

TEST_CASE("what is said of an address holds no password and no token") {
    CHECK(protocols::printable_url("https://me:secret@example.com:1/a/b.m3u8?token=2#c") ==
          "https://example.com:1/a/b.m3u8");
    CHECK(protocols::printable_url("http://example.com/a@b") == "http://example.com/a@b");
}

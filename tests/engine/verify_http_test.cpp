#include <thread>

#include <engine/verify.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "made_presentation.hpp"
#include "small_server.hpp"

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

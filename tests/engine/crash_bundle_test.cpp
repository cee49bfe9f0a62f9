#include <csignal>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <engine/crash_bundle.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using namespace sg::engine;

namespace {

namespace fs = std::filesystem;

process::Outcome crashed(int signal) {
    process::Outcome outcome{
        "film/chunk-00001#1", Error{Errc::kCrashed, "task film/chunk-00001#1 crashed"}, {}, "log"};
    outcome.signal = signal;
    return outcome;
}

CrashBundle bundle_at(const std::string& time) {
    CrashBundle bundle;
    bundle.task = "a/../b c#1";
    bundle.request = "{}";
    bundle.time = time;
    return bundle;
}

}  // namespace

TEST_CASE("a task ended by a signal of its own is a crash, one that was killed is not") {
    const auto bundle = crash_of(crashed(SIGSEGV), "{}", "/films/a.mov");
    REQUIRE(bundle);
    CHECK(bundle->signal == "SIGSEGV");
    CHECK(bundle->source == "/films/a.mov");
    CHECK(bundle->log_tail == "log");
    CHECK_FALSE(bundle->versions.empty());
    auto killed = crashed(SIGKILL);
    killed.from_outside = true;
    CHECK_FALSE(crash_of(killed, "{}", ""));
    CHECK_FALSE(crash_of(crashed(0), "{}", ""));
    process::Outcome fine{"a", std::string("{}"), {}, {}};
    CHECK_FALSE(crash_of(fine, "{}", ""));
}

TEST_CASE("a bundle holds no keys of addresses") {
    const auto request = nlohmann::json{
        {"location", "https://user:password@example.com/a.m3u8?token=secret#x"},
        {"source_name", "http://example.com/film.mov?signature=secret"},
        {"folder",
         "/work/a"}}.dump();
    const auto bundle = crash_of(crashed(SIGABRT), request, "");
    REQUIRE(bundle);
    for (const auto* secret : {"password", "secret", "token", "signature"})
        CHECK(bundle->request.find(secret) == std::string::npos);
    CHECK(bundle->request.find("https://example.com/a.m3u8") != std::string::npos);
    CHECK(bundle->request.find("/work/a") != std::string::npos);
}

TEST_CASE("a bundle is read as it was written, by its owner only") {
    const test::TempFolder folder;
    const auto written =
        write_crash_bundle(folder / "crashes", *crash_of(crashed(SIGSEGV), "{\"a\":1}", "/s"));
    REQUIRE(written);
    CHECK(written->parent_path() == folder / "crashes");
    CHECK((fs::status(*written).permissions() & (fs::perms::group_all | fs::perms::others_all)) ==
          fs::perms::none);
    const auto bundle = read_crash_bundle(*written);
    REQUIRE(bundle);
    CHECK(bundle->task == "film/chunk-00001#1");
    CHECK(bundle->request == "{\"a\":1}");
    CHECK(bundle->source == "/s");
    CHECK(bundle->signal == "SIGSEGV");
}

TEST_CASE("so many bundles are kept, the newest, and none that is too large") {
    const test::TempFolder folder;
    std::ofstream(folder / "mine.json") << "{}";
    for (int i = 10; i < 20; ++i) {
        const auto time = "2026-01-" + std::to_string(i) + "T00:00:00.000Z";
        REQUIRE(write_crash_bundle(folder.path(), bundle_at(time), {3, 1 << 20}));
    }
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder.path()))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    CHECK(names == std::vector<std::string>{"crash-2026-01-17T00_00_00.000Z-a_.._b_c_1.json",
                                            "crash-2026-01-18T00_00_00.000Z-a_.._b_c_1.json",
                                            "crash-2026-01-19T00_00_00.000Z-a_.._b_c_1.json",
                                            "mine.json"});
    auto large = bundle_at("2026-02-01T00:00:00.000Z");
    large.log_tail = std::string(10'000, 'x');
    const auto refused = write_crash_bundle(folder.path(), large, {3, 5'000});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::kLimit);
}

TEST_CASE("a broken bundle is an error that names what is wrong") {
    const test::TempFolder folder;
    const auto read = [&](const std::string& text) {
        std::ofstream(folder / "b.json") << text;
        return read_crash_bundle(folder / "b.json");
    };
    CHECK(read("").error().code == Errc::kBadData);
    CHECK(read("[]").error().code == Errc::kBadData);
    CHECK(read("{\"bundle_version\":2}").error().code == Errc::kUnsupported);
    CHECK(read("{\"bundle_version\":\"1\"}").error().code == Errc::kUnsupported);
    CHECK(read("{\"bundle_version\":1,\"task\":5}").error().message.find("missing or of another") !=
          std::string::npos);
    CHECK(read_crash_bundle(folder / "none.json").error().code == Errc::kNotFound);
}

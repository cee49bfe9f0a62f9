#include <filesystem>
#include <fstream>
#include <string>

#include <api/output_routes.hpp>
#include <jobs/job_folders.hpp>
#include <nlohmann/json.hpp>

#include "running_api.hpp"

namespace sg::api::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct OutputsApi : RunningApi {
    OutputsApi()
        : RunningApi({}, [](RunningApi& api, ApiRouter& router) {
              OutputRoutesOptions options;
              options.data = api.folder / "data";
              options.signature_keys = {"a key of a test"};
              auto routes = std::make_shared<OutputRoutes>(*api.database, options, api.clock);
              routes->add_to(router);
              return routes;
          }) {}

    void put(const fs::path& path, const std::string& text) const {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    /// A job with a small presentation.
    std::string make(const std::string& owner) {
        const auto job = add_job(owner, R"({"inputs":[{"uri":"/in.mp4"}]})");
        const auto at = jobs::own_output_folder(folder / "data", job);
        put(at / "index.m3u8", "#EXTM3U\n#EXT-X-MAP:URI=\"v/init.mp4\"\nv/index.m3u8\n");
        put(at / "manifest.mpd", "<MPD><SegmentTemplate media=\"v/seg-$Number$.m4s\"/></MPD>");
        put(at / "v/index.m3u8", "#EXTM3U\nseg-1.m4s\n");
        put(at / "v/seg-1.m4s", "0123456789");
        put(at / "a file.txt", "x");
        return job;
    }
    void end(const std::string& job) const {
        REQUIRE(database->write_now(
            [&](sql::Connection& db) { return jobs::request_cancel(db, job, "test", 2); }));
    }
};

std::string url(const std::string& job, const std::string& path) {
    return "/v1/jobs/" + job + "/outputs" + path;
}

}  // namespace

TEST_CASE("outputs are listed and read, with ranges and validators", "[outputs]") {
    OutputsApi api;
    const auto job = api.make("alice");
    const auto alice = api.as("alice", Role::kViewer);
    const auto list = json::parse(api.ask("GET", url(job, ""), alice).body);
    REQUIRE(list["items"].size() == 5);
    CHECK(list["items"][0]["path"] == "a file.txt");
    CHECK(list["items"][0]["url"] == url(job, "/a%20file.txt"));
    CHECK(list["items"][1]["content_type"] == "application/vnd.apple.mpegurl");
    CHECK(list["next_cursor"].is_null());
    const auto page = json::parse(api.ask("GET", url(job, "?limit=2"), alice).body);
    CHECK(page["items"].size() == 2);
    CHECK(page["next_cursor"] == "index.m3u8");
    const auto rest =
        json::parse(api.ask("GET", url(job, "?limit=10&cursor=index.m3u8"), alice).body);
    CHECK(rest["items"].size() == 3);

    const auto whole = api.ask("GET", url(job, "/v/seg-1.m4s"), alice);
    CHECK(whole.status == 200);
    CHECK(whole.body == "0123456789");
    CHECK(whole.fields.at("content-type") == "video/iso.segment");
    CHECK(whole.fields.at("cache-control").find("public") == std::string::npos);
    const auto etag = whole.fields.at("etag");
    CHECK(api.ask("GET", url(job, "/v/seg-1.m4s"), alice + "If-None-Match: " + etag + "\r\n")
              .status == 304);
    const auto part = api.ask("GET", url(job, "/v/seg-1.m4s"), alice + "Range: bytes=2-4\r\n");
    CHECK(part.status == 206);
    CHECK(part.body == "234");
    CHECK(part.fields.at("content-range") == "bytes 2-4/10");
    CHECK(api.ask("GET", url(job, "/v/seg-1.m4s"), alice + "Range: bytes=20-\r\n").status == 416);
    const auto head = api.ask("HEAD", url(job, "/v/seg-1.m4s"), alice);
    CHECK(head.status == 200);
    CHECK(head.fields.at("content-length") == "10");
    CHECK(api.ask("GET", url(job, "/a%20file.txt"), alice).body == "x");
}

TEST_CASE("nothing but a job's own outputs can be reached", "[outputs]") {
    OutputsApi api;
    const auto job = api.make("alice");
    const auto alice = api.as("alice");
    const auto at = jobs::own_output_folder(api.folder / "data", job);
    api.put(api.folder / "secret", "secret");
    api.put(at / ".hidden", "secret");
    fs::create_symlink(api.folder / "secret", at / "link");
    fs::create_directory_symlink(api.folder.path(), at / "up");
    for (const char* path : {"/link",
                             "/up/secret",
                             "/.hidden",
                             "/v",
                             "/none",
                             "/v/seg-1.m4s/x",
                             "/%2e%2e/%2e%2e/secret",
                             "/../../../secret",
                             "/v%2F..%2Fseg-1.m4s",
                             "//etc/passwd",
                             "/v/%00",
                             "/v\\..\\x"}) {
        INFO(path);
        const auto answer = api.ask("GET", url(job, path), alice);
        CHECK((answer.status == 404 || answer.status == 400));
        CHECK(answer.body.find("secret\n") == std::string::npos);
    }
    const auto list = json::parse(api.ask("GET", url(job, ""), alice).body);
    CHECK(list["items"].size() == 5);
    CHECK(api.ask("GET", url(job, ""), api.as("bob")).status == 404);
    CHECK(api.ask("GET", url(job, "/index.m3u8"), api.as("bob")).status == 404);
    CHECK(api.ask("GET", url(job, "/index.m3u8"), "").status == 401);
    CHECK(api.ask("GET", url("job_none", "/index.m3u8"), alice).status == 404);
}

TEST_CASE("a signed address plays without credentials, and only what was signed", "[outputs]") {
    OutputsApi api;
    const auto job = api.make("alice");
    const auto other = api.make("alice");
    const auto alice = api.as("alice");
    const auto made = json::parse(api.ask("POST", url(job, "/sign"), alice).body);
    const auto token = made["query"].get<std::string>();
    const auto playlist =
        api.ask("GET", made["hls"].get<std::string>(), "Origin: https://x.example\r\n");
    CHECK(playlist.status == 200);
    CHECK(playlist.body.find("v/index.m3u8?" + token) != std::string::npos);
    CHECK(playlist.body.find("URI=\"v/init.mp4?" + token) != std::string::npos);
    CHECK(playlist.fields.at("access-control-allow-origin") == "*");
    const auto mpd = api.ask("GET", made["dash"].get<std::string>(), "");
    CHECK(mpd.body.find("seg-$Number$.m4s?exp=") != std::string::npos);
    CHECK(api.ask("GET", url(job, "/v/seg-1.m4s?" + token), "").body == "0123456789");
    CHECK(api.ask("GET", url(other, "/v/seg-1.m4s?" + token), "").status == 403);
    auto forged = token;
    forged.back() = forged.back() == '0' ? '1' : '0';
    CHECK(api.ask("GET", url(job, "/v/seg-1.m4s?" + forged), "").status == 403);
    CHECK(api.ask("GET", url(job, "?" + token), "").status == 401);

    const auto folder =
        json::parse(api.ask_json("POST", url(job, "/sign"), alice, R"({"prefix":"v/"})").body);
    const auto narrow = folder["query"].get<std::string>();
    CHECK(api.ask("GET", url(job, "/v/index.m3u8?" + narrow), "").status == 200);
    CHECK(api.ask("GET", url(job, "/index.m3u8?" + narrow), "").status == 403);
    const auto file = json::parse(
        api.ask_json("POST", url(job, "/sign"), alice, R"({"prefix":"a file.txt"})").body);
    CHECK(api.ask("GET", file["url"].get<std::string>(), "").body == "x");

    for (const char* bad : {R"({"prefix":"../"})",
                            R"({"prefix":"/"})",
                            R"({"prefix":"a//b"})",
                            R"({"expires_in_s":0})",
                            R"({"expires_in_s":99999999})",
                            R"({"prefix":5})",
                            R"({"x":1})"}) {
        INFO(bad);
        CHECK(api.ask_json("POST", url(job, "/sign"), alice, bad).status == 422);
    }
    CHECK(api.ask("POST", url(job, "/sign"), api.as("bob")).status == 404);
}

TEST_CASE("outputs of a job that has ended can be deleted", "[outputs]") {
    OutputsApi api;
    const auto job = api.make("alice");
    const auto alice = api.as("alice");
    CHECK(api.ask("DELETE", url(job, ""), alice).status == 409);
    CHECK(api.ask("GET", url(job, "/index.m3u8"), alice).status == 200);
    api.end(job);
    CHECK(api.ask("DELETE", url(job, ""), api.as("bob")).status == 404);
    CHECK(api.ask("DELETE", url(job, ""), alice).status == 204);
    CHECK(api.ask("GET", url(job, "/index.m3u8"), alice).status == 404);
    const auto list = json::parse(api.ask("GET", url(job, ""), alice).body);
    CHECK(list["items"].empty());
    CHECK_FALSE(list["deleted"].is_null());
    CHECK(fs::is_empty(api.folder / "data/outputs"));
}

}  // namespace sg::api::test

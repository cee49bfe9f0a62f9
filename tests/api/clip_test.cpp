#include <filesystem>
#include <string>

#include <api/clip_routes.hpp>
#include <nlohmann/json.hpp>

#include "../live/stored_channel.hpp"
#include "running_api.hpp"

namespace sg::api::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct ClipsApi : RunningApi {
    ClipsApi()
        : RunningApi({}, [](RunningApi& api, ApiRouter& router) {
              // Left by a service that was killed.
              fs::create_directories(api.folder / "data/clips/clip_left/video");
              OutputRoutesOptions options;
              options.data = api.folder / "data";
              options.signature_keys = {"a key of a test"};
              auto routes = std::make_shared<ClipRoutes>(options, api.clock);
              routes->add_to(router);
              return routes;
          }) {
        sg::test::StoredRun run(
            folder / "data", "a1", {sg::test::live_video("video"), sg::test::live_audio("audio")});
        run.until(5.5);
        run.nothing_until(8);
        run.renew({sg::test::live_video("video"), sg::test::live_audio("audio")});
        run.until(12);
        run.finish();
    }

    json make() {
        const auto answer = ask_json("POST", "/v1/channels/live/a/clip", operators(), "{}");
        INFO(answer.body);
        REQUIRE(answer.status == 201);
        auto clip = json::parse(answer.body);
        CHECK(answer.fields.at("location") == url(clip));
        return clip;
    }
    static std::string url(const json& clip, const std::string& path = {}) {
        return "/v1/clips/" + clip["id"].get<std::string>() + path;
    }
    std::string operators() { return as("desk", Role::kOperator); }
};

}  // namespace

TEST_CASE("a clip says what it holds, and is found again", "[clips]") {
    ClipsApi api;
    const auto clip = api.make();
    REQUIRE(clip["stretches"].size() == 2);
    CHECK(clip["stretches"][0]["begins"] == clip["begins"]);
    CHECK(clip["stretches"][1]["ends"] == clip["ends"]);
    CHECK(clip["notes"].empty());
    CHECK(json::parse(api.ask("GET", ClipsApi::url(clip), api.operators()).body) == clip);
    CHECK_FALSE(fs::exists(api.folder / "data/clips/clip_left"));
    const auto second = api.make();
    const auto page = json::parse(api.ask("GET", "/v1/clips?limit=1", api.operators()).body);
    REQUIRE(page["items"].size() == 1);
    const auto cursor = page["next_cursor"].get<std::string>();
    const auto rest =
        json::parse(api.ask("GET", "/v1/clips?limit=1&cursor=" + cursor, api.operators()).body);
    CHECK(rest["next_cursor"].is_null());
    CHECK(page["items"][0] == second);
    CHECK(rest["items"][0] == clip);
    CHECK(api.ask("GET", "/v1/clips?limit=0", api.operators()).status == 400);
}

TEST_CASE("a clip plays from the API, by keys of operators and by signed addresses", "[clips]") {
    ClipsApi api;
    const auto clip = api.make();
    const auto other = api.make();
    const auto hls = clip["hls"].get<std::string>();
    CHECK(api.ask("GET", hls, api.operators()).body.find("video/index.m3u8") != std::string::npos);
    CHECK(api.ask("GET", clip["dash"].get<std::string>(), api.operators()).status == 200);
    CHECK(api.ask("GET", hls, "").status == 401);
    CHECK(api.ask("GET", hls, api.as("alice", Role::kSubmitter)).status == 403);

    const auto list =
        json::parse(api.ask("GET", ClipsApi::url(clip, "/outputs"), api.operators()).body);
    CHECK(list["clip"] == clip["id"]);
    CHECK(list["items"].size() == 2 + 2 * (2 + clip["segments"].get<std::size_t>()));
    const auto segment = api.ask("GET",
                                 ClipsApi::url(clip, "/outputs/video/seg-1.m4s"),
                                 api.operators() + "Range: bytes=4-7\r\n");
    CHECK(segment.status == 206);
    CHECK(segment.body == "styp");

    const auto made =
        json::parse(api.ask("POST", ClipsApi::url(clip, "/outputs/sign"), api.operators()).body);
    const auto token = made["query"].get<std::string>();
    const auto playlist =
        api.ask("GET", made["hls"].get<std::string>(), "Origin: https://x.example\r\n");
    CHECK(playlist.status == 200);
    CHECK(playlist.body.find("video/index.m3u8?" + token) != std::string::npos);
    CHECK(playlist.fields.at("access-control-allow-origin") == "*");
    CHECK(api.ask("GET", ClipsApi::url(clip, "/outputs/audio/seg-2.m4s?" + token), "").status ==
          200);
    CHECK(api.ask("GET", ClipsApi::url(other, "/outputs/index.m3u8?" + token), "").status == 403);
    CHECK(api.ask("GET", ClipsApi::url(clip, "/outputs?" + token), "").status == 401);
}

TEST_CASE("nothing but complete clips can be reached", "[clips]") {
    ClipsApi api;
    const auto clip = api.make();
    const auto& folder = clip["folder"].get_ref<const std::string&>();
    for (const char* path :
         {"/outputs/.clip.json", "/outputs/none", "/outputs/video", "/outputs/%2e%2e/x"}) {
        INFO(path);
        const auto status = api.ask("GET", ClipsApi::url(clip, path), api.operators()).status;
        CHECK((status == 404 || status == 400));
    }
    for (const char* id : {"clip_none", "..", "%2e%2e", "x", "clip_%2e%2e"}) {
        INFO(id);
        for (const char* path : {"", "/outputs", "/outputs/index.m3u8"}) {
            const auto status =
                api.ask("GET", std::string("/v1/clips/") + id + path, api.operators()).status;
            CHECK((status == 404 || status == 400));
        }
    }
    // One that is being made, or that a killed service left.
    fs::create_directories(api.folder / "data/clips/clip_half");
    CHECK(api.ask("GET", "/v1/clips/clip_half/outputs", api.operators()).status == 404);
    CHECK(json::parse(api.ask("GET", "/v1/clips", api.operators()).body)["items"].size() == 1);

    CHECK(api.ask("DELETE", ClipsApi::url(clip), api.as("alice", Role::kSubmitter)).status == 403);
    CHECK(api.ask("DELETE", ClipsApi::url(clip), api.operators()).status == 204);
    CHECK_FALSE(fs::exists(folder));
    CHECK(api.ask("GET", ClipsApi::url(clip), api.operators()).status == 404);
    CHECK(api.ask("DELETE", ClipsApi::url(clip), api.operators()).status == 404);
}

TEST_CASE("a clip that cannot be made leaves nothing", "[clips]") {
    ClipsApi api;
    CHECK(api.ask_json("POST", "/v1/channels/live/none/clip", api.operators(), "{}").status == 404);
    CHECK(api.ask_json("POST", "/v1/channels/live/a/clip", api.operators(), R"({"from":"x"})")
              .status == 422);
    CHECK(api.ask_json("POST", "/v1/channels/live/a/clip", api.as("alice"), "{}").status == 403);
    const auto clips = api.folder / "data/clips";
    CHECK((!fs::exists(clips) || fs::is_empty(clips)));
}

}  // namespace sg::api::test

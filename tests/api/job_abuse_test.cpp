#include <string>
#include <vector>

#include "job_service.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;

namespace {

struct Abuse {
    std::string document;
    const char* code;
    const char* pointer;
};

}  // namespace

TEST_CASE("a document that is no job gets a precise problem") {
    JobApi service;
    std::filesystem::create_directories(service.media() / "folder");
    std::filesystem::create_symlink("/etc/passwd", service.media() / "out.mov");
    std::filesystem::create_directory_symlink("/etc", service.media() / "etc");
    const auto film = service.film();
    const auto media = service.media().string();
    const auto with = [&](const std::string& more) { return service.job("," + more); };
    const auto input = [](const std::string& uri) { return R"({"inputs":[")" + uri + "\"]}"; };
    std::string many = "\"" + film + "\"";
    for (int i = 0; i < 100; ++i) many += ",\"" + film + "\"";
    std::string tags;
    for (int i = 0; i < 51; ++i) tags += fmt::format("{}\"t{}\":\"\"", i == 0 ? "" : ",", i);

    const std::vector<Abuse> abuses{
        {with(R"("presett":"x")"), "unknown_field", "/presett"},
        {with(R"("preset":7)"), "wrong_type", "/preset"},
        {with(R"("version":9223372036854775808)"), "invalid_value", "/version"},
        {with(R"("version":-1)"), "invalid_value", "/version"},
        {with(R"("deadline":"tomorrow")"), "invalid_value", "/deadline"},
        {with(R"("deadline":4102444800)"), "wrong_type", "/deadline"},
        {with(R"("priority":"top")"), "invalid_value", "/priority"},
        {with(R"("preset":"web-hdd")"), "unknown_preset", "/preset"},
        {with(R"("preset":"web-hd@99")"), "unknown_preset", "/preset"},
        {with(R"("preset":"web-hd@99999999999999999999")"), "unknown_preset", "/preset"},
        {with(R"("preset":"../../etc/passwd")"), "unknown_preset", "/preset"},
        {with(R"("preset":"/etc/passwd")"), "unknown_preset", "/preset"},
        {with(R"("set":{"video.crff":1})"), "bad_preset", "/set/video.crff"},
        {with(R"("set":{"video.crf":9999999999999999999})"), "bad_preset", "/set/video.crf"},
        {with(R"("presets":{"m":{"name":"m","extends":"/etc/passwd"}},"preset":"m")"),
         "bad_preset",
         "/preset"},
        {with(R"("tags":{"a\u0000":"b"})"), "invalid_character", nullptr},
        {with(R"("tags":{"a":"\u202egpj.exe"})"), "invalid_character", "/tags/a"},
        {with(R"("external_id":"\u2066x")"), "invalid_character", "/external_id"},
        {with(R"("external_id":"a\nb")"), "invalid_character", "/external_id"},
        {with(R"("external_id":")" + std::string(257, 'x') + "\""), "out_of_range", "/external_id"},
        {with("\"tags\":{" + tags + "}"), "out_of_range", "/tags"},
        {"{\"inputs\":[" + many + "]}", "out_of_range", "/inputs"},
        {input(media + "/../../../../etc/passwd"), "path_refused", "/inputs/0/uri"},
        {input("/etc/passwd"), "path_refused", "/inputs/0/uri"},
        {input(media + "/out.mov"), "path_refused", "/inputs/0/uri"},
        {input(media + "/etc/passwd"), "path_refused", "/inputs/0/uri"},
        {input(media + "/folder"), "path_refused", "/inputs/0/uri"},
        {input(media + "/none.mov"), "input_not_found", "/inputs/0/uri"},
        {input("film.mov"), "invalid_value", "/inputs/0/uri"},
        {input("-"), "invalid_value", "/inputs/0/uri"},
        {input("file:///etc/passwd"), "invalid_url", "/inputs/0/uri"},
        {input("concat:/etc/passwd|/etc/group"), "invalid_url", "/inputs/0/uri"},
        {input("gopher://example.com/x"), "invalid_url", "/inputs/0/uri"},
        {input("http://127.0.0.1:8080/x"), "address_refused", "/inputs/0/uri"},
        {input("http://169.254.169.254/latest"), "address_refused", "/inputs/0/uri"},
        {input("http://[::1]/x"), "address_refused", "/inputs/0/uri"},
        {input("http://2130706433/x"), "address_refused", "/inputs/0/uri"},
        {input("upload:upl_theirs"), "unknown_upload", "/inputs/0/uri"},
        {input("upload:../../etc/passwd"), "unknown_upload", "/inputs/0/uri"},
        {with(R"("notify":["http://localhost/x"])"), "address_refused", "/notify/0"},
        {with(R"("output":"/etc/out")"), "path_refused", "/output"},
        {with(R"("output":"../out")"), "invalid_value", "/output"},
        {with(R"("output":")" + media + "/data/outputs/job_other\""), "path_refused", "/output"},
        {with(R"("output":")" + media + "/etc/x\""), "path_refused", "/output"},
        {R"({"inputs":[{"uri":")" + film + R"(","name":"../up"}]})",
         "invalid_value",
         "/inputs/0/name"},
    };
    for (const auto& abuse : abuses) {
        INFO(abuse.document.substr(0, 300));
        const auto answer = service.post("/v1/jobs", abuse.document);
        INFO(answer.body);
        CHECK(answer.status == 422);
        CHECK(answer.fields.at("content-type") == "application/problem+json");
        const auto problem = JobApi::parse(answer);
        CHECK(problem["code"] == abuse.code);
        if (abuse.pointer != nullptr) CHECK(problem["pointer"] == abuse.pointer);
        CHECK(problem["retryable"] == false);
        CHECK(problem["detail"].get<std::string>().find('\n') == std::string::npos);
    }
    CHECK(JobApi::parse(service.get("/v1/jobs"))["items"].empty());
}

TEST_CASE("all faults of a job document are in one answer") {
    JobApi service;
    const auto answer = JobApi::parse(service.post(
        "/v1/jobs", R"({"inputs":["/etc/shadow"],"preset":"webhd","output":"relative"})"));
    CHECK(answer["code"] == "invalid_document");
    REQUIRE(answer["errors"].size() == 3);
    CHECK(answer["errors"][0]["pointer"] == "/inputs/0/uri");
    CHECK(answer["errors"][1]["pointer"] == "/output");
    CHECK(answer["errors"][2]["detail"].get<std::string>().find("web-hd") != std::string::npos);
}

TEST_CASE("what is no JSON, too deep, or too large is refused before it costs anything") {
    JobApi service;
    for (const std::string& bad : {std::string("{"),
                                   std::string("nul"),
                                   std::string("{\"inputs\":[\"a\"]}{}"),
                                   std::string("{\"inputs\":[\"\xff\"]}"),
                                   std::string("{\"inputs\":[\"\xc0\xaf\"]}"),
                                   "{\"inputs\":" + std::string(100'000, '[') + "}",
                                   std::string("{\"inputs\":[\"a\"],\"inputs\":[\"b\"]}")}) {
        const auto answer = service.post("/v1/jobs", bad);
        INFO(bad.substr(0, 60) << " " << answer.body);
        CHECK(answer.status == 400);
        CHECK(JobApi::parse(answer)["code"] == "malformed_json");
    }
    const auto huge = service.post("/v1/jobs", std::string((1 << 20) + 1, ' '));
    CHECK(huge.status == 413);
    CHECK(service.post("/v1/jobs", "").status == 400);
}

TEST_CASE("a service that stops looks at no more sources") {
    struct Routes {
        std::optional<jobs::AllowedRoots> roots;
        std::optional<jobs::Submissions> submissions;
        std::optional<Inquiry> inquiry;
    };
    auto routes = std::make_shared<Routes>();
    RunningApi api({}, [&](RunningApi& running, ApiRouter& router) {
        auto roots = jobs::AllowedRoots::open({running.folder.path()});
        REQUIRE(roots);
        routes->roots.emplace(std::move(*roots));
        routes->submissions.emplace(
            jobs::SubmissionPolicy{}, *routes->roots, nullptr, running.clock);
        InquiryOptions options;
        options.temporary = running.folder / "probes";
        options.program = "/bin/false";
        routes->inquiry.emplace(
            *running.database, *routes->submissions, *routes->roots, std::move(options));
        routes->inquiry->add_to(router);
        return routes;
    });
    const auto film = (api.folder / "film.mov").string();
    std::ofstream(film) << "film";
    const auto probe = [&] {
        return api.ask_json("POST", "/v1/probe", api.as("news"), R"({"uri":")" + film + "\"}");
    };
    CHECK(probe().status != 503);
    routes->inquiry->stop();
    const auto refused = probe();
    CHECK(refused.status == 503);
    CHECK(JobApi::parse(refused)["retryable"] == true);
}

TEST_CASE("questions that cannot be answered say why") {
    JobApi service;
    for (int i = 0; i < 3; ++i) service.submit();
    const auto page = JobApi::parse(service.get("/v1/jobs?limit=2"));
    const auto cursor = page["next_cursor"].get<std::string>();
    auto altered = cursor;
    altered[3] = altered[3] == '9' ? '8' : '9';
    for (const auto& query : {"cursor=" + altered,
                              "cursor=" + cursor + "0",
                              std::string("cursor=j1.99999999999999999999.x"),
                              std::string("cursor=%00"),
                              "state=queued&cursor=" + cursor,
                              std::string("limit=0"),
                              std::string("limit=1001"),
                              std::string("limit=-1"),
                              std::string("limit=1e2"),
                              std::string("limit=99999999999999999999"),
                              std::string("state=sleeping"),
                              std::string("state="),
                              std::string("tag=x"),
                              std::string("created_from=yesterday"),
                              std::string("colour=red"),
                              std::string("limit=1&limit=2")}) {
        INFO(query);
        const auto answer = service.get("/v1/jobs?" + query);
        INFO(answer.body);
        CHECK(answer.status == 400);
    }
    CHECK(service.get("/v1/jobs?limit=2&cursor=" + cursor).status == 200);
    CHECK(service.get("/v1/jobs/job_none").status == 404);
    CHECK(service.get("/v1/jobs/%2e%2e").status >= 400);
    const auto id = service.submit();
    const auto match = [&](const std::string& value) {
        return service.api
            .ask_json("PATCH",
                      "/v1/jobs/" + id,
                      service.api.as("news") + "If-Match: " + value + "\r\n",
                      R"({"priority":"low"})")
            .status;
    };
    CHECK(match("1") == 400);
    CHECK(match("\"x\"") == 400);
    CHECK(match("\"999999999999999999999\"") == 400);
    CHECK(match("\"2\"") == 412);
    CHECK(match("\"1\"") == 200);
    CHECK(service
              .post("/v1/jobs", service.job(), "Idempotency-Key: " + std::string(256, 'k') + "\r\n")
              .status == 400);
    CHECK(service.post("/v1/jobs?dryRun=maybe", service.job()).status == 400);
    CHECK(service.post("/v1/jobs?dryrun=true", service.job()).status == 400);
}

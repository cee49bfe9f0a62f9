#include <string>
#include <vector>

#include "job_service.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;
using nlohmann::json;

TEST_CASE("a submitted job is answered with its place and can be read back") {
    JobApi service;
    const auto made =
        service.post("/v1/jobs",
                     service.job(R"(,"tags":{"a":"1"},"external_id":"order-1","priority":"high",)"
                                 R"("deadline":"2030-01-01T00:00:00Z","set":{"video.crf":25})"));
    INFO(made.body);
    REQUIRE(made.status == 201);
    const auto job = JobApi::parse(made);
    const std::string id = job["id"];
    CHECK(made.fields.at("location") == "/v1/jobs/" + id);
    CHECK(made.fields.at("etag") == "\"1\"");
    CHECK(job["state"] == "queued");
    CHECK(job["preset"] == "web-hd@1");
    CHECK(job["entered"].contains("queued"));

    const auto read = JobApi::parse(service.get("/v1/jobs/" + id));
    CHECK(read["queue_position"] == 0);
    for (const char* const same :
         {"id", "state", "owner", "tags", "external_id", "priority", "deadline", "document"}) {
        CHECK(read[same] == job[same]);
    }
    CHECK(read["deadline"] == "2030-01-01T00:00:00.000Z");
    CHECK(read["document"]["preset"] == "web-hd@1");
    CHECK(read["links"]["events"] == "/v1/jobs/" + id + "/events");
}

TEST_CASE("a job may be submitted as YAML") {
    JobApi service;
    const auto made = service.api.ask(
        "POST",
        "/v1/jobs",
        service.api.as("news") + "Content-Type: application/yaml\r\n",
        "inputs:\n  - " + service.film() + "\npreset: mobile\ntags: {year: 2024}\n");
    INFO(made.body);
    CHECK(made.status == 201);
    const auto other = service.api.ask(
        "POST", "/v1/jobs", service.api.as("news") + "Content-Type: text/plain\r\n", service.job());
    CHECK(other.status == 415);
}

TEST_CASE("a job with inputs from elsewhere is accepted until they are at hand") {
    JobApi service;
    for (const char* const uri : {"upload:upl_open", "upload:upl_mine"}) {
        const auto made = service.post("/v1/jobs", fmt::format(R"({{"inputs":["{}"]}})", uri));
        CHECK(made.status == 201);
        CHECK(JobApi::parse(made)["state"] == "accepted");
    }
    const auto fetched =
        service.post("/v1/jobs", R"({"inputs":["https://media.example.com/film.mp4"]})");
    CHECK(fetched.status == 201);
    CHECK(JobApi::parse(fetched)["reason"] == "waiting_for_inputs");
}

TEST_CASE("a request that comes again with its Idempotency-Key changes nothing") {
    JobApi service;
    const auto body = service.job();
    const std::string key = "Idempotency-Key: k-1\r\n";
    const auto first = service.post("/v1/jobs", body, key);
    REQUIRE(first.status == 201);
    std::filesystem::remove(service.media() / "film.mov");
    const auto again = service.post("/v1/jobs", body, key);
    CHECK(again.status == 201);
    CHECK(again.body == first.body);
    CHECK(again.fields.at("location") == first.fields.at("location"));
    CHECK(again.fields.at("idempotency-replayed") == "true");

    const auto other = service.post("/v1/jobs", service.job(R"(,"quality":true)"), key);
    CHECK(other.status == 422);
    CHECK(JobApi::parse(other)["code"] == "idempotency_key_reused");
    CHECK(JobApi::parse(service.get("/v1/jobs"))["items"].size() == 1);

    // A refused document takes no key.
    const auto refused = service.post("/v1/jobs", "{}", "Idempotency-Key: k-2\r\n");
    CHECK(JobApi::parse(refused)["code"] == "missing_field");
    CHECK(service.post("/v1/jobs", service.job(), "Idempotency-Key: k-2\r\n").status == 201);

    const auto batch = fmt::format(R"({{"jobs":[{0},{0}]}})", service.job());
    const auto many = service.post("/v1/jobs/batch", batch, "Idempotency-Key: k-3\r\n");
    CHECK(service.post("/v1/jobs/batch", batch, "Idempotency-Key: k-3\r\n").body == many.body);
    CHECK(JobApi::parse(service.get("/v1/jobs"))["items"].size() == 4);
}

TEST_CASE("jobs are listed newest first, page by page, each once") {
    JobApi service;
    std::vector<std::string> made;
    for (int i = 0; i < 7; ++i) {
        made.push_back(service.submit(fmt::format(
            R"(,"external_id":"e{}","tags":{{"parity":"{}"}})", i, i % 2 == 0 ? "even" : "odd")));
    }
    std::vector<std::string> listed;
    std::string path = "/v1/jobs?limit=3";
    for (int page = 0; page < 4; ++page) {
        const auto answer = JobApi::parse(service.get(path));
        for (const auto& item : answer["items"]) listed.push_back(item["id"]);
        if (answer["next_cursor"].is_null()) break;
        path = "/v1/jobs?limit=3&cursor=" + answer["next_cursor"].get<std::string>();
        service.submit();  // does not shift what follows
    }
    CHECK(std::vector<std::string>(made.rbegin(), made.rend()) == listed);

    const auto count = [&](const std::string& query) {
        return JobApi::parse(service.get("/v1/jobs?" + query))["items"].size();
    };
    CHECK(count("tag=parity:even") == 4);
    CHECK(count("external_id=e3") == 1);
    CHECK(count("state=queued,running&limit=1000") == 9);
    CHECK(count("state=failed") == 0);
    CHECK(count("owner=news") == 9);
    CHECK(count("created_from=2030-01-01T00:00:00Z") == 0);
    CHECK(count("created_to=2030-01-01T00:00:00Z") == 9);
}

TEST_CASE("jobs of other owners do not exist, but for operators") {
    JobApi service;
    const auto id = service.submit();
    const auto other = service.api.as("sport");
    CHECK(service.api.ask("GET", "/v1/jobs/" + id, other).status == 404);
    CHECK(service.api.ask("POST", "/v1/jobs/" + id + "/cancel", other).status == 404);
    CHECK(service.api.ask("POST", "/v1/jobs/" + id + "/clone", other).status == 404);
    CHECK(service.api.ask_json("PATCH", "/v1/jobs/" + id, other, R"({"priority":"low"})").status ==
          404);
    CHECK(JobApi::parse(service.api.ask("GET", "/v1/jobs", other))["items"].empty());
    CHECK(service.api.ask("GET", "/v1/jobs?owner=news", other).status == 403);
    const auto bulk =
        service.api.ask_json("POST", "/v1/jobs/cancel", other, R"({"filter":{"state":"queued"}})");
    CHECK(JobApi::parse(bulk)["matched"] == 0);

    const auto boss = service.api.as("boss", Role::kOperator);
    CHECK(service.api.ask("GET", "/v1/jobs/" + id, boss).status == 200);
    CHECK(JobApi::parse(service.api.ask("GET", "/v1/jobs?owner=news", boss))["items"].size() == 1);
    CHECK(service.api.ask_json("POST", "/v1/jobs", service.api.as("news", Role::kViewer), "{}")
              .status == 403);
}

TEST_CASE("a job is cancelled, retried, cloned and changed") {
    JobApi service;
    const auto id = service.submit();
    const auto path = "/v1/jobs/" + id;
    const auto etag = service.get(path).fields.at("etag");
    const auto changed = service.api.ask_json("PATCH",
                                              path,
                                              service.api.as("news") + "If-Match: " + etag + "\r\n",
                                              R"({"priority":"urgent"})");
    CHECK(changed.status == 200);
    CHECK(JobApi::parse(changed)["priority"] == "urgent");
    CHECK(changed.fields.at("etag") != etag);
    const auto stale = service.api.ask_json("PATCH",
                                            path,
                                            service.api.as("news") + "If-Match: " + etag + "\r\n",
                                            R"({"deadline":null})");
    CHECK(stale.status == 412);
    CHECK(service.api.ask_json("PATCH", path, service.api.as("news"), R"({"priority":"top"})")
              .status == 422);
    CHECK(service.api.ask_json("PATCH", path, service.api.as("news"), "{}").status == 422);

    CHECK(service.post(path + "/retry", "").status == 409);
    const auto cancelled = service.post(path + "/cancel", R"({"reason":"wrong film"})");
    CHECK(cancelled.status == 200);
    CHECK(JobApi::parse(cancelled)["state"] == "cancelled");
    CHECK(JobApi::parse(cancelled)["message"] == "wrong film");
    CHECK(service.post(path + "/cancel", "").status == 200);
    CHECK(JobApi::parse(service.post(path + "/retry", ""))["state"] == "queued");

    const auto clone = service.post(path + "/clone", R"({"preset":"mobile","tags":{"b":"2"}})");
    INFO(clone.body);
    CHECK(clone.status == 201);
    const auto copy = JobApi::parse(clone);
    CHECK(copy["id"] != id);
    CHECK(copy["preset"] == "mobile@1");
    CHECK(copy["tags"] == json{{"b", "2"}});
    CHECK(JobApi::parse(service.post(path + "/clone", R"({"presett":"x"})"))["code"] ==
          "unknown_field");
}

TEST_CASE("a batch has a result for each document") {
    JobApi service;
    const auto answer = service.post("/v1/jobs/batch",
                                     fmt::format(R"({{ "jobs" : [{}, {{"inputs":[]}}, 5, {} ] }})",
                                                 service.job(R"(,"external_id":"x")"),
                                                 service.job(R"(,"preset":"nope")")));
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    const auto result = JobApi::parse(answer);
    CHECK(result["accepted"] == 1);
    CHECK(result["refused"] == 3);
    CHECK(result["results"][0]["status"] == 201);
    CHECK(result["results"][0]["external_id"] == "x");
    CHECK(result["results"][1]["problem"]["pointer"] == "/inputs");
    CHECK(result["results"][2]["problem"]["code"] == "wrong_type");
    CHECK(result["results"][3]["problem"]["code"] == "unknown_preset");

    std::string documents = service.job();
    for (int i = 0; i < 999; ++i) documents += "," + service.job();
    const auto most = service.post("/v1/jobs/batch", R"({"jobs":[)" + documents + "]}");
    CHECK(JobApi::parse(most)["accepted"] == 1000);
    const auto more =
        service.post("/v1/jobs/batch", R"({"jobs":[)" + documents + "," + service.job() + "]}");
    CHECK(more.status == 422);
    CHECK(JobApi::parse(more)["code"] == "limit_exceeded");
    for (const char* const bad : {"",
                                  "[]",
                                  "{}",
                                  R"({"jobs":[)",
                                  R"({"jobs":[{}})",
                                  R"({"jobs":[{}]} x)",
                                  R"({"jobs":[,]})",
                                  R"({"jobs":5})",
                                  R"({"jobs":["\)"}) {
        INFO(bad);
        CHECK(service.post("/v1/jobs/batch", bad).status == 400);
    }
    CHECK(JobApi::parse(service.post("/v1/jobs/batch", R"({"jobs":[]})"))["accepted"] == 0);
}

TEST_CASE("many jobs are cancelled and retried by what they have in common") {
    JobApi service;
    for (int i = 0; i < 5; ++i) service.submit(i < 3 ? R"(,"tags":{"film":"a"})" : "");
    const auto some =
        JobApi::parse(service.post("/v1/jobs/cancel", R"({"filter":{"tag":"film:a"},"limit":2})"));
    CHECK(some["changed"] == 2);
    REQUIRE(some["next_cursor"].is_string());
    const auto rest = JobApi::parse(service.post(
        "/v1/jobs/cancel",
        json{{"filter", {{"tag", "film:a"}}}, {"limit", 2}, {"cursor", some["next_cursor"]}}
            .dump()));
    CHECK(rest["changed"] == 1);
    CHECK(rest["next_cursor"].is_null());
    CHECK(JobApi::parse(service.get("/v1/jobs?state=cancelled"))["items"].size() == 3);
    const auto retried =
        JobApi::parse(service.post("/v1/jobs/retry", R"({"filter":{"state":"cancelled"}})"));
    CHECK(retried["changed"] == 3);
    CHECK(service.post("/v1/jobs/cancel", "{}").status == 422);
    CHECK(service.post("/v1/jobs/cancel", R"({"filter":{}})").status == 422);
    CHECK(service.post("/v1/jobs/cancel", R"({"filter":{"colour":"x"}})").status == 400);
    const auto queues = JobApi::parse(service.get("/v1/queues"));
    CHECK(queues["queued_by_class"]["normal"] == 5);
}

TEST_CASE("an owner's open jobs are limited") {
    jobs::SubmissionPolicy policy;
    policy.open_jobs_per_owner = 2;
    JobApi service(policy);
    const auto id = service.submit();
    service.submit();
    const auto refused = service.post("/v1/jobs", service.job());
    CHECK(refused.status == 429);
    CHECK(JobApi::parse(refused)["code"] == "quota_exceeded");
    CHECK(refused.fields.contains("retry-after"));
    const auto batch =
        JobApi::parse(service.post("/v1/jobs/batch", R"({"jobs":[)" + service.job() + "]}"));
    CHECK(batch["refused"] == 1);
    REQUIRE(service.post("/v1/jobs/" + id + "/cancel", "").status == 200);
    CHECK(service.post("/v1/jobs", service.job()).status == 201);
}

TEST_CASE("stored presets have versions, and jobs keep the one they were made with") {
    JobApi service;
    const auto boss = service.api.as("boss", Role::kOperator);
    const auto add = [&](const std::string& body, const std::string& lines = {}) {
        return service.api.ask_json("POST", "/v1/presets", boss + lines, body);
    };
    const auto first = add(R"({"name":"mine","extends":"mobile"})");
    INFO(first.body);
    REQUIRE(first.status == 201);
    CHECK(first.fields.at("location") == "/v1/presets/mine@1");
    CHECK(add(R"({"name":"mine","extends":"mobile"})").fields.at("location") ==
          "/v1/presets/mine@1");
    const auto job = JobApi::parse(service.post("/v1/jobs", service.job(R"(,"preset":"mine")")));
    CHECK(job["preset"] == "mine@1");
    CHECK(job["document"]["presets"]["mine@1"]["name"] == "mine");

    CHECK(add(R"({"name":"mine","extends":"mobile","verify":"full"})", "If-Match: \"7\"\r\n")
              .status == 412);
    CHECK(add(R"({"name":"mine","extends":"mobile","verify":"full"})", "If-Match: \"1\"\r\n")
              .fields.at("location") == "/v1/presets/mine@2");
    const auto newest = JobApi::parse(service.get("/v1/presets/mine"));
    CHECK(newest["version"] == 2);
    CHECK(newest["versions"] == json{2, 1});
    CHECK(newest["preset"]["version"] == 2);
    CHECK(JobApi::parse(service.get("/v1/presets/mine@1"))["preset"]["verify"] == "quick");
    CHECK(service.get("/v1/presets/mine@3").status == 404);
    CHECK(service.get("/v1/presets/mine@x").status == 404);
    CHECK(JobApi::parse(service.get("/v1/presets/web-hd@1"))["source"] == "library");
    CHECK(JobApi::parse(service.get("/v1/presets"))["items"].size() == 10);

    CHECK(add(R"({"name":"web-hd","extends":"mobile"})").status == 409);
    CHECK(add(R"({"name":"bad","video":{"codec":"h265"}})").status == 422);
    CHECK(service.post("/v1/presets", R"({"name":"mine"})").status == 403);
    const auto checked = JobApi::parse(
        service.post("/v1/presets/check", R"({"name":"bad","video":{"codec":"h265","crf":99}})"));
    CHECK(checked["ok"] == false);
    CHECK(checked["problems"][0]["pointer"] == "/video/codec");
}

TEST_CASE("workers are listed, drained and resumed") {
    JobApi service;
    const auto boss = service.api.as("boss", Role::kOperator);
    const auto own = JobApi::parse(service.get("/v1/workers"));
    CHECK(own["items"][0]["name"] == "worker-1");
    CHECK(own["items"][0]["jobs"].empty());
    CHECK(service.post("/v1/workers/worker-1/drain", "").status == 403);
    const auto drained = service.api.ask("POST", "/v1/workers/worker-1/drain", boss);
    CHECK(JobApi::parse(drained)["draining"] == true);
    const auto resumed = service.api.ask("POST", "/v1/workers/worker-1/resume", boss);
    CHECK(JobApi::parse(resumed)["draining"] == false);
    CHECK(service.api.ask("POST", "/v1/workers/other/drain", boss).status == 404);
}

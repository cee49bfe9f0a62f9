#include <set>
#include <string>
#include <vector>

#include <engine/job.hpp>

#include "job_service.hpp"
#include "schema_check.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;
using nlohmann::json;

namespace {

std::string shown(const std::vector<std::string>& faults) {
    return fmt::format("{}", fmt::join(faults, "\n"));
}

void check_references(const json& node, const json& root) {
    if (node.is_object() && node.contains("$ref") && node["$ref"].is_string()) {
        const auto target = node["$ref"].get<std::string>().substr(1);
        INFO(target);
        CHECK(root.contains(json::json_pointer(target)));
    }
    if (node.is_structured()) {
        for (const auto& inner : node) check_references(inner, root);
    }
}

}  // namespace

TEST_CASE("the OpenAPI document says everything that is served, with schemas that fit") {
    JobApi service;
    const auto answer = service.api.ask("GET", "/openapi.json", "");
    REQUIRE(answer.status == 200);
    const auto root = JobApi::parse(answer);
    CHECK(root["openapi"] == "3.1.0");
    check_references(root, root);

    std::set<std::string> ids;
    for (const auto& operation : service.operations) {
        INFO(operation.id);
        CHECK(ids.insert(operation.id).second);
        REQUIRE(root["paths"].contains(operation.pattern));
        const auto method = operation.method == server::Method::kGet     ? "get"
                            : operation.method == server::Method::kPatch ? "patch"
                                                                         : "post";
        const auto& said = root["paths"][operation.pattern][method];
        CHECK(said["operationId"] == operation.id);
        CHECK(said.contains("requestBody") == !operation.request_schema.empty());
        CHECK(said["responses"].contains(std::to_string(operation.success)));
        CHECK(said["responses"]["4XX"]["$ref"] == "#/components/responses/Problem");
        for (const auto& schema : {operation.request_schema, operation.response_schema}) {
            INFO(schema);
            if (!schema.empty()) CHECK(root["components"]["schemas"].contains(schema));
        }
        if (!operation.open) CHECK_FALSE(operation.response_schema.empty());
    }
    for (const auto& [name, schema] : root["components"]["schemas"].items()) {
        for (const auto& example : schema.value("examples", json::array())) {
            const auto faults = faults_against(schema, example, root);
            INFO(name << ": " << shown(faults));
            CHECK(faults.empty());
        }
    }
}

TEST_CASE("answers are what the OpenAPI document says") {
    JobApi service;
    const auto root = JobApi::parse(service.api.ask("GET", "/openapi.json", ""));
    const auto fits = [&](const Answer& answer, const std::string& schema) {
        INFO(answer.body.substr(0, 2000));
        const auto faults =
            faults_against(root["components"]["schemas"].at(schema), JobApi::parse(answer), root);
        INFO(schema << "\n" << shown(faults));
        CHECK(faults.empty());
    };
    const auto boss = service.api.as("boss", Role::kOperator);
    const auto id = service.submit(R"(,"tags":{"a":"1"},"set":{"video.crf":21},"deadline":)"
                                   R"("2030-01-01T00:00:00Z","external_id":"x")");
    const auto path = "/v1/jobs/" + id;
    REQUIRE(service.api.database->write_now([&](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(const auto lease, jobs::take_lease(db, id, "w", 2, 3));
        jobs::Task task;
        task.job = id;
        task.name = "chunk-00001";
        task.state = jobs::TaskState::kRunning;
        task.attempt = 1;
        task.started = 2;
        return jobs::write_task(db, lease, task, 2);
    }));
    fits(service.get(path), "Job");
    fits(service.get("/v1/jobs"), "JobPage");
    fits(service.get("/v1/queues"), "Queues");
    fits(service.get("/v1/workers"), "WorkerList");
    fits(service.get("/v1/presets"), "PresetList");
    fits(service.get("/v1/presets/web-hd"), "Preset");
    fits(service.api.ask_json("POST", "/v1/presets", boss, R"({"name":"m","extends":"mobile"})"),
         "Preset");
    fits(service.post("/v1/presets/check", R"({"name":"m","video":{"codec":1}})"), "PresetCheck");
    fits(service.post("/v1/jobs", service.job(R"(,"preset":"m")")), "Job");
    fits(service.post("/v1/jobs/batch", R"({"jobs":[{},)" + service.job() + "]}"),
         "JobBatchResult");
    fits(service.api.ask_json("PATCH", path, service.api.as("news"), R"({"priority":"low"})"),
         "Job");
    fits(service.post(path + "/cancel", ""), "Job");
    fits(service.post(path + "/clone", ""), "Job");
    fits(service.post("/v1/jobs/cancel", R"({"filter":{"state":"queued"}})"), "BulkResult");
    fits(service.post("/v1/jobs", R"({"input":[],"preset":1})"), "Problem");
    fits(service.get("/v1/jobs/none"), "Problem");
    fits(service.get("/v1/jobs?limit=x"), "Problem");
}

TEST_CASE("the schema of job documents and their reader agree") {
    const auto schema = json::parse(job_schema());
    struct Sample {
        const char* text;
        bool good;
    };
    const std::vector<Sample> samples{
        {R"({"inputs":["a"]})", true},
        {R"({"inputs":[{"uri":"a","name":"x","preset":"mobile","set":{"video.crf":20}}]})", true},
        {R"({"inputs":["a"],"version":1,"preset":"web-hd","set":{"a":[1],"b":{"c":null}}})", true},
        {R"({"inputs":["a"],"verify":"full","publish":"early","quality":true})", true},
        {R"({"inputs":["a"],"tags":{"x":""},"external_id":"e","priority":"bulk"})", true},
        {R"({"inputs":["a"],"deadline":"2026-01-31T12:00:00+01:00","notify":["https://a.b"]})",
         true},
        {R"({"inputs":["a"],"presets":{"m":{"name":"m"}},"output":"/x"})", true},
        {R"({})", false},
        {R"([])", false},
        {R"("x")", false},
        {R"({"inputs":[]})", false},
        {R"({"inputs":"a"})", false},
        {R"({"inputs":[""]})", false},
        {R"({"inputs":[1]})", false},
        {R"({"inputs":[null]})", false},
        {R"({"inputs":[{}]})", false},
        {R"({"inputs":[{"uri":"a","x":1}]})", false},
        {R"({"inputs":[{"uri":1}]})", false},
        {R"({"inputs":[{"uri":"a","name":""}]})", false},
        {R"({"inputs":["a"],"version":2})", false},
        {R"({"inputs":["a"],"version":"1"})", false},
        {R"({"inputs":["a"],"preset":""})", false},
        {R"({"inputs":["a"],"preset":null})", false},
        {R"({"inputs":["a"],"set":[]})", false},
        {R"({"inputs":["a"],"verify":"maybe"})", false},
        {R"({"inputs":["a"],"verify":true})", false},
        {R"({"inputs":["a"],"publish":"late"})", false},
        {R"({"inputs":["a"],"quality":"true"})", false},
        {R"({"inputs":["a"],"quality":1})", false},
        {R"({"inputs":["a"],"tags":["x"]})", false},
        {R"({"inputs":["a"],"tags":{"x":1,"y":true}})", true},
        {R"({"inputs":["a"],"tags":{"x":null}})", false},
        {R"({"inputs":["a"],"set":{"":1}})", false},
        {R"({"inputs":["a"],"external_id":""})", false},
        {R"({"inputs":["a"],"priority":"top"})", false},
        {R"({"inputs":["a"],"priority":2})", false},
        {R"({"inputs":["a"],"deadline":"soon"})", false},
        {R"({"inputs":["a"],"deadline":1})", false},
        {R"({"inputs":["a"],"notify":"https://a.b"})", false},
        {R"({"inputs":["a"],"notify":[1]})", false},
        {R"({"inputs":["a"],"notify":["1","2","3","4","5","6","7","8","9"]})", false},
        {R"({"inputs":["a"],"presets":{"m":"x"}})", false},
        {R"({"inputs":["a"],"output":7})", false},
        {R"({"inputs":["a"],"outputs":"/x"})", false},
    };
    for (const auto& sample : samples) {
        INFO(sample.text);
        std::vector<engine::JobFault> faults;
        const auto job = engine::read_job(sample.text, engine::JobSyntax::kJson, faults);
        CHECK(job.has_value() == sample.good);
        const auto found = faults_against(schema, json::parse(sample.text), schema);
        INFO(shown(found));
        CHECK(found.empty() == sample.good);
        // What is stored is a document, too.
        if (job) CHECK(faults_against(schema, json::parse(engine::to_json(*job)), schema).empty());
    }
    // A member that only one of them knows.
    for (const auto& [name, rule] : schema["properties"].items()) {
        std::vector<engine::JobFault> faults;
        (void)engine::read_job(json{{name, nullptr}}.dump(), engine::JobSyntax::kJson, faults);
        for (const auto& fault : faults) CHECK(fault.code != "unknown_field");
    }
}

TEST_CASE("the page for people and the schemas are served without anything from elsewhere") {
    JobApi service;
    const auto page = service.api.ask("GET", "/docs", "");
    CHECK(page.status == 200);
    CHECK(page.fields.at("content-security-policy").find("default-src 'none'") == 0);
    CHECK(page.body.find("http://") == std::string::npos);
    CHECK(page.body.find("https://") == std::string::npos);
    CHECK(
        service.api.ask("GET", "/docs.js", "").fields.at("content-type").find("text/javascript") ==
        0);
    CHECK(service.api.ask("GET", "/docs.css", "").status == 200);
    CHECK(JobApi::parse(service.api.ask("GET", "/v1/schemas/job.json", "")).contains("properties"));
    CHECK(JobApi::parse(service.api.ask("GET", "/v1/schemas/preset.json", "")).contains("title"));
}

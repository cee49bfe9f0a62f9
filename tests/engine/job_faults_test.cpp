#include <string>
#include <vector>

#include <engine/job.hpp>
#include <engine/job_preset.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::engine;

namespace {

std::vector<JobFault> faults_of(const std::string& text, JobSyntax syntax = JobSyntax::kJson) {
    std::vector<JobFault> faults;
    const auto job = read_job(text, syntax, faults);
    CHECK(job.has_value() == faults.empty());
    return faults;
}

struct Expected {
    const char* document;
    const char* code;
    const char* pointer;
};

}  // namespace

TEST_CASE("a fault of a JSON job has a code and a pointer to its member") {
    const auto [document, code, pointer] = GENERATE(values<Expected>({
        {R"({"inputs":["a"],"presett":"x"})", "unknown_field", "/presett"},
        {R"({"inputs":[{"uri":"a","nam":"b"}]})", "unknown_field", "/inputs/0/nam"},
        {R"({"inputs":["a"],"a/b~c":1})", "unknown_field", "/a~1b~0c"},
        {R"({})", "missing_field", "/inputs"},
        {R"({"inputs":["a",{"name":"b"}]})", "missing_field", "/inputs/1/uri"},
        {R"({"inputs":"a"})", "wrong_type", "/inputs"},
        {R"({"inputs":[5]})", "wrong_type", "/inputs/0"},
        {R"({"inputs":["a"],"preset":7})", "wrong_type", "/preset"},
        {R"({"inputs":["a"],"preset":null})", "wrong_type", "/preset"},
        {R"({"inputs":["a"],"quality":"true"})", "wrong_type", "/quality"},
        {R"({"inputs":["a"],"tags":{"year":[2024]}})", "wrong_type", "/tags/year"},
        {R"({"inputs":["a"],"version":"1"})", "invalid_value", "/version"},
        {R"({"inputs":["a"],"verify":"fast"})", "invalid_value", "/verify"},
        {R"({"inputs":["a"],"verify":true})", "wrong_type", "/verify"},
        {R"({"inputs":[]})", "out_of_range", "/inputs"},
        {R"({"inputs":["a"],"set":[1]})", "wrong_type", "/set"},
        {R"({"inputs":["a"],"presets":{"m":"x"}})", "wrong_type", "/presets/m"},
        {R"([])", "wrong_type", ""},
        {R"({"inputs":["a"],"inputs":["b"]})", "malformed", ""},
        {R"({"inputs":["a"],})", "malformed", ""},
        {"{\"inputs\":[\"a\"]} trailing", "malformed", ""},
        {"inputs: [a]", "malformed", ""},
        {R"({"inputs":["\ud800"]})", "malformed", ""},
        {"{\"inputs\":[\"\xC0\xAF\"]}", "malformed", ""},
        {R"({"inputs":[1e999]})", "malformed", ""},
    }));
    INFO(document);
    const auto faults = faults_of(document);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].code == code);
    CHECK(faults[0].pointer == pointer);
    CHECK(faults[0].message.size() > 10);
}

TEST_CASE("all faults of a job come at once, with what was probably meant") {
    const auto faults =
        faults_of(R"({"input":["a"],"quality":1,"tags":{"a":{}},"publish":"erly","inputs":[{}]})");
    REQUIRE(faults.size() == 5);
    CHECK(faults[0].message.find("did you mean inputs?") != std::string::npos);
    CHECK(faults[3].message.find("did you mean early?") != std::string::npos);
}

TEST_CASE("a YAML job may leave quotes out and names the line at fault") {
    CHECK(faults_of("inputs: [a]\ntags: {year: 2024}\n", JobSyntax::kYaml).empty());
    const auto faults = faults_of("inputs: [a]\nquality: 3\n", JobSyntax::kYaml);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].pointer == "/quality");
    CHECK(faults[0].message.find("line:2:") == 0);
}

TEST_CASE("hostile JSON is refused in bounded time and memory") {
    const std::string deep(100'000, '[');
    CHECK(faults_of("{\"inputs\":" + deep).at(0).message.find("too deeply") != std::string::npos);
    std::string wide = "{\"inputs\":[";
    for (int i = 0; i < 30'000; ++i) wide += "\"a\",";
    CHECK(faults_of(wide + "\"a\"]}").at(0).message.find("too large") != std::string::npos);
    CHECK(faults_of("{\"inputs\":[\"" + std::string(2 << 20, 'a') + "\"]}").size() == 1);
    std::string strange = "{\"inputs\":[\"a\"]";
    for (int i = 0; i < 5'000; ++i) strange += ",\"k" + std::to_string(i) + "\":0";
    CHECK(faults_of(strange + "}").size() == 200);
}

TEST_CASE("a preset that a job carries comes before the library's, with overrides") {
    std::vector<JobFault> faults;
    const auto job = read_job(
        R"({"inputs":["a",{"uri":"b","preset":"web-hd"}],"preset":"mine@2","set":{"video.crf":30},
            "presets":{"mine@2":{"name":"mine","version":2,"extends":"mobile"}}})",
        JobSyntax::kJson,
        faults);
    REQUIRE(job);
    const auto mine = preset_of(*job, job->inputs[0]);
    REQUIRE(mine);
    CHECK(mine->name == "mine");
    CHECK(mine->version == 2);
    CHECK(mine->video.crf_x100 == 3000);
    const auto library = preset_of(*job, job->inputs[1]);
    REQUIRE(library);
    CHECK(library->name == "web-hd");

    const auto again = read_job(to_json(*job), JobSyntax::kJson, faults);
    REQUIRE(again);
    CHECK(to_json(*again) == to_json(*job));
    CHECK(again->presets == job->presets);
}

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <pipeline/plan.hpp>
#include <support/catch.hpp>

#include "sample_plan.hpp"

using namespace sg;
using nlohmann::json;
using pipeline::Plan;

namespace {

Error refusal(const json& changed) {
    auto plan = Plan::from_json(changed.dump());
    REQUIRE_FALSE(plan);
    return std::move(plan).error();
}

json sample() {
    return json::parse(test::sample_plan().canonical_json());
}

/// Every place of a document: a JSON pointer each.
void collect(const json& node, const std::string& path, std::vector<std::string>& places) {
    if (!path.empty()) places.push_back(path);
    if (node.is_object()) {
        for (const auto& [key, value] : node.items()) collect(value, path + "/" + key, places);
    } else if (node.is_array()) {
        for (std::size_t i = 0; i < node.size(); ++i)
            collect(node[i], path + "/" + std::to_string(i), places);
    }
}

}  // namespace

TEST_CASE("plan: reading what was written gives the same bytes", "[pipeline]") {
    const auto plan = test::sample_plan();
    const auto text = plan.canonical_json();
    auto read = Plan::from_json(text);
    REQUIRE(read);
    CHECK(read->canonical_json() == text);
    CHECK(read->digest() == plan.digest());
    CHECK(read->digest().size() == 64);
    CHECK(read->source.timeline == plan.source.timeline);
    CHECK(read->video.chunks[0].start.pts == media::kNoTime);
    CHECK(read->video.chunks[1].start == plan.video.chunks[1].start);
    CHECK(read->video.renditions[0].encoder.options == plan.video.renditions[0].encoder.options);
    CHECK(read->audio[0].label == plan.audio[0].label);
}

TEST_CASE("plan: every field of the sample is written, so that none is lost unseen", "[pipeline]") {
    const auto full = sample();
    const auto empty = json::parse(Plan{}.canonical_json());
    // Scalars of the two may agree only where the sample has no other valid value.
    CHECK(full["plan_version"] == empty["plan_version"]);
    for (const auto& [key, value] : full.items()) {
        if (key != "plan_version") CHECK(empty[key] != value);
    }
    for (const auto& key :
         {"source_stream", "grid", "source_width", "source_sar", "rotation", "source_colour"}) {
        CHECK(full["video"][key] != empty["video"][key]);
    }
}

TEST_CASE("plan: the text is canonical: sorted keys, no white space, no floats", "[pipeline]") {
    const auto text = test::sample_plan().canonical_json();
    const std::string begins =
        R"~({"audio":[{"borders":[-312,96000,192000,240240],"channel_layout":"5.1(side)",)~";
    CHECK(text.rfind(begins, 0) == 0);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find(R"("rate":[60000,1001])") != std::string::npos);
    std::vector<std::string> places;
    const auto document = sample();
    collect(document, "", places);
    for (const auto& place : places)
        CHECK_FALSE(document[json::json_pointer(place)].is_number_float());
}

TEST_CASE("plan: one changed value changes the digest", "[pipeline]") {
    auto plan = test::sample_plan();
    const auto before = plan.digest();
    plan.video.chunks[1].start.position += 1;
    CHECK(plan.digest() != before);
}

TEST_CASE("plan: another version is refused by number", "[pipeline]") {
    auto changed = sample();
    changed["plan_version"] = pipeline::kPlanVersion + 1;
    changed["something_new"] = 1;
    const auto error = refusal(changed);
    CHECK(error.code == Errc::kUnsupported);
    CHECK(error.message.find("plan_version 2") != std::string::npos);
    changed["plan_version"] = "1";
    CHECK(refusal(changed).code == Errc::kBadData);
    changed.erase("plan_version");
    CHECK(refusal(changed).code == Errc::kBadData);
}

TEST_CASE("plan: any field that is missing, unknown or of another type is refused", "[pipeline]") {
    const auto document = sample();
    std::vector<std::string> places;
    collect(document, "", places);
    for (const auto& place : places) {
        const json::json_pointer pointer(place);
        INFO(place);
        for (const json& wrong : {json(1.5), json::object({{"x", 1}})}) {
            auto changed = document;
            changed[pointer] = wrong;
            REQUIRE(refusal(changed).code == Errc::kBadData);
        }
        auto& parent = document[pointer.parent_pointer()];
        if (!parent.is_object()) continue;
        auto changed = document;
        changed[pointer.parent_pointer()].erase(pointer.back());
        REQUIRE(refusal(changed).code == Errc::kBadData);
        changed = document;
        changed[pointer.parent_pointer()]["never_heard_of"] = 1;
        REQUIRE(refusal(changed).code == Errc::kBadData);
    }
}

TEST_CASE("plan: a refusal names the field", "[pipeline]") {
    auto changed = sample();
    changed["video"]["chunks"][1]["frames"] = -1;
    CHECK(refusal(changed).message.find("video.chunks[1].frames") != std::string::npos);
}

TEST_CASE("plan: numbers out of range are refused", "[pipeline]") {
    const auto refused = [](const char* place, const json& value) {
        auto changed = sample();
        changed[json::json_pointer(place)] = value;
        return refusal(changed).code == Errc::kBadData;
    };
    CHECK(refused("/duration_ns", 9223372036854775808ULL));
    CHECK(refused("/video/grid/rate", json::array({25, 0})));
    CHECK(refused("/video/grid/rate", json::array({25})));
    CHECK(refused("/video/renditions/0/width", 1 << 20));
    CHECK(refused("/video/renditions/0/timescale", 0));
    CHECK(refused("/video/renditions/0/codec", "cinepak"));
    CHECK(refused("/video/renditions/0/mode", "guess"));
    CHECK(refused("/source/seek", ""));
    CHECK(refused("/source/timeline/epochs", json::array()));
}

TEST_CASE("plan: references that lead nowhere are refused", "[pipeline]") {
    const auto refused = [](const char* place, const json& value) {
        auto changed = sample();
        changed[json::json_pointer(place)] = value;
        return refusal(changed).code == Errc::kBadData;
    };
    CHECK(refused("/video/renditions/0/branch", 2));
    CHECK(refused("/video/renditions/0/scale_from", 2));
    CHECK(refused("/video/renditions/0/scale_from", 0));
    CHECK(refused("/video/renditions/0/scale_from", 1));  // 720p is scaled from it
    CHECK(refused("/video/renditions/0/borders", json::array({0, 10, 5})));
    CHECK(refused("/video/chunks/1/segments", 2));
    CHECK(refused("/video/chunks/1/frames", 61));
}

TEST_CASE("plan: text that is no plan is an error, never an exception", "[pipeline]") {
    for (const auto& text : {std::string(),
                             std::string("{"),
                             std::string("[]"),
                             std::string("null"),
                             std::string("{}"),
                             std::string("\xff\xfe\x00", 3),
                             std::string(100000, '['),
                             std::string(17 << 20, ' ')}) {
        auto plan = Plan::from_json(text);
        REQUIRE_FALSE(plan);
        CHECK(plan.error().code == Errc::kBadData);
    }
    const auto text = test::sample_plan().canonical_json();
    for (std::size_t length = 0; length < text.size(); length += 7) {
        REQUIRE_FALSE(Plan::from_json(text.substr(0, length)));
    }
}

TEST_CASE("plan: a label that is not UTF-8 is repaired instead of thrown about", "[pipeline]") {
    auto plan = test::sample_plan();
    plan.audio[0].label = "caf\xe9";
    auto read = Plan::from_json(plan.canonical_json());
    REQUIRE(read);
    CHECK(read->audio[0].label == "caf\xef\xbf\xbd");
    CHECK(read->digest() == plan.digest());
}

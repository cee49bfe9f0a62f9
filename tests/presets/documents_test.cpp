#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <base/file.hpp>
#include <presets/loader.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::presets;

namespace {

std::string text_of(const std::string& path) {
    auto text = read_file(std::string(SG_SOURCE_DIR) + "/" + path, 1 << 20);
    if (!text) FAIL(text.error().message);
    return std::move(text).value();
}

std::vector<std::string> yaml_blocks(const std::string& markdown) {
    std::vector<std::string> blocks;
    const std::string fence = "```yaml\n";
    std::size_t at = 0;
    while ((at = markdown.find(fence, at)) != std::string::npos) {
        at += fence.size();
        const std::size_t end = markdown.find("```", at);
        blocks.push_back(markdown.substr(at, end - at));
        at = end;
    }
    return blocks;
}

void collect_keys(const nlohmann::json& schema, std::vector<std::string>& keys) {
    if (schema.contains("items")) collect_keys(schema["items"], keys);
    if (!schema.contains("properties")) return;
    for (const auto& [key, value] : schema["properties"].items()) {
        keys.push_back(key);
        collect_keys(value, keys);
    }
}

/// A preset in which every group of the schema holds one key that no group has.
void add_strangers(const nlohmann::json& schema, nlohmann::json& into, int& groups) {
    if (!schema.contains("properties")) return;
    into["stranger"] = 1;
    ++groups;
    for (const auto& [key, value] : schema["properties"].items()) {
        if (value.contains("properties") && value.value("type", "") == "object") {
            add_strangers(value, into[key], groups);
        } else if (value.contains("items") && value["items"].contains("properties")) {
            nlohmann::json item = nlohmann::json::object();
            add_strangers(value["items"], item, groups);
            into[key] = nlohmann::json::array({item});
        }
    }
}

}  // namespace

TEST_CASE("the schema file is what the loader's field table says") {
    const std::string kept = text_of("presets/schema/preset.schema.json");
    INFO("after a change of the field table, write json_schema() over the file");
    CHECK(kept == json_schema());
}

TEST_CASE("the loader accepts exactly the keys of the schema in every group") {
    const auto schema = nlohmann::json::parse(json_schema());
    nlohmann::json preset{{"name", "m"}};
    int groups = 0;
    add_strangers(schema, preset, groups);
    CHECK(groups == 10);
    const auto found = check_text(preset.dump(), "strangers");
    int strangers = 0;
    for (const Problem& problem : found) {
        if (!problem.field.ends_with("stranger")) continue;
        ++strangers;
        nlohmann::json at = schema;
        std::string path = problem.field.substr(0, problem.field.size() - 8);
        while (!path.empty()) {
            const std::size_t dot = path.find('.');
            std::string part = path.substr(0, dot);
            path = dot == std::string::npos ? "" : path.substr(dot + 1);
            const bool entry = part.ends_with(']');
            if (entry) part = part.substr(0, part.find('['));
            at = at["properties"][part];
            if (entry) at = at["items"];
        }
        std::vector<std::string> keys;
        for (const auto& [key, value] : at["properties"].items()) {
            if (key != "extends") keys.push_back(key);
        }
        std::vector<std::string> accepted = problem.accepted;
        std::sort(accepted.begin(), accepted.end());
        INFO(problem.field);
        CHECK(accepted == keys);
    }
    CHECK(strangers == groups);
}

TEST_CASE("every yaml example of the manual is a good preset") {
    const auto blocks = yaml_blocks(text_of("docs/presets.md"));
    CHECK(blocks.size() >= 4);
    for (const std::string& block : blocks) {
        INFO(block);
        for (const Problem& problem : check_text(block, "docs/presets.md")) {
            FAIL_CHECK(to_string(problem));
        }
    }
}

TEST_CASE("the manual names every key") {
    const std::string manual = text_of("docs/presets.md");
    std::vector<std::string> keys;
    collect_keys(nlohmann::json::parse(json_schema()), keys);
    for (const std::string& key : keys) {
        INFO(key);
        CHECK(manual.find("`" + key + "`") != std::string::npos);
    }
}

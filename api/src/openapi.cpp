#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <api/document_routes.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <presets/loader.hpp>

#include "embedded_schemas.hpp"

namespace sg::api {
namespace {

using json = nlohmann::ordered_json;

/// Definitions of a schema that stood alone are found below its component now.
void move_references(json& schema, const std::string& component) {
    constexpr std::string_view kLocal = "#/definitions/";
    if (schema.is_object()) {
        for (auto& [name, value] : schema.items()) {
            if (name == "$ref" && value.is_string()) {
                const auto target = value.get<std::string>();
                if (target.starts_with(kLocal))
                    value = "#/components/schemas/" + component + target.substr(1);
            } else {
                move_references(value, component);
            }
        }
    } else if (schema.is_array()) {
        for (auto& value : schema) move_references(value, component);
    }
}

json alone(std::string_view text, const std::string& component) {
    auto schema = json::parse(text, nullptr, false);
    move_references(schema, component);
    return schema;
}

json reference(const std::string& schema) {
    return {{"$ref", "#/components/schemas/" + schema}};
}

std::string plain_pattern(std::string pattern) {
    if (const auto dots = pattern.find("...}"); dots != std::string::npos) pattern.erase(dots, 3);
    return pattern;
}

json parameters_of(const Operation& operation) {
    auto parameters = json::array();
    const auto pattern = plain_pattern(operation.pattern);
    for (auto open = pattern.find('{'); open != std::string::npos;
         open = pattern.find('{', open + 1)) {
        const auto name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
        parameters.push_back(
            {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
    }
    const auto add = [&parameters](const QueryParam& given, const char* in) {
        parameters.push_back({{"name", given.name},
                              {"in", in},
                              {"description", given.description},
                              {"schema", json::parse(given.schema, nullptr, false)}});
    };
    for (const auto& given : operation.query) add(given, "query");
    for (const auto& given : operation.headers) add(given, "header");
    return parameters;
}

json responses_of(const Operation& operation) {
    json success{{"description", operation.summary}};
    if (!operation.response_schema.empty()) {
        success["content"]["application/json"]["schema"] = reference(operation.response_schema);
    } else if (operation.success != 204) {
        success["content"]["*/*"] = json::object();
    }
    json responses;
    responses[std::to_string(operation.success)] = std::move(success);
    for (const auto& [status, schema] : operation.also) {
        auto& other = responses[std::to_string(status)];
        other["description"] = schema;
        other["content"]["application/json"]["schema"] = reference(schema);
    }
    for (const char* const failures : {"4XX", "5XX"})
        responses[failures] = {{"$ref", "#/components/responses/Problem"}};
    return responses;
}

json operation_of(const Operation& operation) {
    json out{{"operationId", operation.id},
             {"tags", json::array({operation.tag})},
             {"summary", operation.summary}};
    if (!operation.open) {
        out["description"] = fmt::format("For the role {} and those above it; scope {}.",
                                         name_of(operation.least),
                                         operation.tag);
    }
    if (auto parameters = parameters_of(operation); !parameters.empty())
        out["parameters"] = std::move(parameters);
    if (!operation.request_schema.empty()) {
        json body{{"required", !operation.body_optional}};
        for (const auto& type : operation.content_types)
            body["content"][type]["schema"] = reference(operation.request_schema);
        out["requestBody"] = std::move(body);
    }
    out["responses"] = responses_of(operation);
    if (operation.open) out["security"] = json::array();
    return out;
}

std::string method_key(server::Method method) {
    std::string name(server::method_name(method));
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return name;
}

json schemas() {
    auto all = json::object();
    for (const auto text : embedded_schemas()) {
        const auto part = json::parse(text, nullptr, false);
        for (const auto& [name, schema] : part.items()) all[name] = schema;
    }
    all["JobDocument"] = alone(job_schema(), "JobDocument");
    all["PresetDocument"] = alone(presets::json_schema(), "PresetDocument");
    return all;
}

}  // namespace

std::string openapi_document(const std::vector<Operation>& operations, std::string_view version) {
    json root{{"openapi", "3.1.0"},
              {"info",
               {{"title", "StreamGate"},
                {"version", version},
                {"description",
                 "Jobs that turn files into adaptive streams, live channels, and what happens to "
                 "them."},
                {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
              {"servers", json::array({{{"url", "/"}}})},
              {"security", json::array({{{"bearer", json::array()}}})},
              {"tags", json::array()},
              {"paths", json::object()}};
    std::set<std::string> tags;
    for (const auto& operation : operations) {
        if (tags.insert(operation.tag).second) root["tags"].push_back({{"name", operation.tag}});
        root["paths"][plain_pattern(operation.pattern)][method_key(operation.method)] =
            operation_of(operation);
    }
    root["components"]["securitySchemes"]["bearer"] = {
        {"type", "http"}, {"scheme", "bearer"}, {"description", "An API key, or a token (JWT)"}};
    auto& problem = root["components"]["responses"]["Problem"];
    problem["description"] = "What was wrong (RFC 9457)";
    problem["content"]["application/problem+json"]["schema"] = reference("Problem");
    root["components"]["schemas"] = schemas();
    return root.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace sg::api

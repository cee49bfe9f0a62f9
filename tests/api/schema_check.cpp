#include "schema_check.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <base/clock.hpp>

namespace sg::api::test {
namespace {

using nlohmann::json;

bool is_type(const json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_number_integer();
    return type == "number" && value.is_number();
}

class Checker {
  public:
    explicit Checker(const json& root) : root_(root) {}

    std::vector<std::string> run(const json& schema, const json& value) {
        check(schema, value, "");
        return std::move(faults_);
    }

  private:
    void fault(const std::string& at, std::string what) {
        faults_.push_back(fmt::format("{}: {}", at.empty() ? "/" : at, what));
    }

    void check(const json& schema, const json& value, const std::string& at) {
        if (schema.is_boolean()) {
            if (!schema.get<bool>()) fault(at, "nothing is allowed here");
            return;
        }
        for (const auto& [word, rule] : schema.items()) {
            if (word == "$ref") {
                const auto target = rule.get<std::string>().substr(1);
                check(root_.at(json::json_pointer(target)), value, at);
            } else if (word == "type") {
                const auto any = [&](const json& type) {
                    return is_type(value, type.get<std::string>());
                };
                const bool fits =
                    rule.is_array() ? std::any_of(rule.begin(), rule.end(), any) : any(rule);
                if (!fits) fault(at, "is no " + rule.dump());
            } else if (word == "enum") {
                if (std::find(rule.begin(), rule.end(), value) == rule.end())
                    fault(at, "is none of " + rule.dump());
            } else if (word == "const") {
                if (value != rule) fault(at, "is not " + rule.dump());
            } else if (word == "anyOf") {
                check_any(rule, value, at);
            } else if (!check_bounds(word, rule, value, at) &&
                       !check_members(word, schema, rule, value, at)) {
                static const std::set<std::string> kWords{"description",
                                                          "title",
                                                          "$comment",
                                                          "examples",
                                                          "definitions",
                                                          "default",
                                                          "pattern"};
                if (!kWords.contains(word)) fault(at, "the schema has a word " + word);
            }
        }
    }

    void check_any(const json& choices, const json& value, const std::string& at) {
        for (const auto& choice : choices) {
            if (Checker(root_).run(choice, value).empty()) return;
        }
        fault(at, "fits none of the choices");
    }

    bool check_bounds(const std::string& word,
                      const json& rule,
                      const json& value,
                      const std::string& at) {
        const auto size = [&](bool counts, std::size_t is, bool most) {
            if (counts && (most ? is > rule.get<std::size_t>() : is < rule.get<std::size_t>()))
                fault(at, fmt::format("{} {} is broken by {}", word, rule.dump(), is));
        };
        if (word == "minLength" || word == "maxLength") {
            size(value.is_string(),
                 value.is_string() ? value.get_ref<const std::string&>().size() : 0,
                 word == "maxLength");
        } else if (word == "minItems" || word == "maxItems") {
            size(value.is_array(), value.size(), word == "maxItems");
        } else if (word == "minProperties" || word == "maxProperties") {
            size(value.is_object(), value.size(), word == "maxProperties");
        } else if (word == "minimum") {
            if (value.is_number() && value < rule) fault(at, "is below " + rule.dump());
        } else if (word == "maximum") {
            if (value.is_number() && value > rule) fault(at, "is above " + rule.dump());
        } else if (word == "format") {
            if (rule == "date-time" && value.is_string() &&
                !parse_rfc3339(value.get<std::string>()))
                fault(at, "is no time");
        } else if (word == "uniqueItems") {
            std::set<json> seen;
            for (const auto& item : value.is_array() ? value : json::array()) {
                if (!seen.insert(item).second) fault(at, "has an item twice");
            }
        } else {
            return false;
        }
        return true;
    }

    bool check_members(const std::string& word,
                       const json& schema,
                       const json& rule,
                       const json& value,
                       const std::string& at) {
        if (word == "propertyNames") {
            if (!value.is_object()) return true;
            for (const auto& [name, inner] : value.items()) check(rule, name, at + "/" + name);
        } else if (word == "items") {
            for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
                check(rule, value[i], fmt::format("{}/{}", at, i));
        } else if (word == "required") {
            for (const auto& name : rule) {
                if (value.is_object() && !value.contains(name.get<std::string>()))
                    fault(at, "lacks " + name.dump());
            }
        } else if (word == "properties") {
            for (const auto& [name, inner] : rule.items()) {
                if (value.is_object() && value.contains(name))
                    check(inner, value[name], at + "/" + name);
            }
        } else if (word == "additionalProperties") {
            const auto known = schema.value("properties", json::object());
            if (!value.is_object()) return true;
            for (const auto& [name, inner] : value.items()) {
                if (!known.contains(name)) check(rule, inner, at + "/" + name);
            }
        } else {
            return false;
        }
        return true;
    }

    const json& root_;
    std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> faults_against(const json& schema, const json& value, const json& root) {
    return Checker(root).run(schema, value);
}

}  // namespace sg::api::test

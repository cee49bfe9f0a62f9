#include <nlohmann/json.hpp>

#include "config.hpp"
#include "config_fields.hpp"

namespace sg::apps {
namespace {

using Json = nlohmann::json;

Json schema_of(const KindFacts& facts) {
    switch (facts.type) {
        case KindFacts::Type::kFlag:
            return {{"type", "boolean"}};
        case KindFacts::Type::kInteger:
            return {{"type", "integer"}, {"minimum", *facts.min}, {"maximum", *facts.max}};
        case KindFacts::Type::kText:
            break;
    }
    Json schema{{"type", "string"}};
    if (!facts.choices.empty()) schema["enum"] = facts.choices;
    if (!facts.pattern.empty()) schema["pattern"] = facts.pattern;
    return schema;
}

class SchemaWriter {
  public:
    template <class T, class K>
    void field(const char* key, const T&, const K& kind, const char* description) {
        auto schema = schema_of(kind.facts());
        // YAML's readers take 8388608 and 0 for numbers.
        if constexpr (std::is_same_v<K, BytesKind> || std::is_same_v<K, TimeKind>)
            schema["type"] = {"string", "integer"};
        // ... and off for false, in its older version.
        if constexpr (std::is_same_v<K, TextKind>) {
            if (kind.rule == TextKind::Rule::kListen) schema["type"] = {"string", "boolean"};
        }
        put(key, std::move(schema), description);
    }
    void secret(const char* key,
                const std::string&,
                const SecretKind& kind,
                const char* description) {
        put(key,
            {{"type", "string"}, {"minLength", kind.min}, {"maxLength", kind.max}},
            description);
        put(std::string(key) + "_file",
            {{"type", "string"}},
            std::string("file that holds: ") + description);
    }
    template <class T, class K>
    void list(const char* key,
              const std::vector<T>&,
              const K& kind,
              std::size_t most,
              const char* description) {
        put(key,
            {{"type", "array"}, {"items", schema_of(kind.facts())}, {"maxItems", most}},
            description);
    }
    template <class S>
    void section(const char* key, S& member, const char* description) {
        auto schema = object_of(member);
        schema["type"] = {"object", "null"};
        put(key, std::move(schema), description);
    }
    template <class S>
    void sections(const char* key, std::vector<S>&, std::size_t most, const char* description) {
        S entry{};
        put(key, {{"type", "array"}, {"items", object_of(entry)}, {"maxItems", most}}, description);
    }

    template <class S>
    [[nodiscard]] static Json object_of(S& member) {
        SchemaWriter writer;
        visit(writer, member);
        return {{"type", "object"},
                {"properties", std::move(writer.properties_)},
                {"additionalProperties", false}};
    }

  private:
    void put(const std::string& key, Json schema, const std::string& description) {
        schema["description"] = description;
        properties_[key] = std::move(schema);
    }

    Json properties_ = Json::object();
};

}  // namespace

std::string config_schema() {
    ConfigDocument document;
    auto schema = SchemaWriter::object_of(document);
    schema["title"] = "StreamGate configuration";
    schema["$comment"] =
        "Written from the configuration's own table of keys; valid under drafts 7 and 2020-12.";
    return schema.dump(2);
}

}  // namespace sg::apps

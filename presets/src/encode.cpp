#include <initializer_list>
#include <type_traits>
#include <utility>

#include <base/digest.hpp>
#include <presets/loader.hpp>
#include <presets/preset.hpp>

#include "fields.hpp"

namespace sg::presets {

namespace {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

class Encoder {
  public:
    template <class T, class K>
    void field(const char* key, T& member, const K& kind, const char*) {
        if constexpr (IsOptional<T>::value) {
            if (member) json_[key] = kind.encode(static_cast<typename K::Wire>(*member));
        } else {
            json_[key] = kind.encode(static_cast<typename K::Wire>(member));
        }
    }

    template <class T, class K>
    void list(const char* key, std::vector<T>& member, const K& kind, std::size_t, const char*) {
        Json items = Json::array();
        for (const T& item : member) items.push_back(kind.encode(item));
        json_[key] = std::move(items);
    }

    template <class S>
    void section(const char* key, S& member, const char*) {
        json_[key] = group(member);
    }

    template <class S>
    void sections(const char* key, std::vector<S>& member, std::size_t, const char*) {
        Json items = Json::array();
        for (S& item : member) items.push_back(group(item));
        json_[key] = std::move(items);
    }

    template <class S>
    [[nodiscard]] static Json group(S& value) {
        Encoder encoder;
        visit(encoder, value);
        return std::move(encoder.json_);
    }

  private:
    Json json_ = Json::object();
};

class SchemaWriter {
  public:
    template <class T, class K>
    void field(const char* key, T&, const K& kind, const char* description) {
        add(key, kind.schema(), description);
    }

    template <class T, class K>
    void list(const char* key, std::vector<T>&, const K& kind, std::size_t most, const char* text) {
        add(key,
            Json{{"type", "array"},
                 {"items", kind.schema()},
                 {"maxItems", most},
                 {"uniqueItems", true}},
            text);
    }

    template <class S>
    void section(const char* key, S& member, const char* description) {
        add(key, group(member, {}), description);
    }

    template <class S>
    void sections(const char* key, std::vector<S>&, std::size_t most, const char* description) {
        S item{};
        add(key,
            Json{{"type", "array"}, {"items", group(item, {"name"})}, {"maxItems", most}},
            description);
    }

    template <class S>
    [[nodiscard]] static Json group(S& value, std::initializer_list<const char*> required) {
        SchemaWriter writer;
        visit(writer, value);
        Json json{{"type", "object"},
                  {"additionalProperties", false},
                  {"properties", std::move(writer.properties_)}};
        for (const char* const key : required) json["required"].push_back(key);
        return json;
    }

  private:
    void add(const char* key, Json schema, const char* description) {
        schema["description"] = description;
        properties_[key] = std::move(schema);
    }

    Json properties_ = Json::object();
};

Json to_json(const Preset& preset) {
    Preset copy = preset;  // the field table takes mutable members; the encoder changes none
    return Encoder::group(copy);
}

}  // namespace

std::string canonical_json(const Preset& preset) {
    return to_json(preset).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string digest(const Preset& preset) {
    return sha256_hex(canonical_json(preset));
}

std::string describe_json(const Preset& preset) {
    Json out{{"digest", digest(preset)}, {"preset", to_json(preset)}};
    if (!preset.extends.empty()) out["extends"] = preset.extends;
    return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string json_schema() {
    Preset preset;
    Json schema = SchemaWriter::group(preset, {"name"});
    schema["properties"]["extends"] =
        Json{{"type", "string"},
             {"maxLength", 1000},
             {"description", "The preset this one starts from: NAME, NAME@VERSION or a file path"}};
    schema["title"] = "StreamGate preset";
    schema["$comment"] = "Written from the loader's field table; valid under drafts 7 and 2020-12.";
    return schema.dump(2) + "\n";
}

}  // namespace sg::presets

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/result.hpp>
#include <media/codec.hpp>
#include <media/rational.hpp>
#include <media/timestamp.hpp>

namespace sg::pipeline {

/// A plan's types list their fields once, in a function template describe(archive, object);
/// PlanWriter and PlanReader are the two archives, so that writing and reading cannot drift apart.

template <class Enum, std::size_t kCount>
using NameTable = std::array<std::pair<Enum, const char*>, kCount>;

struct IntegerRange {
    std::int64_t least = std::numeric_limits<std::int64_t>::min();
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

class PlanWriter {
  public:
    template <class T>
    using Ref = const T&;

    template <class Int>
    void integer(const char* key, Int value, IntegerRange /*range*/) {
        node_[key] = value;
    }
    void boolean(const char* key, bool value) { node_[key] = value; }
    void text(const char* key, const std::string& value) { node_[key] = value; }
    void time(const char* key, std::int64_t value) {
        node_[key] = value == media::kNoTime ? nlohmann::json() : nlohmann::json(value);
    }
    void rational(const char* key, media::Rational value) {
        node_[key] = nlohmann::json::array({value.num, value.den});
    }
    void codec(const char* key, media::CodecId value) {
        node_[key] = std::string(media::codec_name(value));
    }
    template <class Enum, std::size_t kCount>
    void name(const char* key, Enum value, const NameTable<Enum, kCount>& table) {
        for (const auto& [known, text] : table) {
            if (known == value) node_[key] = text;
        }
    }
    void integers(const char* key, const std::vector<std::int64_t>& values) { node_[key] = values; }
    void pairs(const char* key, const std::vector<std::pair<std::string, std::string>>& values) {
        auto list = nlohmann::json::array();
        for (const auto& [first, second] : values) {
            list.push_back(nlohmann::json::array({first, second}));
        }
        node_[key] = std::move(list);
    }
    template <class T>
    void object(const char* key, const T& value) {
        PlanWriter inner;
        describe(inner, value);
        node_[key] = std::move(inner.node_);
    }
    template <class T>
    void objects(const char* key, const std::vector<T>& values) {
        auto list = nlohmann::json::array();
        for (const auto& value : values) {
            PlanWriter inner;
            describe(inner, value);
            list.push_back(std::move(inner.node_));
        }
        node_[key] = std::move(list);
    }
    /// Rules that hold between fields are the reader's business.
    void require(bool /*holds*/, const char* /*rule*/) {}

    [[nodiscard]] const nlohmann::json& node() const { return node_; }

  private:
    nlohmann::json node_ = nlohmann::json::object();
};

/// Reads one object of hostile JSON. Every field must be there, of the right type and within its
/// range, and nothing else; the first fault is kept in `fault` and ends all further reading.
class PlanReader {
  public:
    template <class T>
    using Ref = T&;

    PlanReader(const nlohmann::json& node, std::string path, std::optional<Error>& fault)
        : node_(node), path_(std::move(path)), fault_(fault) {
        if (!node_.is_object()) fail("", "is not an object");
    }

    template <class Int>
    void integer(const char* key, Int& value, IntegerRange range) {
        const auto* field = find(key);
        if (field == nullptr) return;
        const auto least = std::max<std::int64_t>(range.least, std::numeric_limits<Int>::min());
        const auto most = std::min<std::int64_t>(range.most, std::numeric_limits<Int>::max());
        const auto read = whole_number(*field);
        if (!read || *read < least || *read > most) {
            return fail(key, fmt::format("is not a whole number from {} to {}", least, most));
        }
        value = static_cast<Int>(*read);
    }
    void boolean(const char* key, bool& value) {
        const auto* field = find(key);
        if (field == nullptr) return;
        if (!field->is_boolean()) return fail(key, "is neither true nor false");
        value = field->get<bool>();
    }
    void text(const char* key, std::string& value) {
        const auto* field = find(key);
        if (field == nullptr) return;
        if (!field->is_string()) return fail(key, "is not a string");
        value = field->get_ref<const std::string&>();
    }
    void time(const char* key, std::int64_t& value) {
        const auto* field = find(key);
        if (field == nullptr) return;
        const auto read = field->is_null() ? media::kNoTime : whole_number(*field);
        if (!read) return fail(key, "is neither a whole number nor null");
        value = *read;
    }
    void rational(const char* key, media::Rational& value) {
        const auto* field = find(key);
        if (field == nullptr) return;
        constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
        const bool pair = field->is_array() && field->size() == 2;
        const auto num = pair ? whole_number((*field)[0]) : std::nullopt;
        const auto den = pair ? whole_number((*field)[1]) : std::nullopt;
        if (!num || !den || *num < 0 || *num > kMost || *den < 1 || *den > kMost) {
            return fail(key, "is not a fraction [numerator, denominator] of 32-bit numbers");
        }
        value = {*num, *den};
    }
    void codec(const char* key, media::CodecId& value) {
        std::string read;
        text(key, read);
        if (fault_) return;
        value = media::codec_from_name(read);
        if (media::codec_name(value) != read) fail(key, "is not a codec known here");
    }
    template <class Enum, std::size_t kCount>
    void name(const char* key, Enum& value, const NameTable<Enum, kCount>& table) {
        std::string read;
        text(key, read);
        if (fault_) return;
        for (const auto& [known, text] : table) {
            if (read == text) {
                value = known;
                return;
            }
        }
        fail(key, "is not a name known here");
    }
    void integers(const char* key, std::vector<std::int64_t>& values) {
        const auto* field = find_array(key);
        if (field == nullptr) return;
        values.clear();
        values.reserve(field->size());
        for (const auto& element : *field) {
            const auto read = whole_number(element);
            if (!read) return fail(key, "holds something that is not a whole number");
            values.push_back(*read);
        }
    }
    void pairs(const char* key, std::vector<std::pair<std::string, std::string>>& values) {
        const auto* field = find_array(key);
        if (field == nullptr) return;
        values.clear();
        for (const auto& element : *field) {
            if (!element.is_array() || element.size() != 2 || !element[0].is_string() ||
                !element[1].is_string()) {
                return fail(key, "holds something that is not a [name, value] of strings");
            }
            values.emplace_back(element[0].get<std::string>(), element[1].get<std::string>());
        }
    }
    template <class T>
    void object(const char* key, T& value) {
        const auto* field = find(key);
        if (field == nullptr) return;
        PlanReader inner(*field, path_of(key), fault_);
        describe(inner, value);
        inner.finish();
    }
    template <class T>
    void objects(const char* key, std::vector<T>& values) {
        const auto* field = find_array(key);
        if (field == nullptr) return;
        values.clear();
        for (const auto& element : *field) {
            PlanReader inner(element, fmt::format("{}[{}]", path_of(key), values.size()), fault_);
            values.emplace_back();
            describe(inner, values.back());
            inner.finish();
            if (fault_) return;
        }
    }
    void require(bool holds, const char* rule) {
        if (!fault_ && !holds) fail("", rule);
    }

    /// After the last field: whatever was not asked for is unknown.
    void finish() {
        if (!fault_ && node_.size() != seen_) fail("", "has a field that is not known here");
    }

  private:
    [[nodiscard]] std::string path_of(std::string_view key) const {
        if (key.empty()) return path_;
        return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
    }
    void fail(std::string_view key, const std::string& why) {
        if (fault_) return;
        const auto where = path_of(key);
        fault_ = Error{
            Errc::kBadData,
            fmt::format(
                "read plan: {} {} (make the plan again)", where.empty() ? "the plan" : where, why)};
    }
    [[nodiscard]] const nlohmann::json* find(const char* key) {
        if (fault_) return nullptr;
        const auto found = node_.find(key);
        if (found == node_.end()) {
            fail(key, "is missing");
            return nullptr;
        }
        ++seen_;
        return &*found;
    }
    [[nodiscard]] const nlohmann::json* find_array(const char* key) {
        const auto* field = find(key);
        if (field == nullptr || field->is_array()) return field;
        fail(key, "is not a list");
        return nullptr;
    }
    [[nodiscard]] static std::optional<std::int64_t> whole_number(const nlohmann::json& node) {
        if (!node.is_number_integer()) return std::nullopt;
        if (node.is_number_unsigned()) {
            const auto value = node.get<std::uint64_t>();
            if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
                return std::nullopt;
            }
            return static_cast<std::int64_t>(value);
        }
        return node.get<std::int64_t>();
    }

    const nlohmann::json& node_;
    std::string path_;
    std::optional<Error>& fault_;
    std::size_t seen_ = 0;
};

}  // namespace sg::pipeline

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <presets/document.hpp>

#include "names.hpp"

namespace sg::presets {

using Json = nlohmann::json;

/// Why a value was refused, without its place.
struct Fault {
    std::string message;
    std::vector<std::string> accepted;
};
using MaybeFault = std::optional<Fault>;

// A kind says how one sort of value is written: parse() from YAML, encode() to canonical JSON,
// schema() as JSON Schema. Wire is what parse() fills; a field may be of a narrower integer type,
// the limits see to it that it fits.

struct Flag {
    using Wire = bool;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(Wire value) const { return value; }
    [[nodiscard]] Json schema() const;
};

struct Integer {
    using Wire = std::int64_t;
    std::int64_t min;
    std::int64_t max;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(Wire value) const { return value; }
    [[nodiscard]] Json schema() const;
};

/// An integer with a unit suffix: 4500k and 4.5M bits, 64GiB bytes, 2s and 500ms.
struct Quantity {
    using Wire = std::int64_t;
    enum class Unit { kBits, kBytes, kMilliseconds };
    Unit unit;
    std::int64_t min;
    std::int64_t max;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(Wire value) const;
    [[nodiscard]] Json schema() const;
};

/// A number with at most two decimals, kept in hundredths.
struct Hundredths {
    using Wire = std::int64_t;
    std::int64_t min;
    std::int64_t max;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(Wire value) const;
    [[nodiscard]] Json schema() const;
};

/// 25, 30000/1001, 29.97 (which means 30000/1001).
struct Rate {
    using Wire = Fraction;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(const Wire& value) const;
    [[nodiscard]] Json schema() const;
};

/// "source", "max 60" or a rate.
struct RatePolicy {
    using Wire = FrameRatePolicy;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(const Wire& value) const;
    [[nodiscard]] Json schema() const;
};

struct Text {
    using Wire = std::string;
    enum class Rule {
        kIdentifier,  ///< becomes a file or folder name
        kFree,
        kSetting,  ///< a word for an encoder; a bare number is meant as written
        kLanguage,
        kCopyCodec,
    };
    Rule rule;
    std::size_t max_length;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(const Wire& value) const { return value; }
    [[nodiscard]] Json schema() const;
};

/// The word "all" (an empty list) or a list of language tags.
struct Languages {
    using Wire = std::vector<std::string>;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(const Wire& value) const;
    [[nodiscard]] Json schema() const;
};

struct Options {
    using Wire = std::map<std::string, std::string>;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const;
    [[nodiscard]] Json encode(const Wire& value) const { return value; }
    [[nodiscard]] Json schema() const;
};

/// The scalar's text, or why it is none.
[[nodiscard]] MaybeFault scalar_fault(const Node& node);
[[nodiscard]] Fault not_accepted(const Node& node, std::vector<std::string> accepted);

template <class E>
struct Choice {
    using Wire = E;
    [[nodiscard]] MaybeFault parse(const Node& node, Wire& out) const {
        if (auto fault = scalar_fault(node)) return fault;
        const auto names = names_of<E>();
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (node.text == names[i]) {
                out = static_cast<E>(i);
                return std::nullopt;
            }
        }
        return not_accepted(node, accepted_of<E>());
    }
    [[nodiscard]] Json encode(Wire value) const { return to_string(value); }
    [[nodiscard]] Json schema() const {
        return Json{{"type", "string"}, {"enum", accepted_of<E>()}};
    }
};

}  // namespace sg::presets

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <presets/document.hpp>

namespace sg::apps {

/// Why a value was refused, without its place.
struct ConfigFault {
    std::string message;
    std::vector<std::string> accepted;
};
using MaybeConfigFault = std::optional<ConfigFault>;

/// What a kind of value is, for the JSON Schema.
struct KindFacts {
    enum class Type { kText, kInteger, kFlag };
    Type type = Type::kText;
    std::string pattern;
    std::vector<std::string> choices;
    std::optional<std::int64_t> min;
    std::optional<std::int64_t> max;
};

using Instant = std::optional<std::chrono::system_clock::time_point>;

// A kind says how one sort of value is written: parse() from YAML, show() back, facts() for the
// schema.

struct FlagKind {
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, bool& out) const;
    [[nodiscard]] static std::string show(bool value) { return value ? "true" : "false"; }
    [[nodiscard]] static KindFacts facts();
};

struct IntegerKind {
    std::int64_t min;
    std::int64_t max;
    [[nodiscard]] MaybeConfigFault read(const presets::Node& node, std::int64_t& out) const;
    template <class T>
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, T& out) const {
        std::int64_t value = 0;
        auto fault = read(node, value);
        if (!fault) out = static_cast<T>(value);
        return fault;
    }
    [[nodiscard]] static std::string show(std::uint64_t value) { return std::to_string(value); }
    [[nodiscard]] KindFacts facts() const;
};

/// 512k, 8M, 2G in powers of 1024, or a plain number.
struct BytesKind {
    std::uint64_t min;
    std::uint64_t max;
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, std::size_t& out) const;
    [[nodiscard]] static std::string show(std::size_t value);
    [[nodiscard]] static KindFacts facts();
};

/// 500ms, 2s, 1.5s, 10m, 48h.
struct TimeKind {
    std::chrono::milliseconds min;
    std::chrono::milliseconds max;
    [[nodiscard]] MaybeConfigFault read(const presets::Node& node,
                                        bool whole_seconds,
                                        std::chrono::milliseconds& out) const;
    template <class D>
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, D& out) const {
        std::chrono::milliseconds value{0};
        auto fault = read(node, std::is_same_v<D, std::chrono::seconds>, value);
        if (!fault) out = std::chrono::duration_cast<D>(value);
        return fault;
    }
    [[nodiscard]] static std::string show(std::chrono::milliseconds value);
    [[nodiscard]] static KindFacts facts();
};

/// RFC 3339: 2026-01-31T12:00:00Z, 2026-01-31T12:00:00+01:00, or a date: 00:00 UTC of that day.
struct InstantKind {
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, Instant& out) const;
    [[nodiscard]] static std::string show(const Instant& value);
    [[nodiscard]] static KindFacts facts();
};

struct TextKind {
    enum class Rule {
        kListen,   ///< ADDRESS:PORT or off
        kName,     ///< a channel: "live/NAME"
        kPattern,  ///< of channels: "live/*"
        kWord,     ///< letters, digits, dash, underscore
        kPreset,
        kOrigin,   ///< "https://example.com" or "*"
        kAddress,  ///< numeric
        kUrl,
        kText,   ///< one line
        kOwner,  ///< letters, digits, and - _ . @ :
    };
    Rule rule;
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, std::string& out) const;
    /// Of a URL only what is no secret.
    [[nodiscard]] std::string show(const std::string& value) const;
    [[nodiscard]] KindFacts facts() const;
};

/// A file or folder. Relative ones in a file are relative to that file: resolved by the decoder.
struct PathKind {
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node,
                                         std::filesystem::path& out) const;
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, std::string& out) const;
    [[nodiscard]] static std::string show(const std::filesystem::path& value);
    [[nodiscard]] static KindFacts facts();
};

/// Enumerators counted from 0 have these names.
struct ChoiceKind {
    std::span<const char* const> names;
    [[nodiscard]] MaybeConfigFault read(const presets::Node& node, std::size_t& out) const;
    template <class E>
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, E& out) const {
        std::size_t index = 0;
        auto fault = read(node, index);
        if (!fault) out = static_cast<E>(index);
        return fault;
    }
    template <class E>
    [[nodiscard]] std::string show(E value) const {
        return names[static_cast<std::size_t>(value)];
    }
    [[nodiscard]] KindFacts facts() const;
};

/// A length in bytes; its text never appears in a message.
struct SecretKind {
    std::size_t min;
    std::size_t max;
    [[nodiscard]] MaybeConfigFault parse(const presets::Node& node, std::string& out) const;
    [[nodiscard]] MaybeConfigFault check(std::string_view text) const;
};

/// A YAML scalar: quoted where another reader could take it for something else than text.
[[nodiscard]] std::string yaml_scalar(const std::string& text);

}  // namespace sg::apps

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <formats/m3u8.hpp>

namespace sg::formats::m3u8 {

/// decimal-integer (RFC 8216 §4.2): digits only, below 2^64.
[[nodiscard]] std::optional<std::uint64_t> parse_integer(std::string_view text);

/// decimal-floating-point times 10^places, rounded half up; nothing when malformed or above about
/// 2^62.
[[nodiscard]] std::optional<std::int64_t> parse_decimal(std::string_view text, int places);

/// "<n>[@<o>]"; the offset is absent when not given.
struct RawRange {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> offset;
};
[[nodiscard]] std::optional<RawRange> parse_range(std::string_view text);

/// ISO 8601 date and time with zone, to milliseconds since 1970.
[[nodiscard]] std::optional<std::int64_t> parse_date_time(std::string_view text);

/// An attribute-list (RFC 8216 §4.2); views into the text it was parsed from. Error messages carry
/// no line number.
class AttributeList {
  public:
    [[nodiscard]] static Result<AttributeList> parse(std::string_view text);

    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
    /// Each reads an attribute of one syntax into `into` when present; kBadData when it has another
    /// syntax.
    [[nodiscard]] Status text(std::string_view name, std::string& into) const;
    [[nodiscard]] Status word(std::string_view name, std::string& into) const;
    [[nodiscard]] Status integer(std::string_view name, std::uint64_t& into) const;
    [[nodiscard]] Status yes_no(std::string_view name, bool& into) const;
    [[nodiscard]] Status decimal(std::string_view name, int places, std::int64_t& into) const;
    [[nodiscard]] Status resolution(std::string_view name, std::optional<Resolution>& into) const;
    [[nodiscard]] Status require(std::string_view name) const;

  private:
    struct Attribute {
        std::string_view name;
        std::string_view value;
        bool quoted = false;
    };
    [[nodiscard]] const Attribute* find(std::string_view name) const;
    /// The attribute, checked for being quoted or not; null when absent.
    [[nodiscard]] Result<const Attribute*> get(std::string_view name, bool quoted) const;

    std::vector<Attribute> attributes_;
};

}  // namespace sg::formats::m3u8

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <api/problem.hpp>
#include <nlohmann/json.hpp>

namespace sg::api {

/// Takes a small JSON object of a request apart and collects all its faults.
class FieldReader {
  public:
    /// The faults of an object with members that are not `known` begin with those.
    FieldReader(const nlohmann::json& object, std::vector<std::string_view> known);

    [[nodiscard]] bool has(std::string_view name) const { return object_.contains(name); }
    // Nothing when the member is missing or wrong; the latter is a fault.
    [[nodiscard]] std::optional<std::string> text(std::string_view name, std::size_t max_bytes);
    [[nodiscard]] std::optional<bool> flag(std::string_view name);
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name,
                                                      std::int64_t least,
                                                      std::int64_t most);
    [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name,
                                                                std::size_t max_entries);
    /// RFC 3339 in UTC, as milliseconds since 1970.
    [[nodiscard]] std::optional<std::int64_t> time(std::string_view name);

    void fault(std::string_view code, std::string_view name, std::string detail);
    /// Of all faults; nothing when there are none.
    [[nodiscard]] std::optional<Problem> refused() const;

  private:
    const nlohmann::json& object_;
    std::vector<Problem> faults_;
};

/// A request's body as an object.
[[nodiscard]] std::variant<nlohmann::json, Problem> read_object(std::string_view body);

/// "2026-01-31T12:00:00Z", with up to three decimals; only UTC.
[[nodiscard]] std::optional<std::int64_t> parse_utc(std::string_view text);

}  // namespace sg::api

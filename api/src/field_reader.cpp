#include "field_reader.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "json_body.hpp"
#include "query.hpp"
#include "utf8.hpp"

namespace sg::api {

using nlohmann::json;

FieldReader::FieldReader(const json& object, std::vector<std::string_view> known)
    : object_(object) {
    for (const auto& [name, unused] : object.items()) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const auto near = nearest(name, known);
        fault("unknown_field",
              name,
              near.empty()
                  ? fmt::format("there is no member {}; there are {}",
                                pointer_token(name),
                                fmt::join(known, ", "))
                  : fmt::format(
                        "there is no member {}; did you mean {}?", pointer_token(name), near));
    }
}

std::optional<std::string> FieldReader::text(std::string_view name, std::size_t max_bytes) {
    const auto found = object_.find(name);
    if (found == object_.end()) return std::nullopt;
    if (!found->is_string()) {
        fault("wrong_type", name, fmt::format("{} is a text", name));
        return std::nullopt;
    }
    auto value = found->get<std::string>();
    if (value.size() > max_bytes || !is_plain_text(value)) {
        fault("invalid_value",
              name,
              fmt::format("{} has at most {} bytes and no control characters", name, max_bytes));
        return std::nullopt;
    }
    return value;
}

std::optional<bool> FieldReader::flag(std::string_view name) {
    const auto found = object_.find(name);
    if (found == object_.end()) return std::nullopt;
    if (found->is_boolean()) return found->get<bool>();
    fault("wrong_type", name, fmt::format("{} is true or false", name));
    return std::nullopt;
}

std::optional<std::int64_t> FieldReader::integer(std::string_view name,
                                                 std::int64_t least,
                                                 std::int64_t most) {
    const auto found = object_.find(name);
    if (found == object_.end()) return std::nullopt;
    if (!found->is_number_integer()) {
        fault("wrong_type", name, fmt::format("{} is an integer", name));
        return std::nullopt;
    }
    const bool huge = found->is_number_unsigned() && found->get<std::uint64_t>() > std::uint64_t{1}
                                                                                       << 62U;
    if (huge || found->get<std::int64_t>() < least || found->get<std::int64_t>() > most) {
        fault("invalid_value", name, fmt::format("{} lies from {} to {}", name, least, most));
        return std::nullopt;
    }
    return found->get<std::int64_t>();
}

std::optional<std::vector<std::string>> FieldReader::texts(std::string_view name,
                                                           std::size_t max_entries) {
    const auto found = object_.find(name);
    if (found == object_.end()) return std::nullopt;
    const bool right =
        found->is_array() &&
        std::all_of(found->begin(), found->end(), [](const json& e) { return e.is_string(); });
    if (!right) {
        fault("wrong_type", name, fmt::format("{} is a list of texts", name));
        return std::nullopt;
    }
    if (found->size() > max_entries) {
        fault("invalid_value", name, fmt::format("{} has at most {} entries", name, max_entries));
        return std::nullopt;
    }
    return found->get<std::vector<std::string>>();
}

std::optional<std::int64_t> FieldReader::time(std::string_view name) {
    const auto value = text(name, 40);
    if (!value) return std::nullopt;
    const auto time = parse_utc(*value);
    if (!time) {
        fault("invalid_value",
              name,
              fmt::format("{} is a time in UTC like 2026-01-31T12:00:00Z", name));
    }
    return time;
}

void FieldReader::fault(std::string_view code, std::string_view name, std::string detail) {
    faults_.push_back(problem(code, std::move(detail), "/" + pointer_token(name)));
}

std::optional<Problem> FieldReader::refused() const {
    if (faults_.empty()) return std::nullopt;
    auto out = faults_.front();
    if (faults_.size() > 1) out.errors = faults_;
    return out;
}

std::variant<json, Problem> read_object(std::string_view body) {
    auto read = read_json(body);
    if (auto* document = std::get_if<json>(&read); document != nullptr && !document->is_object()) {
        return problem("wrong_type", "the body is a JSON object");
    }
    return read;
}

std::optional<std::int64_t> parse_utc(std::string_view text) {
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
    if (text.size() < kForm.size() + 1 || text.back() != 'Z') return std::nullopt;
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return std::nullopt;
    }
    const auto number = [&](std::size_t at, std::size_t digits) {
        int value = 0;
        for (std::size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
        return value;
    };
    std::tm parts{};
    parts.tm_year = number(0, 4) - 1900;
    parts.tm_mon = number(5, 2) - 1;
    parts.tm_mday = number(8, 2);
    parts.tm_hour = number(11, 2);
    parts.tm_min = number(14, 2);
    parts.tm_sec = number(17, 2);
    const std::tm asked = parts;
    const std::int64_t seconds = timegm(&parts);
    // timegm() takes the 31st of February for a day in March.
    if (parts.tm_mon != asked.tm_mon || parts.tm_mday != asked.tm_mday ||
        parts.tm_hour != asked.tm_hour || parts.tm_min != asked.tm_min) {
        return std::nullopt;
    }
    std::int64_t millis = 0;
    const auto fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
    if (!fraction.empty()) {
        if (fraction.front() != '.' || fraction.size() < 2 || fraction.size() > 4) {
            return std::nullopt;
        }
        std::int64_t unit = 100;
        for (const char c : fraction.substr(1)) {
            if (c < '0' || c > '9') return std::nullopt;
            millis += unit * (c - '0');
            unit /= 10;
        }
    }
    return seconds * 1000 + millis;
}

}  // namespace sg::api

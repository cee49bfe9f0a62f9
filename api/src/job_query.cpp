#include "job_query.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <base/clock.hpp>
#include <base/digest.hpp>

#include "utf8.hpp"

namespace sg::api {
namespace {

constexpr std::int64_t kMostJobs = 1000;
constexpr std::string_view kCursor = "j1.";

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || at != end) return std::nullopt;
    return value;
}

Problem refuse(std::string_view name, std::string_view text, std::string_view wanted) {
    constexpr std::size_t kShown = 100;
    return problem("invalid_parameter",
                   fmt::format("{} must be {}, not '{}'", name, wanted, text.substr(0, kShown)));
}

std::optional<jobs::Millis> time_of(std::string_view text) {
    const auto time = parse_rfc3339(text);
    if (!time) return std::nullopt;
    return std::chrono::floor<std::chrono::milliseconds>(time->time_since_epoch()).count();
}

/// Ties a place in a list to what the list shows.
std::string seal(std::string_view shape, std::int64_t seq) {
    constexpr std::size_t kDigits = 12;
    return sha256_hex(fmt::format("{}|{}", shape, seq)).substr(0, kDigits);
}

std::optional<std::int64_t> place_of(std::string_view cursor, std::string_view shape) {
    if (!cursor.starts_with(kCursor)) return std::nullopt;
    cursor.remove_prefix(kCursor.size());
    const auto dot = cursor.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    const auto seq = number(cursor.substr(0, dot));
    if (!seq || *seq < 1 || cursor.substr(dot + 1) != seal(shape, *seq)) return std::nullopt;
    return seq;
}

}  // namespace

std::optional<Problem> read_job_query(const FilterTexts& texts,
                                      const Principal& principal,
                                      std::int64_t default_limit,
                                      JobQuery& query) {
    auto& filter = query.filter;
    filter.limit = default_limit;
    std::string cursor;
    for (const auto& [name, text] : texts) {
        if (!is_utf8(text)) return refuse(name, "", "UTF-8");
        if (name == "cursor") {
            cursor = text;
            continue;
        }
        if (name == "limit") {
            const auto limit = number(text);
            if (!limit || *limit < 1 || *limit > kMostJobs)
                return refuse(name, text, "a number from 1 to 1000");
            filter.limit = *limit;
            continue;
        }
        query.shape += fmt::format("{}:{}={}:{}&", name.size(), name, text.size(), text);
        if (name == "state") {
            std::size_t at = 0;
            while (at <= text.size()) {
                const auto comma = std::min(text.find(',', at), text.size());
                const auto state = jobs::job_state(std::string_view(text).substr(at, comma - at));
                if (!state) return refuse(name, text, "states of jobs, with commas between");
                if (std::find(filter.states.begin(), filter.states.end(), *state) ==
                    filter.states.end())
                    filter.states.push_back(*state);
                at = comma + 1;
            }
        } else if (name == "tag") {
            const auto colon = text.find(':');
            if (colon == std::string::npos || colon == 0) return refuse(name, text, "KEY:VALUE");
            filter.tag.emplace(text.substr(0, colon), text.substr(colon + 1));
        } else if (name == "owner") {
            if (principal.role < Role::kOperator && text != principal.owner)
                return problem("forbidden", "only operators see the jobs of other owners");
            filter.owner = text;
        } else if (name == "external_id") {
            filter.external_id = text;
        } else if (name == "created_from" || name == "created_to") {
            const auto time = time_of(text);
            if (!time) return refuse(name, text, "a time as in 2026-01-31T12:00:00Z (RFC 3339)");
            (name == "created_from" ? filter.created_from : filter.created_to) = *time;
        } else {
            return problem("unknown_parameter", fmt::format("jobs are not filtered by {}", name));
        }
    }
    if (principal.role < Role::kOperator) filter.owner = principal.owner;
    if (cursor.empty()) return std::nullopt;
    const auto place = place_of(cursor, query.shape);
    if (!place) {
        return refuse(
            "cursor", cursor, "the next_cursor of an answer to the same question, unchanged");
    }
    filter.before_seq = *place;
    return std::nullopt;
}

std::string cursor_after(const JobQuery& query, std::int64_t seq) {
    return fmt::format("{}{}.{}", kCursor, seq, seal(query.shape, seq));
}

std::optional<Problem> read_if_match(std::string_view field, std::int64_t& version) {
    version = 0;
    if (field.empty() || field == "*") return std::nullopt;
    const bool quoted = field.size() > 2 && field.front() == '"' && field.back() == '"';
    const auto parsed = quoted ? number(field.substr(1, field.size() - 2)) : std::nullopt;
    if (!parsed || *parsed < 1)
        return refuse("If-Match", field, "the ETag of an answer, as in \"3\"");
    version = *parsed;
    return std::nullopt;
}

std::string etag(std::int64_t version) {
    return fmt::format("\"{}\"", version);
}

}  // namespace sg::api

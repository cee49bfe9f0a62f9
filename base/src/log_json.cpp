#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <base/log_format.hpp>

namespace sg::log {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const char* level_name(Level level) {
    constexpr const char* kNames[] = {"trace", "debug", "info", "warning", "error", "off"};
    return kNames[static_cast<std::size_t>(level)];
}

bool name_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || c == '_' || c == '.' || c == '-';
}

/// Length of a name at the start of `text`.
std::size_t name_length(std::string_view text) {
    const auto end = std::find_if_not(text.begin(), text.end(), name_character);
    return static_cast<std::size_t>(end - text.begin());
}

bool starts_with_pair(std::string_view text) {
    const auto length = name_length(text);
    return length > 0 && length < text.size() && text[length] == '=';
}

/// Values in quotes are written without escapes, so a quote closes only where a value may end.
std::size_t quoted_length(std::string_view text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] != '"') continue;
        if (i + 1 == text.size()) return i + 1;
        if (text[i + 1] == ' ' && starts_with_pair(text.substr(i + 2))) return i + 1;
    }
    const auto last = text.rfind('"');
    return last == 0 ? text.size() : last + 1;
}

void put(Fields& fields, std::string_view key, std::string_view value) {
    std::string name(key);
    if (name == "time" || name == "level" || name == "event" || name == "msg") name += '_';
    const auto known =
        std::find_if(fields.begin(), fields.end(), [&](auto& each) { return each.first == name; });
    if (known != fields.end()) {
        known->second = value;
    } else {
        fields.emplace_back(std::move(name), std::string(value));
    }
}

/// Takes key=value from the front.
void take_pair(std::string_view& rest, Fields& fields) {
    const auto equals = rest.find('=');
    const auto key = rest.substr(0, equals);
    rest.remove_prefix(equals + 1);
    if (rest.starts_with('"')) {
        const auto length = quoted_length(rest);
        const bool closed = length > 1 && rest[length - 1] == '"';
        put(fields, key, rest.substr(1, length - (closed ? 2 : 1)));
        rest.remove_prefix(length);
    } else {
        const auto length = std::min(rest.find(' '), rest.size());
        put(fields, key, rest.substr(0, length));
        rest.remove_prefix(length);
    }
}

}  // namespace

std::string json_line(Clock::Wall time, Level level, std::string_view line) {
    std::optional<std::string> event;
    std::string message;
    Fields fields;
    for (auto rest = line; !rest.empty();) {
        if (rest.front() == ' ') {
            rest.remove_prefix(1);
        } else if (starts_with_pair(rest)) {
            take_pair(rest, fields);
        } else if (const auto length = name_length(rest);
                   !event && message.empty() && length > 0 &&
                   (length == rest.size() || rest[length] == ' ' || rest[length] == ':')) {
            event = rest.substr(0, length);
            rest.remove_prefix(length);
            if (rest.starts_with(':')) rest.remove_prefix(1);
        } else {
            const auto word = std::min(rest.find(' '), rest.size());
            message.append(message.empty() ? "" : " ").append(rest.substr(0, word));
            rest.remove_prefix(word);
        }
    }
    nlohmann::ordered_json out;
    out["time"] = rfc3339(time);
    out["level"] = level_name(level);
    if (event) out["event"] = *event;
    if (!message.empty()) out["msg"] = message;
    for (auto& [key, value] : fields) out[key] = std::move(value);
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace sg::log

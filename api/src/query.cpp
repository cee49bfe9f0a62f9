#include "query.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "utf8.hpp"

namespace sg::api {
namespace {

constexpr std::size_t kMaxWord = 64;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decode(std::string_view raw) {
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        char c = raw[i] == '+' ? ' ' : raw[i];
        if (c == '%') {
            if (i + 2 >= raw.size()) return std::nullopt;
            const int high = hex_digit(raw[i + 1]);
            const int low = hex_digit(raw[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        out.push_back(c);
    }
    const bool control = std::any_of(out.begin(), out.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (control || !is_utf8(out)) return std::nullopt;
    return out;
}

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

Problem unknown(const std::string& name, const std::vector<QueryParam>& known) {
    if (name == "access_token" || name == "api_key" || name == "apikey" || name == "token" ||
        name.starts_with("sgk_")) {
        return problem("unknown_parameter",
                       "credentials do not go into an address, which is logged on its way; send "
                       "them as the field Authorization: Bearer, and replace this key");
    }
    std::vector<std::string_view> names;
    std::string list;
    for (const auto& param : known) {
        names.push_back(param.name);
        list += (list.empty() ? "" : ", ") + param.name;
    }
    if (names.empty()) {
        return problem("unknown_parameter",
                       fmt::format("the operation has no query parameters, '{}' was given", name));
    }
    const auto meant = nearest(name, names);
    const auto hint = meant.empty() ? std::string() : fmt::format("; did you mean '{}'?", meant);
    return problem("unknown_parameter",
                   fmt::format("there is no query parameter '{}'{} (known: {})", name, hint, list));
}

}  // namespace

std::string escaped_path(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c > 0x20 && c < 0x7f && c != '"' && c != '%') {
            out.push_back(c);
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
    if (word.size() > kMaxWord) return {};
    std::string_view best;
    std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const auto candidate : candidates) {
        const auto steps = distance(word, candidate);
        if (steps < least) {
            least = steps;
            best = candidate;
        }
    }
    return best;
}

std::optional<Problem> read_query(std::string_view raw,
                                  const std::vector<QueryParam>& known,
                                  Query& into) {
    while (!raw.empty()) {
        const auto item = raw.substr(0, raw.find('&'));
        raw.remove_prefix(std::min(raw.size(), item.size() + 1));
        if (item.empty()) continue;
        const auto equals = std::min(item.find('='), item.size());
        auto name = decode(item.substr(0, equals));
        auto value = decode(item.substr(std::min(equals + 1, item.size())));
        if (!name || !value) {
            return problem("invalid_parameter",
                           fmt::format("query parameter '{}': a bad percent escape, no UTF-8, or a "
                                       "control character",
                                       name.value_or("")));
        }
        const bool is_known = std::any_of(known.begin(), known.end(), [&](const QueryParam& param) {
            return param.name == name;
        });
        if (!is_known) return unknown(*name, known);
        if (!into.emplace(*name, std::move(*value)).second) {
            return problem("repeated_parameter",
                           fmt::format("query parameter '{}' is given twice", *name));
        }
    }
    return std::nullopt;
}

}  // namespace sg::api

#include "m3u8_attributes.hpp"

#include <charconv>
#include <chrono>
#include <limits>

#include <fmt/format.h>

namespace sg::formats::m3u8 {
namespace {

constexpr std::size_t kMaxAttributes = 64;

Error bad(std::string message) {
    return Error{Errc::kBadData, std::move(message)};
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name(char c) {
    return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-';
}

/// `count` digits at the front of `text`, which is advanced past them.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
    if (text.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (!is_digit(text[i])) return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

/// "Z" or "+hh:mm" or "+hhmm", in minutes.
std::optional<int> zone_minutes(std::string_view text) {
    if (text == "Z") return 0;
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto hours = take_digits(text, 2);
    take(text, ':');
    const auto minutes = take_digits(text, 2);
    if (!hours || !minutes || !text.empty()) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<std::uint64_t> parse_integer(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<std::int64_t> parse_decimal(std::string_view text, int places) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 40;
    std::int64_t value = 0;
    bool point = false;
    bool digits = false;
    bool round_up = false;
    int left = places;
    for (const char c : text) {
        if (c == '.' && !point && digits) {
            point = true;
            continue;
        }
        if (!is_digit(c)) return std::nullopt;
        digits = true;
        if (point && left <= 0) {
            if (left == 0) round_up = c >= '5';
            left = -1;
            continue;
        }
        if (value > kMax) return std::nullopt;
        value = value * 10 + (c - '0');
        if (point) --left;
    }
    if (!digits || text.back() == '.') return std::nullopt;
    for (; left > 0; --left) {
        if (value > kMax) return std::nullopt;
        value *= 10;
    }
    return value + (round_up ? 1 : 0);
}

std::optional<RawRange> parse_range(std::string_view text) {
    const auto at = text.find('@');
    const auto bytes = parse_integer(text.substr(0, at));
    if (!bytes || *bytes == 0) return std::nullopt;
    RawRange range{*bytes, std::nullopt};
    if (at != std::string_view::npos) {
        range.offset = parse_integer(text.substr(at + 1));
        if (!range.offset) return std::nullopt;
        if (*range.offset > std::numeric_limits<std::uint64_t>::max() - *bytes) return std::nullopt;
    }
    return range;
}

std::optional<std::int64_t> parse_date_time(std::string_view text) {
    using namespace std::chrono;
    const auto y = take_digits(text, 4);
    if (!y || !take(text, '-')) return std::nullopt;
    const auto mo = take_digits(text, 2);
    if (!mo || !take(text, '-')) return std::nullopt;
    const auto d = take_digits(text, 2);
    if (!d || !take(text, 'T')) return std::nullopt;
    const auto h = take_digits(text, 2);
    if (!h || !take(text, ':')) return std::nullopt;
    const auto mi = take_digits(text, 2);
    if (!mi || !take(text, ':')) return std::nullopt;
    const auto s = take_digits(text, 2);
    if (!s) return std::nullopt;
    int ms = 0;
    if (take(text, '.')) {
        int scale = 100;
        if (text.empty() || !is_digit(text.front())) return std::nullopt;
        for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
            ms += scale * (text.front() - '0');
            scale /= 10;
        }
    }
    const auto zone = zone_minutes(text);
    const year_month_day date{
        year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
    if (!zone || !date.ok() || *h > 24 || *mi > 59 || *s > 60) return std::nullopt;
    const auto time =
        sys_days{date} + hours{*h} + minutes{*mi - *zone} + seconds{*s} + milliseconds{ms};
    return duration_cast<milliseconds>(time.time_since_epoch()).count();
}

Result<AttributeList> AttributeList::parse(std::string_view text) {
    AttributeList list;
    while (!text.empty()) {
        std::size_t n = 0;
        while (n < text.size() && is_name(text[n])) ++n;
        if (n == 0 || n == text.size() || text[n] != '=')
            return bad(
                fmt::format("attribute list: NAME=VALUE expected at \"{}\"", text.substr(0, 40)));
        Attribute attribute{text.substr(0, n), {}, false};
        if (list.has(attribute.name))
            return bad(fmt::format("attribute {} appears twice", attribute.name));
        text.remove_prefix(n + 1);
        if (take(text, '"')) {
            const auto end = text.find('"');
            if (end == std::string_view::npos)
                return bad(fmt::format("{}: the quoted string does not end", attribute.name));
            attribute.value = text.substr(0, end);
            attribute.quoted = true;
            text.remove_prefix(end + 1);
            if (!text.empty() && text.front() != ',')
                return bad(
                    fmt::format("{}: a comma is wanted after the quoted string", attribute.name));
        } else {
            const auto end = text.find(',');
            attribute.value = text.substr(0, end);
            text.remove_prefix(attribute.value.size());
            if (attribute.value.empty() ||
                attribute.value.find_first_of(" \t\"") != std::string_view::npos)
                return bad(fmt::format("{}: \"{}\" is neither a quoted string nor a single word",
                                       attribute.name,
                                       attribute.value));
        }
        if (list.attributes_.size() == kMaxAttributes)
            return bad(fmt::format("more than {} attributes", kMaxAttributes));
        list.attributes_.push_back(attribute);
        if (take(text, ',') && text.empty()) return bad("attribute list ends with a comma");
    }
    return list;
}

const AttributeList::Attribute* AttributeList::find(std::string_view name) const {
    for (const Attribute& a : attributes_)
        if (a.name == name) return &a;
    return nullptr;
}

Result<const AttributeList::Attribute*> AttributeList::get(std::string_view name,
                                                           bool quoted) const {
    const Attribute* a = find(name);
    if (a != nullptr && a->quoted != quoted)
        return bad(fmt::format("{} must {}be a quoted string", name, quoted ? "" : "not "));
    return a;
}

Status AttributeList::text(std::string_view name, std::string& into) const {
    SG_TRY_ASSIGN(const Attribute* a, get(name, true));
    if (a != nullptr) into = a->value;
    return {};
}

Status AttributeList::word(std::string_view name, std::string& into) const {
    SG_TRY_ASSIGN(const Attribute* a, get(name, false));
    if (a != nullptr) into = a->value;
    return {};
}

Status AttributeList::integer(std::string_view name, std::uint64_t& into) const {
    SG_TRY_ASSIGN(const Attribute* a, get(name, false));
    if (a == nullptr) return {};
    const auto value = parse_integer(a->value);
    if (!value) return bad(fmt::format("{}=\"{}\" is not a whole number", name, a->value));
    into = *value;
    return {};
}

Status AttributeList::yes_no(std::string_view name, bool& into) const {
    SG_TRY_ASSIGN(const Attribute* a, get(name, false));
    if (a == nullptr) return {};
    if (a->value != "YES" && a->value != "NO")
        return bad(fmt::format("{}={} is neither YES nor NO", name, a->value));
    into = a->value == "YES";
    return {};
}

Status AttributeList::decimal(std::string_view name, int places, std::int64_t& into) const {
    SG_TRY_ASSIGN(const Attribute* a, get(name, false));
    if (a == nullptr) return {};
    const auto value = parse_decimal(a->value, places);
    if (!value) return bad(fmt::format("{}={} is not a decimal number", name, a->value));
    into = *value;
    return {};
}

Status AttributeList::resolution(std::string_view name, std::optional<Resolution>& into) const {
    SG_TRY_ASSIGN(const Attribute* a, get(name, false));
    if (a == nullptr) return {};
    const auto x = a->value.find('x');
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
    const std::uint64_t width = parse_integer(a->value.substr(0, x)).value_or(kMax + 1);
    const std::uint64_t height = x == std::string_view::npos
                                     ? kMax + 1
                                     : parse_integer(a->value.substr(x + 1)).value_or(kMax + 1);
    if (width > kMax || height > kMax)
        return bad(fmt::format("{}={} is not WIDTHxHEIGHT", name, a->value));
    into = Resolution{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
    return {};
}

Status AttributeList::require(std::string_view name) const {
    const Attribute* a = find(name);
    if (a == nullptr) return bad(fmt::format("no {} attribute", name));
    if (a->value.empty()) return bad(fmt::format("{} is empty", name));
    return {};
}

}  // namespace sg::formats::m3u8

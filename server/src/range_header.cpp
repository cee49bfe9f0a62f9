#include <algorithm>
#include <charconv>
#include <optional>

#include <server/range_header.hpp>

namespace sg::server {
namespace {

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

/// Calls `item` for each element of a comma list until it returns true.
template <class Item>
bool any_item(std::string_view list, Item item) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        if (item(trim(list.substr(0, comma)))) return true;
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
    return false;
}

bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
    });
}

}  // namespace

ByteRange parse_range(std::string_view header, std::uint64_t size) {
    constexpr std::string_view kUnit = "bytes=";
    header = trim(header);
    if (!same_word(header.substr(0, kUnit.size()), kUnit)) return {};
    const auto spec = trim(header.substr(kUnit.size()));
    const auto dash = spec.find('-');
    if (dash == std::string_view::npos) return {};
    const auto first = trim(spec.substr(0, dash));
    const auto last = trim(spec.substr(dash + 1));
    if (first.empty()) {
        const auto suffix = number(last);
        if (!suffix) return {};
        if (*suffix == 0 || size == 0) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
        const auto bytes = std::min(*suffix, size);
        return {ByteRange::Kind::kPart, size - bytes, bytes};
    }
    const auto from = number(first);
    const auto to = last.empty() ? std::optional(UINT64_MAX) : number(last);
    if (!from || !to || *to < *from) return {};
    if (*from >= size) return {ByteRange::Kind::kUnsatisfiable, 0, 0};
    return {ByteRange::Kind::kPart, *from, std::min(*to, size - 1) - *from + 1};
}

bool has_etag(std::string_view header, std::string_view etag) {
    return any_item(header, [&](std::string_view item) {
        if (item == "*") return true;
        if (item.starts_with("W/")) item.remove_prefix(2);
        return item.size() == etag.size() + 2 && item.front() == '"' && item.back() == '"' &&
               item.substr(1, etag.size()) == etag;
    });
}

bool accepts_gzip(std::string_view header) {
    return any_item(header, [](std::string_view item) {
        const auto semicolon = item.find(';');
        if (!same_word(trim(item.substr(0, semicolon)), "gzip")) return false;
        if (semicolon == std::string_view::npos) return true;
        const auto weight = trim(item.substr(semicolon + 1));
        // Only "q=0", "q=0.0"... refuse.
        return weight.find_first_of("123456789") != std::string_view::npos;
    });
}

}  // namespace sg::server

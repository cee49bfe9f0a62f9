#include "playlist_directives.hpp"

#include <charconv>

#include "request_target.hpp"

namespace sg::server {
namespace {

/// False when it is there and not a number.
bool read_number(std::string_view query,
                 std::string_view name,
                 std::optional<std::uint64_t>& value) {
    const auto text = query_parameter(query, name);
    if (!text) return true;
    std::uint64_t parsed = 0;
    const auto end = text->data() + text->size();
    const auto result = std::from_chars(text->data(), end, parsed);
    if (text->empty() || result.ec != std::errc() || result.ptr != end) return false;
    value = parsed;
    return true;
}

}  // namespace

std::optional<live::PlaylistDirectives> parse_directives(std::string_view query) {
    live::PlaylistDirectives out;
    if (!read_number(query, "_HLS_msn", out.msn)) return std::nullopt;
    if (!read_number(query, "_HLS_part", out.part)) return std::nullopt;
    if (out.part && !out.msn) return std::nullopt;
    if (const auto skip = query_parameter(query, "_HLS_skip")) {
        if (*skip != "YES" && *skip != "v2") return std::nullopt;
        out.skip = true;
    }
    return out;
}

}  // namespace sg::server

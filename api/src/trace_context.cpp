#include "trace_context.hpp"

#include <algorithm>
#include <cstdint>
#include <random>

#include <fmt/format.h>

namespace sg::api {
namespace {

constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanAt = 36;
constexpr std::size_t kSpanDigits = 16;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kLength = 55;

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

bool is_id(std::string_view text) {
    return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

bool is_request_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               c == '.' || c == '_' || c == '-' || c == ':';
    });
}

bool is_traceparent(std::string_view text) noexcept {
    if (text.size() < kLength || text[2] != '-' || text[kSpanAt - 1] != '-' ||
        text[kFlagsAt - 1] != '-') {
        return false;
    }
    const auto version = text.substr(0, 2);
    if (!is_hex(version) || version == "ff") return false;
    if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return false;
    return is_id(text.substr(kTraceAt, kTraceDigits)) && is_id(text.substr(kSpanAt, kSpanDigits)) &&
           is_hex(text.substr(kFlagsAt, 2));
}

std::string make_traceparent() {
    thread_local std::mt19937_64 random{
        (static_cast<std::uint64_t>(std::random_device{}()) << 32U) ^ std::random_device{}()};
    return fmt::format("00-{:016x}{:016x}-{:016x}-01", random() | 1U, random(), random() | 1U);
}

std::string_view trace_id_of(std::string_view traceparent) noexcept {
    return traceparent.substr(kTraceAt, kTraceDigits);
}

}  // namespace sg::api

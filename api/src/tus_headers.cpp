#include "tus_headers.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base64.hpp"
#include "utf8.hpp"

namespace sg::api {
namespace {

constexpr std::size_t kMaxMetadataBytes = 4'096;
constexpr std::size_t kMaxEntries = 32;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kSha256Bytes = 32;

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != ',';
    });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out.push_back(kDigits[static_cast<unsigned char>(c) >> 4U]);
        out.push_back(kDigits[static_cast<unsigned char>(c) & 15U]);
    }
    return out;
}

}  // namespace

std::optional<std::uint64_t> parse_tus_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc() || result.ptr != end ||
        value > std::uint64_t{1} << 62U) {
        return std::nullopt;
    }
    return value;
}

std::optional<TusMetadata> parse_tus_metadata(std::string_view text) {
    TusMetadata out;
    if (text.size() > kMaxMetadataBytes) return std::nullopt;
    if (trimmed(text).empty()) return out;
    for (;;) {
        const auto end = std::min(text.find(','), text.size());
        const auto entry = trimmed(text.substr(0, end));
        const auto space = std::min(entry.find(' '), entry.size());
        const auto name = entry.substr(0, space);
        auto value = from_base64(trimmed(entry.substr(space)));
        if (!is_name(name) || !value || out.size() >= kMaxEntries) return std::nullopt;
        if (!out.emplace(name, std::move(*value)).second) return std::nullopt;
        if (end == text.size()) return out;
        text.remove_prefix(end + 1);
    }
}

std::optional<TusChecksum> parse_tus_checksum(std::string_view text) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto name = text.substr(0, space);
    auto digest = from_base64(text.substr(space + 1));
    if (!digest) return std::nullopt;
    TusChecksum out;
    if (name == "sha1") {
        out.algorithm = TusChecksum::Algorithm::kSha1;
    } else if (name != "sha256") {
        return std::nullopt;
    }
    const auto bytes = out.algorithm == TusChecksum::Algorithm::kSha1 ? kSha1Bytes : kSha256Bytes;
    if (digest->size() != bytes) return std::nullopt;
    out.digest = std::move(*digest);
    return out;
}

std::optional<std::string> parse_sha256_hex(std::string_view text) {
    if (text.size() != 2 * kSha256Bytes) return std::nullopt;
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
    }
    return out;
}

std::optional<std::string> parse_digest_field(std::string_view text) {
    constexpr std::string_view kName = "sha-256=:";
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        auto member = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!member.starts_with(kName) || !member.ends_with(':')) continue;
        member.remove_prefix(kName.size());
        if (member.empty()) return std::nullopt;
        member.remove_suffix(1);
        const auto digest = from_base64(member);
        if (!digest || digest->size() != kSha256Bytes) return std::nullopt;
        return to_hex(*digest);
    }
    return std::nullopt;
}

std::string plain_file_name(std::string_view text) {
    const auto slash = text.find_last_of("/\\");
    if (slash != std::string_view::npos) text.remove_prefix(slash + 1);
    if (text == "." || text == ".." || text.size() > kMaxNameBytes || !is_utf8(text) ||
        !is_plain_text(text)) {
        return {};
    }
    return std::string(text);
}

}  // namespace sg::api

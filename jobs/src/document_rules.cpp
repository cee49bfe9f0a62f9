#include "document_rules.hpp"

#include <utility>

#include <fmt/format.h>

namespace sg::jobs {
namespace {

constexpr std::size_t kMaxUri = 4096;
constexpr std::size_t kMaxTags = 50;
constexpr std::size_t kMaxTagKey = 128;
constexpr std::size_t kMaxTagValue = 512;
constexpr std::size_t kMaxExternalId = 256;
constexpr std::size_t kMaxOverrides = 200;
constexpr std::size_t kMaxPresets = 20;

/// The text is UTF-8 already. Control characters (C0, DEL, C1) and those that turn the direction of
/// writing (U+202A to U+202E, U+2066 to U+2069) make one name look like another.
bool has_tricks(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = [&](std::size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        if (byte(i) < 0x20 || byte(i) == 0x7F) return true;
        if (byte(i) == 0xC2 && byte(i + 1) >= 0x80 && byte(i + 1) <= 0x9F) return true;
        if (byte(i) != 0xE2) continue;
        if (byte(i + 1) == 0x80 && byte(i + 2) >= 0xAA && byte(i + 2) <= 0xAE) return true;
        if (byte(i + 1) == 0x81 && byte(i + 2) >= 0xA6 && byte(i + 2) <= 0xA9) return true;
    }
    return false;
}

void check_one(std::string_view text, std::size_t most, std::string pointer, Faults& faults) {
    if (has_tricks(text)) {
        add_fault(faults,
                  "invalid_character",
                  std::move(pointer),
                  "holds a control character, or one that turns the direction of writing; remove "
                  "it");
    } else if (text.size() > most) {
        add_fault(faults,
                  "out_of_range",
                  std::move(pointer),
                  fmt::format("is longer than {} bytes", most));
    }
}

void check_count(
    std::size_t count, std::size_t most, const char* what, std::string pointer, Faults& faults) {
    if (count > most) {
        add_fault(faults,
                  "out_of_range",
                  std::move(pointer),
                  fmt::format("has {} {}; at most {} are accepted", count, what, most));
    }
}

}  // namespace

void add_fault(Faults& faults, const char* code, std::string pointer, std::string message) {
    faults.push_back({code, std::move(pointer), std::move(message)});
}

std::string pointer_token(std::string_view key) {
    std::string token;
    for (const char c : key) {
        if (c == '~' || c == '/') {
            token += c == '~' ? "~0" : "~1";
        } else {
            token += c;
        }
    }
    return token;
}

void check_texts(const engine::JobDocument& document, std::size_t max_inputs, Faults& faults) {
    check_count(document.inputs.size(), max_inputs, "inputs", "/inputs", faults);
    for (std::size_t i = 0; i < document.inputs.size() && i < max_inputs; ++i) {
        const auto& input = document.inputs[i];
        const auto at = fmt::format("/inputs/{}", i);
        check_one(input.uri, kMaxUri, at + "/uri", faults);
        check_one(input.name, kMaxUri, at + "/name", faults);
        check_count(input.overrides.size(), kMaxOverrides, "keys", at + "/set", faults);
    }
    check_one(document.output, kMaxUri, "/output", faults);
    check_one(document.external_id, kMaxExternalId, "/external_id", faults);
    check_count(document.overrides.size(), kMaxOverrides, "keys", "/set", faults);
    check_count(document.presets.size(), kMaxPresets, "presets", "/presets", faults);
    check_count(document.tags.size(), kMaxTags, "tags", "/tags", faults);
    for (const auto& [key, value] : document.tags) {
        const auto at = key.size() > kMaxTagKey ? "/tags" : "/tags/" + pointer_token(key);
        if (key.empty()) {
            add_fault(faults, "invalid_value", at, "a tag's name is empty");
        } else {
            check_one(key, kMaxTagKey, at, faults);
        }
        check_one(value, kMaxTagValue, at, faults);
    }
}

void check_one_text(const std::string& text, const std::string& pointer, Faults& faults) {
    check_one(text, kMaxUri, pointer, faults);
}

}  // namespace sg::jobs

#include "document_presets.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <jobs/preset_table.hpp>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>
#include <presets/loader.hpp>

namespace sg::jobs {
namespace {

struct PresetName {
    std::string name;
    std::optional<std::int64_t> version;
};

/// "web-hd", "web-hd@1"; nothing for what is neither (files are not to be had over a network).
std::optional<PresetName> preset_name(std::string_view text) {
    PresetName parsed;
    const auto at = text.find('@');
    parsed.name = text.substr(0, at);
    const bool plain = std::all_of(parsed.name.begin(), parsed.name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
    if (!plain || parsed.name.empty()) return std::nullopt;
    if (at == std::string_view::npos) return parsed;
    const auto digits = text.substr(at + 1);
    std::int64_t version = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), version);
    if (error != std::errc{} || end != digits.data() + digits.size() || version < 1)
        return std::nullopt;
    parsed.version = version;
    return parsed;
}

const presets::LibraryEntry* library_entry(const PresetName& wanted) {
    for (const auto& entry : presets::Library::embedded()) {
        if (entry.name == wanted.name && (!wanted.version || *wanted.version == entry.version))
            return &entry;
    }
    return nullptr;
}

/// Stored ones are canonical JSON; the table gives them their number.
std::string with_version(const std::string& text, std::int64_t version) {
    auto preset = nlohmann::json::parse(text, nullptr, false);
    if (!preset.is_object()) return text;
    preset["version"] = version;
    return preset.dump();
}

/// Names the member at fault: the override, where it is one.
void add_preset_fault(const presets::Problem& problem,
                      const std::map<std::string, std::string>& pointers,
                      const std::string& preset_pointer,
                      Faults& faults) {
    constexpr std::string_view kSet = "--set ";
    std::string pointer = preset_pointer;
    if (problem.file.starts_with(kSet)) {
        const auto found = pointers.find(problem.file.substr(kSet.size()));
        if (found != pointers.end()) pointer = found->second;
    }
    auto shown = problem;
    shown.file.clear();
    shown.line = 0;
    add_fault(faults, "bad_preset", std::move(pointer), presets::to_string(shown));
}

}  // namespace

bool DocumentPresets::known_good(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return good_.contains(key);
}

void DocumentPresets::remember(std::string key) {
    constexpr std::size_t kMost = 4096;
    const std::lock_guard lock(mutex_);
    if (good_.size() >= kMost) good_.clear();
    good_.insert(std::move(key));
}

std::string DocumentPresets::pin_one(sql::Connection& db,
                                     std::string_view owner,
                                     const std::string& name,
                                     const std::string& pointer,
                                     engine::JobDocument& document,
                                     Faults& faults) const {
    if (document.presets.contains(name)) return name;
    const auto wanted = preset_name(name);
    if (!wanted) {
        add_fault(faults,
                  "unknown_preset",
                  pointer,
                  "must be the name of a preset, as in web-hd or web-hd@1; a file's preset goes "
                  "into the document's \"presets\"");
        return {};
    }
    if (const auto* entry = library_entry(*wanted))
        return fmt::format("{}@{}", entry->name, entry->version);
    auto stored = find_preset(db, owner, wanted->name, wanted->version);
    if (stored) {
        auto pinned = fmt::format("{}@{}", stored->name, stored->version);
        document.presets.emplace(pinned, with_version(stored->yaml, stored->version));
        return pinned;
    }
    if (stored.error().code != Errc::kNotFound) {
        add_fault(faults, "unavailable", pointer, stored.error().message);
        return {};
    }
    std::vector<std::string> names;
    for (const auto& entry : presets::Library::embedded()) names.push_back(entry.name);
    auto message = fmt::format("there is no preset {}", name);
    if (const auto near = presets::nearest(wanted->name, names); !near.empty())
        message += fmt::format("; did you mean {}?", near);
    add_fault(faults, "unknown_preset", pointer, message + " (GET /v1/presets lists them)");
    return {};
}

void DocumentPresets::pin(sql::Connection& db,
                          std::string_view owner,
                          engine::JobDocument& document,
                          Faults& faults) {
    const auto faults_before = faults.size();
    const bool all_name_their_own = std::all_of(
        document.inputs.begin(), document.inputs.end(), [](const engine::JobInput& input) {
            return input.preset.has_value();
        });
    if (auto pinned = pin_one(db, owner, document.preset, "/preset", document, faults);
        !pinned.empty())
        document.preset = std::move(pinned);
    for (std::size_t i = 0; i < document.inputs.size(); ++i) {
        auto& input = document.inputs[i];
        const auto at = fmt::format("/inputs/{}/preset", i);
        if (!input.preset) continue;
        if (auto pinned = pin_one(db, owner, *input.preset, at, document, faults); !pinned.empty())
            input.preset = std::move(pinned);
    }
    if (faults.size() > faults_before) return;

    // Each pair of preset and overrides once, however many inputs have it.
    std::set<std::string> seen;
    const auto check = [&](const std::string& name,
                           const std::map<std::string, std::string>& own,
                           const std::string& below) {
        auto overrides = document.overrides;
        std::map<std::string, std::string> pointers;
        for (const auto& [key, value] : document.overrides)
            pointers[key] = "/set/" + pointer_token(key);
        for (const auto& [key, value] : own) {
            overrides[key] = value;
            pointers[key] = below + "/set/" + pointer_token(key);
        }
        const auto carried = document.presets.find(name);
        const auto library = presets::Library::text(name);
        const std::string_view text = carried != document.presets.end()
                                          ? std::string_view(carried->second)
                                          : library.value_or(std::string_view{});
        Sha256 digest;
        const auto add = [&digest](std::string_view part) {
            digest.update(fmt::format("{}:", part.size()));
            digest.update(part);
        };
        add(text);
        for (const auto& [key, value] : overrides) {
            add(key);
            add(value);
        }
        auto key = digest.finish_hex();
        if (!seen.insert(key).second || known_good(key)) return;
        const auto problems = presets::check_text(text, name, overrides);
        if (problems.empty()) return remember(std::move(key));
        for (const auto& problem : problems)
            add_preset_fault(problem, pointers, below + "/preset", faults);
    };
    if (!all_name_their_own) check(document.preset, {}, "");
    for (std::size_t i = 0; i < document.inputs.size(); ++i) {
        const auto& input = document.inputs[i];
        if (!input.preset && input.overrides.empty()) continue;
        check(
            input.preset.value_or(document.preset), input.overrides, fmt::format("/inputs/{}", i));
    }
}

}  // namespace sg::jobs

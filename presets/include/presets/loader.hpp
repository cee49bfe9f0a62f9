#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <presets/document.hpp>
#include <presets/preset.hpp>

namespace sg::presets {

/// Dotted key to value in YAML syntax: {"video.crf", "21"}, {"video.ladder.720p.max_bitrate",
/// "3M"}, {"packaging.formats", "[dash]"}.
using Overrides = std::map<std::string, std::string>;

struct LibraryEntry {
    std::string name;
    int version = 1;
    std::string description;
};

/// The presets built into this binary, sorted by name.
class Library {
  public:
    [[nodiscard]] static const std::vector<LibraryEntry>& embedded();
    /// The YAML text of "name" (highest version) or "name@version"; none when there is no such
    /// preset.
    [[nodiscard]] static std::optional<std::string_view> text(std::string_view name_at_version);
};

/// A library preset ("web-hd", "web-hd@1") or a file (anything with a slash or ending in .yaml,
/// .yml or .json). Resolves `extends`, applies the overrides, checks. The error names the first
/// fault and says how many more there are.
[[nodiscard]] Result<Preset> load_preset(const std::string& name_or_path,
                                         const Overrides& overrides = {});

/// The same from text that came over a network: `extends` may name library presets only. `label`
/// stands for the file in errors.
[[nodiscard]] Result<Preset> preset_from_text(std::string_view yaml,
                                              const std::string& label,
                                              const Overrides& overrides = {});

/// Reads what canonical_json() wrote (a preset inside a plan).
[[nodiscard]] Result<Preset> preset_from_json(std::string_view json);

/// Changes a resolved preset and checks it again.
[[nodiscard]] Result<Preset> apply_overrides(const Preset& preset, const Overrides& overrides);

/// All faults of a file in one pass; empty when it is good. Never throws, whatever the bytes are.
[[nodiscard]] std::vector<Problem> check(const std::filesystem::path& path);
/// Faults of an override have "--set KEY" for their file.
[[nodiscard]] std::vector<Problem> check_text(std::string_view yaml,
                                              const std::string& label,
                                              const Overrides& overrides = {});

/// For people: `presets show`.
[[nodiscard]] std::string describe(const Preset& preset);
/// For programs: canonical JSON, indented, with "digest" beside "preset".
[[nodiscard]] std::string describe_json(const Preset& preset);

/// The JSON Schema of preset files (the subset that drafts 7 and 2020-12 share), made from the
/// loader's own field table.
[[nodiscard]] std::string json_schema();

}  // namespace sg::presets

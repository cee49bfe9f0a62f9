#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <engine/job.hpp>

namespace sg::apps {

/// CSV (RFC 4180, header line with input[,name][,preset]). Relative inputs are relative to the
/// current folder. Errors name file, line and what is accepted.
[[nodiscard]] Result<std::vector<engine::JobInput>> parse_csv_list(std::string_view text,
                                                                   const std::string& name);
/// One JSON object a line: {"input": "a.mov", "name": "a", "preset": "mobile", "set": {"video.crf":
/// "21"}}
[[nodiscard]] Result<std::vector<engine::JobInput>> parse_ndjson_list(std::string_view text,
                                                                      const std::string& name);
/// By the file's ending: .csv, or .ndjson and .jsonl.
[[nodiscard]] Result<std::vector<engine::JobInput>> load_input_list(
    const std::filesystem::path& path);

/// Expands what the shell left alone ('*.mov' in quotes). A file of that very name, an image
/// pattern and a pattern that matches nothing stay as they are.
[[nodiscard]] std::vector<std::string> expand_globs(const std::vector<std::string>& words);

}  // namespace sg::apps

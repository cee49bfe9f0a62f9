#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <jobs/watch_folder.hpp>

namespace sg::jobs {

/// Absolute paths, done and failed filled in; kInvalidArgument names the rule and what is wrong.
[[nodiscard]] Result<std::vector<WatchRule>> completed_rules(std::vector<WatchRule> rules);

/// Whether a file of this name, without folder, is one of the rule's: no unfinished or hidden one.
[[nodiscard]] bool matches(const WatchRule& rule, const std::string& file_name);

/// Well-formed UTF-8 without control characters: what a job document can say.
[[nodiscard]] bool is_plain_text(std::string_view bytes);

}  // namespace sg::jobs

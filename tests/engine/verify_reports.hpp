#pragma once

#include <filesystem>
#include <set>
#include <string>

#include <engine/verify.hpp>

namespace sg::engine::test {

using Names = std::set<std::string>;

/// Fails the test when there is nothing to check.
[[nodiscard]] VerifyReport check(const std::filesystem::path& folder,
                                 VerifyMode mode = VerifyMode::kQuick,
                                 const pipeline::Plan* plan = nullptr);

/// Names of the checks that failed, or warned.
[[nodiscard]] Names failed(const VerifyReport& report);
[[nodiscard]] Names warned(const VerifyReport& report);
[[nodiscard]] bool says(const VerifyReport& report, const std::string& words);

}  // namespace sg::engine::test

#pragma once

#include <filesystem>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::sql {

/// Makes this process the only one with the database open, by a lock on "<database>.lock" that the
/// kernel drops when the process ends in whatever way. kInvalidArgument when another one has it.
[[nodiscard]] Result<UniqueFd> own_file(const std::filesystem::path& database);

}  // namespace sg::sql

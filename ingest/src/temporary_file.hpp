#pragma once

#include <base/result.hpp>
#include <base/unique_fd.hpp>

#include <filesystem>

namespace sg::ingest {

/// A file without a name, gone when its descriptor closes.
[[nodiscard]] Result<UniqueFd> temporary_file(const std::filesystem::path& folder);

}  // namespace sg::ingest

#pragma once

#include <filesystem>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::ingest {

/// A file without a name, gone when its descriptor closes.
[[nodiscard]] Result<UniqueFd> temporary_file(const std::filesystem::path& folder);

}  // namespace sg::ingest

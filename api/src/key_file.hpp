#pragma once

#include <filesystem>
#include <string_view>

#include <base/result.hpp>

namespace sg::api {

/// Makes a file that only its owner may read, all at once and durably: half a key would be taken
/// for a damaged one, and the service would never start again. kIo when the file is there.
[[nodiscard]] Status make_key_file(const std::filesystem::path& path, std::string_view text);

}  // namespace sg::api

#pragma once

#include <filesystem>

#include <base/clock.hpp>

namespace sg::live {

class ActiveFolders;

/// Removes media files that nobody writes and whose last segment is older than their channel keeps
/// them, then folders and states that have nothing left. `folder` holds
/// <application>/<name>/<epoch>/. Touches no other files.
void clean_store(const std::filesystem::path& folder, const ActiveFolders& active, Clock::Wall now);

}  // namespace sg::live

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <base/result.hpp>

namespace sg::engine {

/// Removes the presentation that we published in a folder, as its ledger lists it, and the folder
/// when that leaves it empty. Nothing when there is none. Other files stay.
[[nodiscard]] Status remove_published(const std::filesystem::path& folder);

/// What a folder's ledger lists: the plan's digest, and files and folders directly below.
struct Published {
    std::string plan;
    std::vector<std::string> entries;
};
/// kNotFound when we published nothing there.
[[nodiscard]] Result<Published> read_published(const std::filesystem::path& folder);

}  // namespace sg::engine

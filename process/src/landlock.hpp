#pragma once

#include <filesystem>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::process {

struct LandlockFolders {
    std::vector<std::filesystem::path> read;
    std::vector<std::filesystem::path> write;
    bool network = false;
    bool programs = false;
};

/// The version of its interface, 0 when the kernel has none.
[[nodiscard]] int landlock_version() noexcept;

/// Prepared while paths can still be opened, put in force later; an invalid descriptor when the
/// kernel has no Landlock.
[[nodiscard]] Result<UniqueFd> make_landlock_rules(const LandlockFolders& folders);
/// Needs no_new_privs.
[[nodiscard]] Status enter_landlock(int rules);

}  // namespace sg::process

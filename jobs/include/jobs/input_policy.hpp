#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::jobs {

/// A folder that was checked when it was opened.
struct OutputFolder {
    std::filesystem::path path;  ///< without links
    UniqueFd fd;

    /// kPermission when `path` leads to another folder by now (somebody moved it and put a link or
    /// another one in its place). Asked before publishing.
    [[nodiscard]] Status still_there() const;
};

/// The folders below which jobs may name files, held open. Every path is resolved by the kernel
/// below one of them (openat2 with RESOLVE_BENEATH; a walk component by component with O_NOFOLLOW
/// where it is missing), so no link, "..", or exchange of a folder at the same time leads out.
/// Thread-safe. Errors name the rule that refused: kPermission (outside of the roots, a link that
/// leads out), kInvalidArgument (relative, a folder, device, pipe or socket), kNotFound.
class AllowedRoots {
  public:
    /// Roots must exist and be absolute; a root that is a link itself is resolved once, here. None:
    /// no local path may be named. What lies in `closed`, the service's own folder, may not be
    /// named through a root above it.
    [[nodiscard]] static Result<AllowedRoots> open(const std::vector<std::filesystem::path>& roots,
                                                   const std::filesystem::path& closed = {});

    /// A regular file, for reading. `path` is absolute. Does not wait.
    [[nodiscard]] Result<UniqueFd> open_input(const std::filesystem::path& path) const;
    /// Says whether open_input() would do now, for dry runs and submissions.
    [[nodiscard]] Status check_input(const std::filesystem::path& path) const;

    /// Makes the folder, and those above it below the root, where they are missing (mode 0755). A
    /// root itself is no output folder.
    [[nodiscard]] Result<OutputFolder> open_output(const std::filesystem::path& path) const;
    /// Makes nothing; what is missing is right.
    [[nodiscard]] Status check_output(const std::filesystem::path& path) const;

    [[nodiscard]] bool empty() const noexcept { return roots_.empty(); }

  private:
    struct Root {
        std::filesystem::path path;  ///< as it was given
        std::filesystem::path real;
        UniqueFd fd;
    };
    struct Place;
    [[nodiscard]] Result<Place> place_of(const std::filesystem::path& path) const;
    [[nodiscard]] Status must_be_open(int fd, const Place& place) const;

    std::vector<Root> roots_;
    std::filesystem::path closed_;  ///< without links; empty: nothing
};

}  // namespace sg::jobs

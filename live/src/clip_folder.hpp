#pragma once

#include <filesystem>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::live {

/// The folder that a clip is written to. Until keep() a file marks it as unfinished: what a killed
/// run left there is written anew, and not taken for somebody else's files. One thread.
class ClipFolder {
  public:
    /// Makes the folder, or empties one that is unfinished. kInvalidArgument when there is anything
    /// else, or another process writes there.
    [[nodiscard]] static Result<ClipFolder> take(const std::filesystem::path& folder);
    /// Without keep(): removes what was written.
    ~ClipFolder();
    ClipFolder(ClipFolder&& other) noexcept;
    ClipFolder& operator=(ClipFolder&&) = delete;
    ClipFolder(const ClipFolder&) = delete;
    ClipFolder& operator=(const ClipFolder&) = delete;

    /// All of it is there.
    [[nodiscard]] Status keep();

  private:
    ClipFolder(std::filesystem::path folder, bool made, UniqueFd lock);

    std::filesystem::path folder_;
    bool made_;
    UniqueFd lock_;  ///< on the mark; none any more: nothing to remove
};

}  // namespace sg::live

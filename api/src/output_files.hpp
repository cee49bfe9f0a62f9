#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::api {

struct OutputFile {
    std::string path;  ///< below the outputs, with "/"
    std::uint64_t bytes = 0;
    jobs::Millis modified = 0;
};

struct OpenedOutput {
    UniqueFd fd;
    std::uint64_t bytes = 0;
    std::string etag;  ///< strong, without quotes
};

/// Files that may be handed out. Functions block.
class OutputFiles {
  public:
    /// What a job published: all below its own folder; of a folder that its document names, and
    /// that others may use too, only what the ledger of this job's plan lists.
    [[nodiscard]] static OutputFiles of(const std::filesystem::path& data, const jobs::Job& job);
    /// All below a folder.
    [[nodiscard]] static OutputFiles in(std::filesystem::path folder);

    /// Regular files only, never through a link or out of the folder. `path` is hostile text.
    /// kNotFound.
    [[nodiscard]] Result<OpenedOutput> open(std::string_view path) const;
    /// In the order of their paths. kLimit when there are more than `most`.
    [[nodiscard]] Result<std::vector<OutputFile>> list(std::size_t most) const;

  private:
    struct Part {
        std::filesystem::path folder;
        std::string prefix;  ///< of its paths: "" or "film/"
        /// Names directly below the folder that are the job's; nothing: all are.
        std::optional<std::vector<std::string>> entries;
    };
    std::vector<Part> parts_;
};

/// Content types by which players understand what we publish; application/octet-stream for others.
[[nodiscard]] std::string_view output_type(std::string_view path) noexcept;

/// "a/b.m4s": no empty, ".", ".." or hidden segments, no control characters.
[[nodiscard]] bool is_output_path(std::string_view path) noexcept;

}  // namespace sg::api

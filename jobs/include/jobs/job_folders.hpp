#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>

#include <base/result.hpp>

// Where a job's files lie below a service's data folder.

namespace sg::jobs {

/// What it publishes when its document names no folder, or a relative one.
[[nodiscard]] std::filesystem::path own_output_folder(const std::filesystem::path& data,
                                                      std::string_view job);
/// The folder that its document names, when that is an absolute one, else its own.
[[nodiscard]] std::filesystem::path output_folder(const std::filesystem::path& data,
                                                  const Job& job);
/// What it needs until it has ended: fetched inputs, indexes, finished chunks.
[[nodiscard]] std::filesystem::path work_folder(const std::filesystem::path& data,
                                                std::string_view job);
/// Where an input that its document gives by URL is fetched to; `input` is its index.
[[nodiscard]] std::filesystem::path fetched_input(const std::filesystem::path& data,
                                                  std::string_view job,
                                                  std::size_t input);

/// Folders below its own output folder with halves of what an ended job showed early; the folder
/// itself when nothing of it went well. `result`: as stored with the job.
[[nodiscard]] std::vector<std::filesystem::path> unfinished_outputs(
    const std::filesystem::path& data,
    std::string_view job,
    JobState state,
    std::int64_t outputs_bytes,
    std::string_view result);

/// Whether the presentation that a ledger of this plan lists is the job's: in a folder that
/// documents name, another job's may stand.
[[nodiscard]] bool published_by(const Job& job, std::string_view plan);

/// Removes what the job published: its own folder whole; of a folder that the document names only
/// what a ledger there says this job published. kMismatch while the job has not ended. Blocks.
[[nodiscard]] Status delete_outputs(const std::filesystem::path& data, const Job& job);

}  // namespace sg::jobs

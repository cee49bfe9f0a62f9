#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::engine {

/// `<output>/.streamgate`, or a folder of a service's: everything an unfinished run has. What makes
/// resuming safe is the order of writes: a task writes below its own attempt folder; its files are
/// moved to `stage`; only then its result is recorded, atomically and durably. A task without a
/// result record is run again, and makes the same bytes.
///
///     plan.json              the plan that all results belong to
///     index-*.json           the source's index
///     attempts/<task>-<n>/   what a running task writes
///     stage/                 the CMAF segments of finished tasks
///     final/                 the presentation as it will be published, when it is not the stage
///                            itself (TS, single files)
///     results/<task>.json    finished tasks
///     journal/<track>.ndjson audio segments as they were made
///
/// It is gone at once, by its name, when a presentation is published: a kill leaves all of it or
/// nothing to go on with.
class WorkFolder {
  public:
    /// Makes the folder at `path` and takes its lock. kInvalidArgument when another run holds it.
    [[nodiscard]] static Result<WorkFolder> open(const std::filesystem::path& output,
                                                 const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& output() const { return output_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::filesystem::path stage() const { return path() / "stage"; }
    [[nodiscard]] std::filesystem::path final() const { return path() / "final"; }
    [[nodiscard]] std::filesystem::path plan_file() const { return path() / "plan.json"; }

    /// Forgets everything but the index.
    [[nodiscard]] Status reset();
    /// Removes what tasks of an earlier run left half-done.
    [[nodiscard]] Status clear_attempts();

    [[nodiscard]] Result<std::filesystem::path> make_attempt(const std::string& task, int attempt);
    void remove_attempt(const std::filesystem::path& attempt);
    /// Moves the attempt's files into the stage (`<rendition>/<file>`), replacing equals.
    [[nodiscard]] Status move_to_stage(const std::filesystem::path& attempt);

    [[nodiscard]] Status record_result(const std::string& task, std::string_view json);
    [[nodiscard]] Result<std::optional<std::string>> recorded_result(const std::string& task) const;

    [[nodiscard]] Status append_journal(const std::string& track, std::string_view line);
    [[nodiscard]] Result<std::string> journal(const std::string& track) const;

    /// Removes the folder, and the output folder too when that leaves it empty and we made it.
    void remove();
    /// Removes what is left of the folder at `path` when its removal was cut off. No lock is
    /// needed.
    static void remove_rest(const std::filesystem::path& path);

    static constexpr const char* kName = ".streamgate";

  private:
    WorkFolder(std::filesystem::path output,
               std::filesystem::path path,
               UniqueFd lock,
               bool made_output);

    std::filesystem::path output_;
    std::filesystem::path path_;
    UniqueFd lock_;
    bool made_output_ = false;
};

}  // namespace sg::engine

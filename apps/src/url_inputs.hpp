#pragma once

#include <filesystem>
#include <stop_token>

#include <base/result.hpp>
#include <engine/job.hpp>

namespace sg::apps {

/// Inputs that a job names by URL, fetched beside its output so that an interrupted run can go on
/// with them.
class UrlInputs {
  public:
    /// Blocks; replaces the URLs in `job` by files. Says on standard error what it fetches.
    [[nodiscard]] static Result<UrlInputs> fetch(engine::JobDocument& job, std::stop_token stop);

    /// After a run that nobody will resume.
    void remove() const;

  private:
    std::filesystem::path folder_;  ///< empty: there were none
};

}  // namespace sg::apps

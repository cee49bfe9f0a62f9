#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <api/api_router.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>

namespace sg::api {

/// Of the routes that hand out files: outputs of jobs, clips.
struct OutputRoutesOptions {
    std::filesystem::path data;  ///< of the service, as jobs/job_folders.hpp understands it
    /// Keys of signed addresses, not empty; the first signs.
    std::vector<std::string> signature_keys;
    std::chrono::seconds longest_signature{7 * 24 * 3600};
    std::vector<std::string> allowed_origins{"*"};  ///< of pages that may play signed addresses
    std::size_t threads = 2;                        ///< for folders and playlists
};

/// /v1/jobs/{id}/outputs: what a job published, listed, downloaded (with ranges; presentations play
/// from there), signed for viewers without credentials, deleted. Must outlive the server, and go
/// before its contexts.
class OutputRoutes {
  public:
    OutputRoutes(sql::Database& database, const OutputRoutesOptions& options, const Clock& clock);
    ~OutputRoutes();

    void add_to(ApiRouter& router);

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

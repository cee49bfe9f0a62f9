#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <api/api_router.hpp>
#include <jobs/input_policy.hpp>
#include <jobs/submission.hpp>
#include <sql/database.hpp>

namespace sg::api {

struct InquiryOptions {
    std::filesystem::path temporary;  ///< for fetched sources; emptied at the start
    std::uint64_t max_fetch_bytes = std::uint64_t{256} << 20;
    std::chrono::seconds limit{60};  ///< of one request
    std::size_t at_once = 2;
    std::size_t most_waiting = 16;  ///< more are refused
    bool allow_private_addresses = false;
    int heavy_slots = 1;  ///< of the worker, for predictions
    /// As in jobs::RunnerOptions.
    std::function<Result<std::optional<std::filesystem::path>>(const std::string& upload,
                                                               const std::string& owner)>
        upload;
    std::string program = "/proc/self/exe";  ///< its command `task` looks at sources
};

/// Looks at sources while a client waits: POST /v1/probe, and what a dry run of a job says. Sources
/// are read by sandboxed children; this process and its threads for requests never parse them. Must
/// outlive the server, and go before its contexts and the database.
class Inquiry {
  public:
    /// `roots` are those that documents may name files below.
    Inquiry(sql::Database& database,
            const jobs::Submissions& submissions,
            const jobs::AllowedRoots& roots,
            InquiryOptions options);
    ~Inquiry();

    void add_to(ApiRouter& router);
    /// Ends what is being looked at and refuses what waits or comes: each may take the whole limit,
    /// and the server waits for its requests. Any thread.
    void stop();

    /// Plans the job and predicts what it costs, without queueing it.
    [[nodiscard]] server::Task<Reply> dry_run(Call& call, jobs::Job job);

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

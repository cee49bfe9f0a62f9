#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <api/api_router.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::api {

[[nodiscard]] std::vector<sql::Migration> upload_migrations();

struct UploadOptions {
    std::filesystem::path folder;  ///< DATA/uploads
    std::uint64_t max_bytes = std::uint64_t{64} << 30;
    std::int64_t open_per_owner = 100;
    std::uint64_t bytes_per_owner =
        0;  ///< of open and finished ones, those of unknown length as max_bytes; 0: no limit
    std::chrono::seconds expire{86'400};                ///< an open one that gets no bytes
    std::chrono::seconds keep_finished{7 * 24 * 3600};  ///< and longer while a job needs it
    std::size_t threads = 2;                            ///< for files: writes, syncs, checksums
};

/// Files that come by the API: in pieces by tus 1.0 (creation, creation-with-upload,
/// creation-defer-length, checksum, expiration, termination), or whole by PUT. How much of one is
/// there is told by its file's length, so that nothing acknowledged is lost when the service is
/// killed. Thread-safe.
class Uploads {
  public:
    /// Goes on with what an earlier process left.
    [[nodiscard]] static Result<std::unique_ptr<Uploads>> open(sql::Database& database,
                                                               UploadOptions options,
                                                               const Clock& clock,
                                                               Metrics& metrics);
    /// After the server stopped, before its contexts go.
    ~Uploads();

    /// Whether it is whole. kNotFound, also for one of another owner.
    [[nodiscard]] static Result<bool> is_whole(sql::Connection& db,
                                               std::string_view owner,
                                               std::string_view upload);
    /// Its file; nothing while it is not whole. kNotFound.
    [[nodiscard]] Result<std::optional<std::filesystem::path>> file_of(
        const std::string& upload, const std::string& owner) const;

    /// /v1/uploads and below. This must outlive the server.
    void add_to(ApiRouter& router);

    struct Impl;

  private:
    explicit Uploads(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>
#include <sql/connection.hpp>

#include <base/result.hpp>

// Uploads in the database. All functions work inside the caller's transaction.

namespace sg::api {

using jobs::Millis;

inline constexpr std::int64_t kUnknownSize = -1;

struct Upload {
    std::string id;  ///< "upl_<uuidv7>", and the name of its file
    std::string owner;
    std::string kind = "tus";  ///< or "put", which cannot be gone on with
    std::string name;          ///< for people
    std::string content_type;
    std::int64_t size = kUnknownSize;
    bool whole = false;
    std::string metadata;  ///< Upload-Metadata as it came
    std::string sha256;    ///< hex: what it must have; once whole, what it has when that is known
    Millis created = 0;
    Millis finished = 0;
};

[[nodiscard]] Status insert_upload(sql::Connection& db, const Upload& upload);
/// An empty owner means all. kNotFound.
[[nodiscard]] Result<Upload> find_upload(sql::Connection& db,
                                         std::string_view id,
                                         std::string_view owner);
/// Newest first; those before the id `before`, unless it is empty.
[[nodiscard]] Result<std::vector<Upload>> list_uploads(sql::Connection& db,
                                                       std::string_view owner,
                                                       std::string_view before,
                                                       std::int64_t limit);
[[nodiscard]] Result<std::vector<Upload>> open_uploads(sql::Connection& db);
[[nodiscard]] Result<std::vector<Upload>> finished_before(sql::Connection& db, Millis time);
/// Of one whose size was not known.
[[nodiscard]] Status set_upload_size(sql::Connection& db, std::string_view id, std::int64_t size);
/// It is whole: with the event upload.finished.
[[nodiscard]] Status finish_upload(sql::Connection& db,
                                   std::string_view id,
                                   std::int64_t size,
                                   std::string_view sha256,
                                   Millis now);
[[nodiscard]] Status remove_upload(sql::Connection& db, std::string_view id);

struct UploadTotals {
    std::int64_t open = 0;
    std::int64_t bytes = 0;    ///< declared or there
    std::int64_t unknown = 0;  ///< open ones that did not say their length
};
[[nodiscard]] Result<UploadTotals> upload_totals(sql::Connection& db, std::string_view owner);

}  // namespace sg::api

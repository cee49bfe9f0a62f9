#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::api {

/// A change, or a refused one. `at` is in milliseconds since 1970.
struct AuditEntry {
    std::int64_t seq = 0;  ///< from 1, without gaps; given by the log
    std::int64_t at = 0;   ///< given by the log
    std::string actor;     ///< Principal::name
    std::string address;
    std::string action;   ///< operation id: "cancelJob"
    std::string subject;  ///< what was changed
    std::string outcome;  ///< "succeeded", "refused:CODE", "failed:CODE"
    std::string request_id;
    std::string details;  ///< a JSON object or empty; no secrets
    std::string key_id;   ///< of the key its mac was made with
    std::string mac;
};

/// What makes the end of the log known: the last entry and a seal that needs the key.
struct AuditHead {
    std::int64_t seq = 0;
    std::string mac;
    std::string key_id;
    std::string seal;
};

struct AuditReport {
    struct Fault {
        std::int64_t seq = 0;
        std::string kind;  ///< "changed", "gap", "reordered", "truncated", "head", "unknown_key"
        std::string message;
    };
    std::int64_t entries = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::size_t anchors = 0;    ///< that were compared
    std::vector<Fault> faults;  ///< the first hundred
    [[nodiscard]] bool good() const { return faults.empty(); }
};

/// The log of changes. Each entry's mac is an HMAC over it and the mac before, so an edit, a gap or
/// a reorder shows; the sealed head, written with each entry, and anchors in a file beside the
/// database show a cut tail. The key is in the file "audit.key" (mode 0600) of the data folder:
/// whoever has it can forge the log, so keep copies of anchors, which are also in the service's
/// log, elsewhere.
class AuditLog {
  public:
    [[nodiscard]] static std::vector<sql::Migration> migrations();
    /// Makes the key at the first start. `database` must outlive it. An anchor is written at the
    /// start, at the end and each minute in which something was added.
    [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(
        sql::Database& database, const std::filesystem::path& data_folder, const Clock& clock);
    ~AuditLog();

    /// Within a write.
    [[nodiscard]] Status append(sql::Connection& connection, AuditEntry entry) const;
    [[nodiscard]] sql::Database& database() const;

    /// At most `limit` entries after `after`, oldest first.
    [[nodiscard]] Result<std::vector<AuditEntry>> list(std::int64_t after, std::size_t limit) const;
    [[nodiscard]] Result<AuditHead> head() const;
    /// Reads the whole log. Blocks.
    [[nodiscard]] Result<AuditReport> verify() const;

  private:
    struct Impl;
    explicit AuditLog(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// One line of NDJSON: the form in which the log is exported, an entry or {"head": ...} at the end.
[[nodiscard]] std::string to_json_line(const AuditEntry& entry);
[[nodiscard]] std::string to_json_line(const AuditHead& head);
[[nodiscard]] std::string to_json(const AuditReport& report);

/// Checks an exported log without the service: `key` and `anchors` are the data folder's files
/// "audit.key" and "audit-anchors" or copies of them; `anchors` may be empty. A file that begins
/// later than with entry 1 is checked from there.
[[nodiscard]] Result<AuditReport> verify_audit_file(const std::filesystem::path& exported,
                                                    const std::filesystem::path& key,
                                                    const std::filesystem::path& anchors);

}  // namespace sg::api

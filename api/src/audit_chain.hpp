#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <api/audit_log.hpp>

namespace sg::api {

struct AuditKey {
    std::string secret;
    std::string id;  ///< the front of its digest
};
[[nodiscard]] Result<AuditKey> load_audit_key(const std::filesystem::path& path);
/// Makes the file when there is none.
[[nodiscard]] Result<AuditKey> load_or_make_audit_key(const std::filesystem::path& path);

/// HMAC-SHA256 over the mac before and all fields of the entry but its mac.
[[nodiscard]] std::string audit_mac(const AuditKey& key,
                                    std::string_view previous,
                                    const AuditEntry& entry);
[[nodiscard]] std::string audit_seal(const AuditKey& key, const AuditHead& head);

/// A line of the anchors' file, and what its lines say. Lines whose seal is not good are faults.
[[nodiscard]] std::string anchor_line(const AuditHead& head, std::int64_t at);
struct AuditAnchors {
    std::map<std::int64_t, std::string> macs;
    std::vector<AuditReport::Fault> faults;
};
[[nodiscard]] AuditAnchors read_anchors(std::string_view text, const AuditKey& key);

/// Follows the chain, entry by entry as they come.
class AuditChecker {
  public:
    AuditChecker(AuditKey key, AuditAnchors anchors);

    void add(const AuditEntry& entry);
    void end_at(const AuditHead& head);
    /// `has_head`: the source must have had one.
    [[nodiscard]] AuditReport finish(bool has_head);

  private:
    void fault(std::int64_t seq, std::string kind, std::string message);

    AuditKey key_;
    AuditAnchors anchors_;
    AuditReport report_;
    std::string previous_;
    bool headed_ = false;
};

}  // namespace sg::api

#include <fstream>

#include <api/audit_log.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/file.hpp>

#include "audit_chain.hpp"

namespace sg::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxAnchorBytes = 256U << 20U;

/// Text of the client's stands in entries: a mac over bytes that JSON cannot carry would not be
/// found again, so what goes in is made UTF-8 before (settle_audit).
std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

AuditEntry entry_of(const json& fields) {
    AuditEntry entry;
    entry.seq = fields.at("seq").get<std::int64_t>();
    entry.at = fields.at("at").get<std::int64_t>();
    entry.actor = fields.at("actor").get<std::string>();
    entry.address = fields.at("address").get<std::string>();
    entry.action = fields.at("action").get<std::string>();
    entry.subject = fields.at("subject").get<std::string>();
    entry.outcome = fields.at("outcome").get<std::string>();
    entry.request_id = fields.at("request_id").get<std::string>();
    entry.details = fields.at("details").get<std::string>();
    entry.key_id = fields.at("key_id").get<std::string>();
    entry.mac = fields.at("mac").get<std::string>();
    return entry;
}

AuditHead head_of(const json& fields) {
    AuditHead head;
    head.seq = fields.at("seq").get<std::int64_t>();
    head.mac = fields.at("mac").get<std::string>();
    head.key_id = fields.at("key_id").get<std::string>();
    head.seal = fields.at("seal").get<std::string>();
    return head;
}

}  // namespace

std::string to_json_line(const AuditEntry& entry) {
    return dump(json{{"seq", entry.seq},
                     {"at", entry.at},
                     {"actor", entry.actor},
                     {"address", entry.address},
                     {"action", entry.action},
                     {"subject", entry.subject},
                     {"outcome", entry.outcome},
                     {"request_id", entry.request_id},
                     {"details", entry.details},
                     {"key_id", entry.key_id},
                     {"mac", entry.mac}}) +
           "\n";
}

std::string to_json_line(const AuditHead& head) {
    return dump(json{{"head",
                      {{"seq", head.seq},
                       {"mac", head.mac},
                       {"key_id", head.key_id},
                       {"seal", head.seal}}}}) +
           "\n";
}

std::string to_json(const AuditReport& report) {
    json out{{"good", report.good()},
             {"entries", report.entries},
             {"first", report.first},
             {"last", report.last},
             {"anchors", report.anchors},
             {"faults", json::array()}};
    for (const auto& fault : report.faults) {
        out["faults"].push_back(
            {{"seq", fault.seq}, {"kind", fault.kind}, {"message", fault.message}});
    }
    return dump(out);
}

Result<AuditReport> verify_audit_file(const std::filesystem::path& exported,
                                      const std::filesystem::path& key,
                                      const std::filesystem::path& anchors) {
    SG_TRY_ASSIGN(auto secret, load_audit_key(key));
    AuditAnchors known;
    if (!anchors.empty()) {
        SG_TRY_ASSIGN(const auto text, read_file(anchors, kMaxAnchorBytes));
        known = read_anchors(text, secret);
    }
    std::ifstream file(exported);
    if (!file) return errno_error(errno, "open " + exported.string());
    AuditChecker checker(std::move(secret), std::move(known));
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        if (line.empty()) continue;
        try {
            const auto fields = json::parse(line);
            if (fields.contains("head")) {
                checker.end_at(head_of(fields.at("head")));
            } else {
                checker.add(entry_of(fields));
            }
        } catch (const json::exception&) {
            return Error{Errc::kBadData,
                         fmt::format("read {}: line {} is no entry of an audit log; export it with "
                                     "GET /v1/audit/export",
                                     exported.string(),
                                     number)};
        }
    }
    return checker.finish(true);
}

}  // namespace sg::api

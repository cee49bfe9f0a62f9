#include "audit_chain.hpp"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/digest.hpp>
#include <base/file.hpp>

#include "key_file.hpp"
#include "random_text.hpp"

namespace sg::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFaults = 100;
constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::size_t kMinKeyLength = 32;

/// Length-prefixed: no field can be taken for another's part.
void append_field(std::string& text, std::string_view field) {
    text += fmt::format("{}:", field.size());
    text.append(field).push_back(',');
}

}  // namespace

Result<AuditKey> load_audit_key(const std::filesystem::path& path) {
    SG_TRY_ASSIGN(auto text, read_file(path, kMaxKeyBytes));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.size() < kMinKeyLength) {
        return Error{Errc::kBadData,
                     fmt::format("read the audit log's key {}: it is too short to be one; put the "
                                 "right file back",
                                 path.string())};
    }
    AuditKey key;
    key.id = sha256_hex("streamgate audit key " + text).substr(0, 16);
    key.secret = std::move(text);
    return key;
}

Result<AuditKey> load_or_make_audit_key(const std::filesystem::path& path) {
    auto found = load_audit_key(path);
    if (found || found.error().code != Errc::kNotFound) return found;
    SG_TRY_ASSIGN(const auto secret, random_base62(64));
    SG_TRY(make_key_file(path, secret + "\n"));
    return load_audit_key(path);
}

std::string audit_mac(const AuditKey& key, std::string_view previous, const AuditEntry& entry) {
    std::string text;
    append_field(text, "streamgate-audit-entry-1");
    append_field(text, previous);
    append_field(text, std::to_string(entry.seq));
    append_field(text, std::to_string(entry.at));
    for (const auto* field : {&entry.actor,
                              &entry.address,
                              &entry.action,
                              &entry.subject,
                              &entry.outcome,
                              &entry.request_id,
                              &entry.details,
                              &entry.key_id}) {
        append_field(text, *field);
    }
    return hmac_sha256_hex(key.secret, text);
}

std::string audit_seal(const AuditKey& key, const AuditHead& head) {
    std::string text;
    append_field(text, "streamgate-audit-head-1");
    append_field(text, std::to_string(head.seq));
    append_field(text, head.mac);
    append_field(text, head.key_id);
    return hmac_sha256_hex(key.secret, text);
}

std::string anchor_line(const AuditHead& head, std::int64_t at) {
    return json{{"seq", head.seq},
                {"at", at},
                {"mac", head.mac},
                {"key_id", head.key_id},
                {"seal", head.seal}}
               .dump() +
           "\n";
}

AuditAnchors read_anchors(std::string_view text, const AuditKey& key) {
    AuditAnchors out;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.empty()) continue;
        AuditHead anchor;
        bool good = false;
        try {
            const auto fields = json::parse(line);
            anchor.seq = fields.at("seq").get<std::int64_t>();
            anchor.mac = fields.at("mac").get<std::string>();
            anchor.key_id = fields.at("key_id").get<std::string>();
            anchor.seal = fields.at("seal").get<std::string>();
            good = equal_in_constant_time(anchor.seal, audit_seal(key, anchor));
        } catch (const json::exception&) {
            good = false;
        }
        if (good) {
            out.macs[anchor.seq] = anchor.mac;
        } else if (out.faults.size() < kMaxFaults) {
            out.faults.push_back(
                {anchor.seq, "anchor", fmt::format("line {} of the anchors is not ours", number)});
        }
    }
    return out;
}

AuditChecker::AuditChecker(AuditKey key, AuditAnchors anchors)
    : key_(std::move(key)), anchors_(std::move(anchors)) {
    report_.faults = anchors_.faults;
}

void AuditChecker::fault(std::int64_t seq, std::string kind, std::string message) {
    if (report_.faults.size() < kMaxFaults) {
        report_.faults.push_back({seq, std::move(kind), std::move(message)});
    }
}

void AuditChecker::add(const AuditEntry& entry) {
    // The mac before the first entry of a part is not known, so that entry itself is taken as it
    // is.
    const bool begins_part = report_.entries == 0 && entry.seq != 1;
    if (report_.entries == 0) {
        report_.first = entry.seq;
    } else if (entry.seq <= report_.last) {
        fault(entry.seq,
              "reordered",
              fmt::format("entry {} comes after entry {}", entry.seq, report_.last));
    } else if (entry.seq != report_.last + 1) {
        fault(entry.seq,
              "gap",
              fmt::format("entries {} to {} are missing", report_.last + 1, entry.seq - 1));
    }
    if (entry.key_id != key_.id) {
        fault(
            entry.seq,
            "unknown_key",
            fmt::format(
                "entry {} was made with the key {}, this is {}", entry.seq, entry.key_id, key_.id));
    } else if (!begins_part &&
               !equal_in_constant_time(entry.mac, audit_mac(key_, previous_, entry))) {
        fault(entry.seq,
              "changed",
              fmt::format("entry {} is not as it was written, or does not follow the one before",
                          entry.seq));
    }
    if (const auto anchor = anchors_.macs.find(entry.seq); anchor != anchors_.macs.end()) {
        ++report_.anchors;
        if (anchor->second != entry.mac) {
            fault(entry.seq, "changed", fmt::format("entry {} is not its anchor's", entry.seq));
        }
    }
    previous_ = entry.mac;
    report_.last = entry.seq;
    ++report_.entries;
}

void AuditChecker::end_at(const AuditHead& head) {
    headed_ = true;
    if (head.key_id != key_.id || !equal_in_constant_time(head.seal, audit_seal(key_, head))) {
        fault(head.seq, "head", "the seal of the log's end is not ours");
    } else if (head.seq > report_.last) {
        fault(head.seq,
              "truncated",
              fmt::format("the log ends at entry {}, it had {}", report_.last, head.seq));
    } else if (head.seq < report_.last || head.mac != previous_) {
        fault(head.seq, "head", fmt::format("entries after {} are not sealed", head.seq));
    }
}

AuditReport AuditChecker::finish(bool has_head) {
    if (has_head && !headed_ && report_.entries > 0) {
        fault(report_.last, "head", "the seal of the log's end is missing");
    }
    if (!anchors_.macs.empty()) {
        const auto last = anchors_.macs.rbegin()->first;
        if (last > report_.last) {
            fault(
                last,
                "truncated",
                fmt::format("the log ends at entry {}, an anchor tells of {}", report_.last, last));
        }
    }
    return std::move(report_);
}

}  // namespace sg::api

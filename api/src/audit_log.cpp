#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <api/audit_log.hpp>
#include <fmt/format.h>

#include <base/file.hpp>
#include <base/log.hpp>

#include "audit_chain.hpp"

namespace sg::api {
namespace {

constexpr std::chrono::seconds kAnchorEach{60};
constexpr std::size_t kMaxAnchorBytes = 256U << 20U;
constexpr std::int64_t kPage = 1000;

constexpr std::string_view kSelect =
    "SELECT seq, at, actor, address, action, subject, outcome, request_id, details, key_id, mac "
    "FROM api_audit WHERE seq > $1 ORDER BY seq LIMIT $2";

AuditEntry entry_of(const sql::Row& row) {
    AuditEntry entry;
    entry.seq = row.integer(0);
    entry.at = row.integer(1);
    entry.actor = row.text(2);
    entry.address = row.text(3);
    entry.action = row.text(4);
    entry.subject = row.text(5);
    entry.outcome = row.text(6);
    entry.request_id = row.text(7);
    entry.details = row.text(8);
    entry.key_id = row.text(9);
    entry.mac = row.text(10);
    return entry;
}

Result<AuditHead> read_head(sql::Connection& connection) {
    AuditHead head;
    SG_TRY(connection.query("SELECT seq, mac, key_id, seal FROM api_audit_head WHERE one = 1",
                            {},
                            [&](const sql::Row& row) -> Status {
                                head.seq = row.integer(0);
                                head.mac = row.text(1);
                                head.key_id = row.text(2);
                                head.seal = row.text(3);
                                return {};
                            }));
    return head;
}

}  // namespace

struct AuditLog::Impl {
    Impl(sql::Database& store, const Clock& time) : database(store), clock(time) {}

    sql::Database& database;
    const Clock& clock;
    AuditKey key;
    std::filesystem::path anchors;
    std::int64_t anchored = -1;  ///< only of the thread, after open()
    std::mutex mutex;
    std::condition_variable_any wake;
    std::jthread thread;

    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   clock.wall().time_since_epoch())
            .count();
    }
    [[nodiscard]] Status anchor();
    void anchor_or_warn();
    void run(const std::stop_token& stop);
};

std::vector<sql::Migration> AuditLog::migrations() {
    return {{"api.audit", 1, R"sql(
CREATE TABLE api_audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request_id TEXT NOT NULL,
    details TEXT NOT NULL,
    key_id TEXT NOT NULL,
    mac TEXT NOT NULL
);
CREATE TABLE api_audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq BIGINT NOT NULL,
    mac TEXT NOT NULL,
    key_id TEXT NOT NULL,
    seal TEXT NOT NULL
);
)sql"}};
}

AuditLog::AuditLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AuditLog::~AuditLog() {
    impl_->thread.request_stop();
    impl_->wake.notify_all();
    impl_->thread = std::jthread();
    impl_->anchor_or_warn();
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(sql::Database& database,
                                                 const std::filesystem::path& data_folder,
                                                 const Clock& clock) {
    auto impl = std::make_unique<Impl>(database, clock);
    SG_TRY_ASSIGN(impl->key, load_or_make_audit_key(data_folder / "audit.key"));
    impl->anchors = data_folder / "audit-anchors";
    {
        SG_TRY_ASSIGN(auto reader, database.read());
        SG_TRY_ASSIGN(const auto head, read_head(*reader));
        if (head.seq > 0 && head.key_id != impl->key.id) {
            log::error(
                "audit_key_changed was={} is={} note=\"entries up to {} cannot be verified without "
                "the former audit.key\"",
                head.key_id,
                impl->key.id,
                head.seq);
        }
    }
    SG_TRY(impl->anchor());
    impl->thread =
        std::jthread([raw = impl.get()](const std::stop_token& stop) { raw->run(stop); });
    return std::unique_ptr<AuditLog>(new AuditLog(std::move(impl)));
}

void AuditLog::Impl::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex);
            wake.wait_for(lock, stop, kAnchorEach, [] { return false; });
        }
        if (!stop.stop_requested()) anchor_or_warn();
    }
}

Status AuditLog::Impl::anchor() {
    SG_TRY_ASSIGN(auto reader, database.read());
    SG_TRY_ASSIGN(const auto head, read_head(*reader));
    if (head.seq == 0 || head.seq == anchored) return {};
    SG_TRY_ASSIGN(const auto file, open_file(anchors, O_WRONLY | O_CREAT | O_APPEND, 0600));
    const auto line = anchor_line(head, now());
    SG_TRY(write_all(file.get(), std::as_bytes(std::span(line)), anchors.string()));
    if (::fsync(file.get()) != 0) return errno_error(errno, "sync " + anchors.string());
    anchored = head.seq;
    log::info("audit_anchor seq={} mac={} key={}", head.seq, head.mac, head.key_id);
    return {};
}

void AuditLog::Impl::anchor_or_warn() {
    const auto status = anchor();
    if (!status) log::warn("audit_anchor_failed reason=\"{}\"", status.error().message);
}

Status AuditLog::append(sql::Connection& connection, AuditEntry entry) const {
    SG_TRY_ASSIGN(auto head, read_head(connection));
    const bool first = head.seq == 0;
    entry.seq = head.seq + 1;
    entry.at = impl_->now();
    entry.key_id = impl_->key.id;
    entry.mac = audit_mac(impl_->key, head.mac, entry);
    SG_TRY(connection.run(
        "INSERT INTO api_audit (seq, at, actor, address, action, subject, outcome, request_id, "
        "details, key_id, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        {entry.seq,
         entry.at,
         entry.actor,
         entry.address,
         entry.action,
         entry.subject,
         entry.outcome,
         entry.request_id,
         entry.details,
         entry.key_id,
         entry.mac}));
    head.seq = entry.seq;
    head.mac = entry.mac;
    head.key_id = entry.key_id;
    head.seal = audit_seal(impl_->key, head);
    SG_TRY(connection.run(
        first
            ? "INSERT INTO api_audit_head (seq, mac, key_id, seal, one) VALUES ($1, $2, $3, $4, 1)"
            : "UPDATE api_audit_head SET seq = $1, mac = $2, key_id = $3, seal = $4 WHERE one = 1",
        {head.seq, head.mac, head.key_id, head.seal}));
    return {};
}

sql::Database& AuditLog::database() const {
    return impl_->database;
}

Result<std::vector<AuditEntry>> AuditLog::list(std::int64_t after, std::size_t limit) const {
    SG_TRY_ASSIGN(auto reader, impl_->database.read());
    std::vector<AuditEntry> out;
    SG_TRY(reader->query(
        kSelect, {after, static_cast<std::int64_t>(limit)}, [&](const sql::Row& row) -> Status {
            out.push_back(entry_of(row));
            return {};
        }));
    return out;
}

Result<AuditHead> AuditLog::head() const {
    SG_TRY_ASSIGN(auto reader, impl_->database.read());
    auto head = read_head(*reader);
    return head;
}

Result<AuditReport> AuditLog::verify() const {
    std::string text;
    if (auto read = read_file(impl_->anchors, kMaxAnchorBytes)) {
        text = std::move(read).value();
    } else if (read.error().code != Errc::kNotFound) {
        return std::move(read).error();
    }
    // The head first: what is added meanwhile lies behind it.
    SG_TRY_ASSIGN(const auto end, head());
    AuditChecker checker(impl_->key, read_anchors(text, impl_->key));
    std::int64_t at = 0;
    bool more = true;
    // By pages: a writer's log never stands still, and a reader is held for short.
    while (more) {
        SG_TRY_ASSIGN(const auto page, list(at, static_cast<std::size_t>(kPage)));
        more = !page.empty();
        for (const auto& entry : page) {
            if (entry.seq > end.seq && end.seq > 0) {
                more = false;
                break;
            }
            checker.add(entry);
            at = entry.seq;
        }
    }
    if (end.seq > 0) checker.end_at(end);
    return checker.finish(true);
}

}  // namespace sg::api

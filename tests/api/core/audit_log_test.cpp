#include <fstream>

#include <api/audit_log.hpp>

#include <base/file.hpp>

#include "gate_server.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;

namespace {

struct Log {
    Log() { open(); }
    ~Log() { close(); }
    void open() {
        sql::DatabaseOptions options;
        options.path = folder / "audit.db";
        options.migrations = AuditLog::migrations();
        auto opened = sql::Database::open(std::move(options), metrics);
        REQUIRE(opened);
        database = std::move(*opened);
        auto made = AuditLog::open(*database, folder.path(), clock);
        REQUIRE(made);
        audit = std::move(*made);
    }
    void close() {
        audit.reset();
        database.reset();
    }
    void add(int count) const {
        REQUIRE(database->write_now([&](sql::Connection& db) -> Status {
            for (int i = 0; i < count; ++i) {
                AuditEntry entry;
                entry.actor = "key:ci";
                entry.action = "cancelJob";
                entry.subject = "job_" + std::to_string(i);
                entry.outcome = "succeeded";
                SG_TRY(audit->append(db, entry));
            }
            return {};
        }));
    }
    void run(const std::string& sql) const {
        REQUIRE(database->write_now([&](sql::Connection& db) { return db.script(sql); }));
    }
    /// "kind seq" of each fault.
    [[nodiscard]] std::string faults() const {
        const auto report = audit->verify();
        REQUIRE(report);
        return text_of(*report);
    }
    static std::string text_of(const AuditReport& report) {
        std::string out;
        for (const auto& fault : report.faults) {
            out += (out.empty() ? "" : ", ") + fault.kind + " " + std::to_string(fault.seq);
        }
        return out;
    }
    void export_to(const std::string& name) const {
        std::ofstream file(folder / name);
        const auto all = audit->list(0, 1000);
        REQUIRE(all);
        for (const auto& entry : *all) file << to_json_line(entry);
        file << to_json_line(*audit->head());
    }
    [[nodiscard]] std::string file_faults(const std::string& name) const {
        const auto report = verify_audit_file(folder / name, folder / "audit.key", {});
        REQUIRE(report);
        return text_of(*report);
    }

    sg::test::TempFolder folder;
    SystemClock clock;
    NullMetrics metrics;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<AuditLog> audit;
};

}  // namespace

TEST_CASE("a log that nobody touched is good, also after a restart") {
    Log log;
    CHECK(log.faults().empty());
    log.add(5);
    log.close();
    log.open();
    log.add(2500);
    const auto report = log.audit->verify();
    REQUIRE(report);
    CHECK(report->good());
    CHECK(report->entries == 2505);
    CHECK(report->anchors >= 1);
    const auto mode = std::filesystem::status(log.folder / "audit.key").permissions();
    CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("an edit, a gap, a reorder and a cut tail are found where they are") {
    Log log;
    log.add(10);
    SECTION("an edit of any field") {
        for (const auto* field :
             {"actor", "address", "action", "subject", "outcome", "request_id", "details"}) {
            INFO(field);
            const std::string column = field;
            log.run("UPDATE api_audit SET " + column + " = " + column + " || 'x' WHERE seq = 4");
            CHECK(log.faults() == "changed 4");
            log.run("UPDATE api_audit SET " + column + " = substr(" + column + ", 1, length(" +
                    column + ") - 1) WHERE seq = 4");
        }
        log.run("UPDATE api_audit SET at = at + 1 WHERE seq = 4");
        CHECK(log.faults() == "changed 4");
    }
    SECTION("a gap") {
        log.run("DELETE FROM api_audit WHERE seq = 4");
        CHECK(log.faults() == "gap 5, changed 5");
    }
    SECTION("a gap that was closed by new numbers") {
        log.run(
            "DELETE FROM api_audit WHERE seq = 4; UPDATE api_audit SET seq = seq - 1 WHERE seq > "
            "4");
        CHECK(log.faults().find("changed 4") != std::string::npos);
        CHECK(log.faults().find("truncated 10") != std::string::npos);
    }
    SECTION("a reorder") {
        log.run(
            "UPDATE api_audit SET seq = 99 WHERE seq = 4; UPDATE api_audit SET seq = 4 WHERE seq = "
            "5; UPDATE api_audit SET seq = 5 WHERE seq = 99");
        CHECK(log.faults().find("changed 4, changed 5") != std::string::npos);
    }
    SECTION("a cut tail") {
        log.run("DELETE FROM api_audit WHERE seq > 7");
        CHECK(log.faults() == "truncated 10");
    }
    SECTION("a cut tail with a forged head") {
        log.run(
            "DELETE FROM api_audit WHERE seq > 7; UPDATE api_audit_head SET seq = 7, mac = (SELECT "
            "mac FROM api_audit WHERE seq = 7)");
        CHECK(log.faults() == "head 7");
        log.run("DELETE FROM api_audit_head");
        CHECK(log.faults() == "head 7");
    }
    SECTION("a log from an older copy of the database") {
        log.close();
        std::filesystem::copy_file(log.folder / "audit.db", log.folder / "old.db");
        log.open();
        log.add(5);
        log.close();  // writes its anchor
        std::filesystem::remove(log.folder / "audit.db-wal");
        std::filesystem::remove(log.folder / "audit.db-shm");
        std::filesystem::copy_file(log.folder / "old.db",
                                   log.folder / "audit.db",
                                   std::filesystem::copy_options::overwrite_existing);
        log.open();
        CHECK(log.faults() == "truncated 15");
    }
    SECTION("a log without its key") {
        log.close();
        std::filesystem::remove(log.folder / "audit.key");
        log.open();
        CHECK(log.faults().find("unknown_key 1") != std::string::npos);
    }
}

TEST_CASE("an exported log is verified without the service") {
    Log log;
    log.add(6);
    log.export_to("all.ndjson");
    CHECK(log.file_faults("all.ndjson").empty());
    std::vector<std::string> lines;
    {
        std::ifstream file(log.folder / "all.ndjson");
        for (std::string line; std::getline(file, line);) lines.push_back(line);
    }
    const auto with = [&](std::vector<std::string> changed) {
        {
            std::ofstream file(log.folder / "changed.ndjson");
            for (const auto& line : changed) file << line << "\n";
        }
        return log.file_faults("changed.ndjson");
    };
    auto edited = lines;
    edited[2].replace(edited[2].find("cancelJob"), 9, "deleteJob");
    CHECK(with(edited) == "changed 3");
    auto gap = lines;
    gap.erase(gap.begin() + 2);
    CHECK(with(gap) == "gap 4, changed 4");
    auto reordered = lines;
    std::swap(reordered[2], reordered[3]);
    CHECK(with(reordered).find("reordered 3") != std::string::npos);
    auto cut = lines;
    cut.erase(cut.begin() + 4, cut.begin() + 6);
    CHECK(with(cut) == "truncated 6");
    cut.pop_back();
    CHECK(with(cut) == "head 4");
    CHECK(with({lines.begin() + 3, lines.end()}).empty());
    CHECK_FALSE(verify_audit_file(log.folder / "audit.key", log.folder / "audit.key", {}));
}

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sql/database.hpp>

#include <base/metric.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using sql::Connection;
using sql::Database;
using sql::Row;

namespace {

const std::vector<sql::Migration> kTables{
    {"t", 1, "CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER NOT NULL DEFAULT 0)"}};

struct Fixture {
    sg::test::TempFolder folder;
    NullMetrics metrics;
    std::unique_ptr<Database> database;

    explicit Fixture(std::size_t max_waiting = 20'000, std::size_t max_batch = 512) {
        sql::DatabaseOptions options;
        options.path = folder / "test.db";
        options.migrations = kTables;
        options.max_waiting = max_waiting;
        options.max_batch = max_batch;
        auto opened = Database::open(options, metrics);
        REQUIRE(opened);
        database = std::move(*opened);
    }
};

Result<std::int64_t> number(Connection& db, const std::string& sql) {
    std::int64_t value = -1;
    SG_TRY(db.query(sql, {}, [&](const Row& row) -> Status {
        value = row.integer(0);
        return {};
    }));
    return value;
}

std::int64_t count(Database& database) {
    auto reader = database.read();
    REQUIRE(reader);
    const auto rows = number(**reader, "SELECT count(*) FROM t");
    REQUIRE(rows);
    return *rows;
}

Database::Work insert(int a) {
    return [a](Connection& db) -> Status {
        SG_TRY(db.run("INSERT INTO t(a) VALUES ($1)", {a}));
        return {};
    };
}

/// Keeps the writer busy, so that what is queued meanwhile shares a batch.
class Stopper {
  public:
    explicit Stopper(Database& database) {
        std::promise<void> begun;
        auto ready = begun.get_future();
        database.write(
            [this, begun = std::make_shared<std::promise<void>>(std::move(begun))](
                Connection&) -> Status {
                begun->set_value();
                go_.get_future().wait();
                return {};
            },
            {});
        ready.wait();
    }
    void go() { go_.set_value(); }

  private:
    std::promise<void> go_;
};

}  // namespace

TEST_CASE("database: an error undoes its own piece of work and no other of the batch", "[sql]") {
    Fixture f;
    int commits = 0;
    f.database->on_commit([&](Connection&) { ++commits; });
    Stopper stopper(*f.database);
    std::vector<std::future<Status>> outcomes;
    const auto queue = [&](Database::Work work) {
        auto promise = std::make_shared<std::promise<Status>>();
        outcomes.push_back(promise->get_future());
        f.database->write(std::move(work),
                          [promise](Status status) { promise->set_value(std::move(status)); });
    };
    queue(insert(1));
    queue([](Connection& db) -> Status {
        SG_TRY(db.run("INSERT INTO t(a) VALUES (2)"));
        return Error{Errc::kCancelled, "no"};
    });
    queue([](Connection& db) -> Status {
        SG_TRY(db.run("INSERT INTO t(a) VALUES (3)"));
        SG_TRY(db.run("INSERT INTO t(a) VALUES (1)"));
        return {};
    });
    queue([](Connection&) -> Status { throw std::runtime_error("thrown"); });
    queue(insert(4));
    stopper.go();
    std::vector<std::string> seen;
    for (auto& outcome : outcomes) {
        const auto status = outcome.get();
        seen.push_back(status ? "ok" : errc_name(status.error().code));
    }
    CHECK(seen == std::vector<std::string>{"ok", "cancelled", "mismatch", "internal", "ok"});
    CHECK(count(*f.database) == 2);
    CHECK(commits == 2);
}

TEST_CASE("database: writers and readers of many threads at once", "[sql]") {
    Fixture f;
    constexpr int kThreads = 4;
    constexpr int kEach = 120;
    std::atomic<int> failures{0};
    std::atomic<bool> writing{true};
    std::vector<std::thread> readers;
    for (int r = 0; r < 4; ++r)
        readers.emplace_back([&] {
            std::int64_t before = 0;
            while (writing) {
                auto reader = f.database->read();
                if (!reader) {
                    ++failures;
                    return;
                }
                const auto one = number(**reader, "SELECT count(*) FROM t");
                const auto two = number(**reader, "SELECT count(*) FROM t");
                // One reader sees one state, and states only grow.
                if (!one || !two || *one != *two || *one < before) ++failures;
                if (one) before = *one;
            }
        });
    std::vector<std::thread> writers;
    for (int t = 0; t < kThreads; ++t)
        writers.emplace_back([&, t] {
            for (int i = 0; i < kEach; ++i) {
                if (!f.database->write_now(insert(t * kEach + i))) ++failures;
                auto reader = f.database->read();
                const auto sql =
                    "SELECT count(*) FROM t WHERE a = " + std::to_string(t * kEach + i);
                const auto mine = reader ? number(**reader, sql) : Result<std::int64_t>(0);
                if (!mine || *mine != 1) ++failures;
            }
        });
    for (auto& writer : writers) writer.join();
    writing = false;
    for (auto& reader : readers) reader.join();
    CHECK(failures == 0);
    CHECK(count(*f.database) == kThreads * kEach);
}

TEST_CASE("database: a full queue refuses, and takes writes again afterwards", "[sql]") {
    Fixture f(3);
    Stopper stopper(*f.database);
    std::mutex mutex;
    std::vector<std::string> seen;
    for (int i = 0; i < 5; ++i)
        f.database->write(insert(i), [&](Status status) {
            const std::lock_guard lock(mutex);
            seen.emplace_back(status ? "ok" : errc_name(status.error().code));
        });
    CHECK(f.database->waiting() == 3);
    stopper.go();
    while (f.database->waiting() > 0) std::this_thread::yield();
    REQUIRE(f.database->write_now(insert(10)));
    REQUIRE(f.database->write_now({}));
    const std::lock_guard lock(mutex);
    std::sort(seen.begin(), seen.end());
    CHECK(seen == std::vector<std::string>{"limit", "limit", "ok", "ok", "ok"});
    CHECK(count(*f.database) == 4);
}

TEST_CASE("database: writes that were accepted are done before it closes", "[sql]") {
    Fixture f(20'000, 7);
    std::atomic<int> done{0};
    for (int i = 0; i < 100; ++i)
        f.database->write(insert(i), [&](Status status) { done += status ? 1 : 0; });
    f.database.reset();
    CHECK(done == 100);
}

TEST_CASE("database: the listener sees a commit before its writers are told", "[sql]") {
    Fixture f;
    std::int64_t seen = -1;
    f.database->on_commit([&](Connection& db) {
        const auto rows = number(db, "SELECT count(*) FROM t");
        if (rows) seen = *rows;
    });
    REQUIRE(f.database->write_now(insert(1)));
    CHECK(seen == 1);
    f.database->on_commit({});
    REQUIRE(f.database->write_now(insert(2)));
    CHECK(seen == 1);
}

TEST_CASE("database: a reader keeps its state while others write", "[sql]") {
    Fixture f;
    REQUIRE(f.database->write_now(insert(1)));
    auto reader = f.database->read();
    REQUIRE(reader);
    CHECK(*number(**reader, "SELECT count(*) FROM t") == 1);
    REQUIRE(f.database->write_now(insert(2)));
    CHECK(*number(**reader, "SELECT count(*) FROM t") == 1);
    CHECK(count(*f.database) == 2);
}

TEST_CASE("database: a copy is whole while writes go on, and opens as a database", "[sql]") {
    Fixture f;
    REQUIRE(f.database->write_now([](Connection& db) -> Status {
        for (int i = 0; i < 20'000; ++i) SG_TRY(db.run("INSERT INTO t(a, b) VALUES ($1, 1)", {i}));
        return {};
    }));
    std::atomic<bool> copying{true};
    // Moves one between two rows: a torn copy would not add up.
    std::thread writer([&] {
        while (copying)
            (void)f.database->write_now([](Connection& db) -> Status {
                SG_TRY(db.run("UPDATE t SET b = b - 1 WHERE a = 3"));
                SG_TRY(db.run("UPDATE t SET b = b + 1 WHERE a = 19999"));
                return {};
            });
    });
    for (int i = 0; i < 5; ++i) REQUIRE(f.database->back_up(f.folder / "copy.db"));
    copying = false;
    writer.join();
    CHECK_FALSE(std::filesystem::exists(f.folder / "copy.db.partial"));
    sql::DatabaseOptions options;
    options.path = f.folder / "copy.db";
    options.migrations = kTables;
    auto copy = Database::open(options, f.metrics);
    REQUIRE(copy);
    auto reader = (*copy)->read();
    REQUIRE(reader);
    CHECK(*number(**reader, "SELECT sum(b) FROM t") == 20'000);
    CHECK_FALSE(f.database->back_up(f.folder / "no such folder" / "copy.db"));
}

TEST_CASE("database: its log does not grow for ever under readers that overlap", "[sql]") {
    Fixture f;
    std::atomic<bool> reading{true};
    std::vector<std::thread> readers;
    for (int r = 0; r < 2; ++r)
        readers.emplace_back([&] {
            while (reading) {
                auto reader = f.database->read();
                if (reader) (void)number(**reader, "SELECT sum(length(hex(b))) FROM t");
            }
        });
    std::uintmax_t largest = 0;
    for (int round = 0; round < 50; ++round) {
        REQUIRE(f.database->write_now([&](Connection& db) -> Status {
            SG_TRY(db.run(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
                "INSERT OR REPLACE INTO t(a, b) SELECT i * 1000, $1 FROM n",
                {round}));
            SG_TRY(db.run("CREATE TABLE IF NOT EXISTS big(x BLOB)"));
            SG_TRY(db.run("DELETE FROM big"));
            SG_TRY(db.run("INSERT INTO big VALUES (zeroblob(4000000))"));
            return {};
        }));
        largest = std::max(largest, std::filesystem::file_size(f.folder / "test.db-wal"));
    }
    reading = false;
    for (auto& reader : readers) reader.join();
    // 50 times 4 MB were written.
    CHECK(largest < 160'000'000);
}

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <unistd.h>

#include <sql/database.hpp>
#include <sys/wait.h>

#include <base/metric.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using sql::Connection;
using sql::Database;
using sql::Migration;
using sql::Row;

namespace {

const Migration kFirst{"films", 1, "CREATE TABLE films(name TEXT); INSERT INTO films VALUES ('m')"};
const Migration kSecond{"films",
                        2,
                        "ALTER TABLE films ADD COLUMN year INTEGER NOT NULL DEFAULT 1931;"
                        "CREATE INDEX films_by_year ON films(year)"};

Result<std::unique_ptr<Database>> open(const std::filesystem::path& path,
                                       std::vector<Migration> migrations) {
    static NullMetrics metrics;
    sql::DatabaseOptions options;
    options.path = path;
    options.migrations = std::move(migrations);
    return Database::open(std::move(options), metrics);
}

std::int64_t number(Database& database, const std::string& sql) {
    std::int64_t value = -1;
    auto reader = database.read();
    REQUIRE(reader);
    REQUIRE((*reader)->query(sql, {}, [&](const Row& row) -> Status {
        value = row.integer(0);
        return {};
    }));
    return value;
}

}  // namespace

TEST_CASE("migrations: an older database is brought up to date with its rows", "[sql]") {
    const sg::test::TempFolder folder;
    const auto path = folder / "a.db";
    REQUIRE(open(path, {kFirst}));
    auto database = open(path, {{"other", 1, "CREATE TABLE other(x INTEGER)"}, kSecond, kFirst});
    REQUIRE(database);
    CHECK(number(**database, "SELECT year FROM films WHERE name = 'm'") == 1931);
    CHECK(number(**database, "SELECT count(*) FROM other") == 0);
    CHECK(number(**database, "SELECT version FROM schema_versions WHERE module = 'films'") == 2);
}

TEST_CASE("migrations: a step that fails leaves everything as it was", "[sql]") {
    const sg::test::TempFolder folder;
    const auto path = folder / "a.db";
    REQUIRE(open(path, {kFirst}));
    const auto bad = open(path, {kFirst, {"films", 2, "DELETE FROM films; CREATE NONSENSE"}});
    REQUIRE_FALSE(bad);
    CHECK(bad.error().message.find("tables of films to version 2") != std::string::npos);
    auto database = open(path, {kFirst});
    REQUIRE(database);
    CHECK(number(**database, "SELECT count(*) FROM films") == 1);
}

TEST_CASE("migrations: a database of a newer program is refused and not touched", "[sql]") {
    const sg::test::TempFolder folder;
    const auto path = folder / "a.db";
    REQUIRE(open(path, {kFirst, kSecond}));
    const auto older = open(path, {kFirst, {"other", 1, "CREATE TABLE other(x INTEGER)"}});
    REQUIRE_FALSE(older);
    CHECK(older.error().code == Errc::kMismatch);
    CHECK(older.error().message.find("newer StreamGate") != std::string::npos);
    auto database = open(path, {kFirst, kSecond});
    REQUIRE(database);
    CHECK(number(**database, "SELECT count(*) FROM sqlite_schema WHERE name = 'other'") == 0);
}

TEST_CASE("migrations: a gap in the steps is an error of ours", "[sql]") {
    const sg::test::TempFolder folder;
    const auto gap = open(folder / "a.db", {kFirst, {"films", 3, "SELECT 1"}});
    REQUIRE_FALSE(gap);
    CHECK(gap.error().code == Errc::kInternal);
}

TEST_CASE("database: a second opener is told who has it", "[sql]") {
    const sg::test::TempFolder folder;
    const auto path = folder / "a.db";
    auto database = open(path, {kFirst});
    REQUIRE(database);
    const auto second = open(path, {kFirst});
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::kInvalidArgument);
    CHECK(second.error().message.find("process " + std::to_string(::getpid())) !=
          std::string::npos);
    database->reset();
    CHECK(open(path, {kFirst}));
}

TEST_CASE("database: only its owner can read the file", "[sql]") {
    const sg::test::TempFolder folder;
    REQUIRE(open(folder / "a.db", {kFirst}));
    CHECK(std::filesystem::status(folder / "a.db").permissions() ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("database: a file that is none is refused with what to do", "[sql]") {
    const sg::test::TempFolder folder;
    std::ofstream(folder / "a.db") << std::string(8'192, 'x');
    const auto none = open(folder / "a.db", {kFirst});
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::kBadData);
    CHECK(none.error().message.find("put back a copy") != std::string::npos);
}

TEST_CASE("database: damage inside the file is an error of the reader, not of the service",
          "[sql]") {
    const sg::test::TempFolder folder;
    const auto path = folder / "a.db";
    {
        auto database = open(path, {kFirst});
        REQUIRE(database);
        REQUIRE((*database)->write_now([](Connection& db) -> Status {
            for (int i = 0; i < 2'000; ++i)
                SG_TRY(db.run("INSERT INTO films VALUES ($1)", {std::string(200, 'f')}));
            return {};
        }));
    }
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(20 * 4'096);
        file << std::string(40 * 4'096, '\xee');
    }
    auto database = open(path, {kFirst});
    REQUIRE(database);
    auto reader = (*database)->read();
    REQUIRE(reader);
    const auto rows =
        (*reader)->query("SELECT name FROM films", {}, [](const Row&) -> Status { return {}; });
    REQUIRE_FALSE(rows);
    CHECK(rows.error().code == Errc::kBadData);
}

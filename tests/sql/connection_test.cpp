#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sql/database.hpp>

#include <base/metric.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using sql::Connection;
using sql::Row;

namespace {

struct Fixture {
    sg::test::TempFolder folder;
    NullMetrics metrics;
    std::unique_ptr<sql::Database> database;

    Fixture() {
        sql::DatabaseOptions options;
        options.path = folder / "test.db";
        options.migrations = {
            {"t", 1, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c BLOB, d REAL)"}};
        auto opened = sql::Database::open(options, metrics);
        REQUIRE(opened);
        database = std::move(*opened);
    }
    Status write(const sql::Database::Work& work) { return database->write_now(work); }
};

}  // namespace

TEST_CASE("sql: every kind of value comes back as it was", "[sql]") {
    Fixture f;
    const std::array bytes{std::byte{0}, std::byte{255}, std::byte{7}};
    const std::string text("a'b;--\0c\xc3\xa9", 9);
    REQUIRE(f.write([&](Connection& db) -> Status {
        SG_TRY(db.run("INSERT INTO t VALUES ($1, $2, $3, $4)",
                      {std::int64_t{1} << 62, text, std::span<const std::byte>(bytes), 0.5}));
        SG_TRY(db.run("INSERT INTO t VALUES ($1, $2, $3, $4)", {-1, "", nullptr, nullptr}));
        return {};
    }));
    auto reader = f.database->read();
    REQUIRE(reader);
    const auto rows = (*reader)->query(
        "SELECT a, b, c, d FROM t WHERE a > $1", {0}, [&](const Row& row) -> Status {
            CHECK(row.integer(0) == std::int64_t{1} << 62);
            CHECK(row.text(1) == text);
            CHECK(row.blob(2).size() == 3);
            CHECK(row.blob(2)[1] == std::byte{255});
            CHECK(row.real(3) == 0.5);
            return {};
        });
    REQUIRE(rows);
    CHECK(*rows == 1);
    CHECK((*reader)->query("SELECT b, c FROM t WHERE a < $1", {0}, [](const Row& row) -> Status {
        CHECK_FALSE(row.is_null(0));
        CHECK(row.text(0).empty());
        CHECK(row.is_null(1));
        CHECK(row.blob(1).empty());
        return {};
    }));
}

TEST_CASE("sql: placeholders are numbered and may be used twice", "[sql]") {
    Fixture f;
    auto reader = f.database->read();
    REQUIRE(reader);
    std::string seen;
    REQUIRE((*reader)->query("SELECT $1 || $2 || $1", {"a", "b"}, [&](const Row& row) -> Status {
        seen = row.text(0);
        return {};
    }));
    CHECK(seen == "aba");
    const auto few =
        (*reader)->query("SELECT $1, $2", {1}, [](const Row&) -> Status { return {}; });
    REQUIRE_FALSE(few);
    CHECK(few.error().code == Errc::kInternal);
}

TEST_CASE("sql: a query may be asked again from within its own rows", "[sql]") {
    Fixture f;
    REQUIRE(f.write([](Connection& db) -> Status {
        for (int i = 0; i < 3; ++i) SG_TRY(db.run("INSERT INTO t(a, b) VALUES ($1, $1)", {i}));
        return {};
    }));
    auto reader = f.database->read();
    REQUIRE(reader);
    int pairs = 0;
    const std::string sql = "SELECT a FROM t";
    const auto outer = (*reader)->query(sql, {}, [&](const Row& row) -> Status {
        const auto inner = (*reader)->query(sql, {}, [&](const Row&) -> Status {
            ++pairs;
            return {};
        });
        if (!inner) return inner.error();
        CHECK(row.integer(0) >= 0);
        return {};
    });
    REQUIRE(outer);
    CHECK(pairs == 9);
}

TEST_CASE("sql: errors say what they mean to the caller", "[sql]") {
    Fixture f;
    const auto twice = f.write([](Connection& db) -> Status {
        SG_TRY(db.run("INSERT INTO t(a, b) VALUES (1, 'x')"));
        SG_TRY(db.run("INSERT INTO t(a, b) VALUES (2, 'x')"));
        return {};
    });
    REQUIRE_FALSE(twice);
    CHECK(twice.error().code == Errc::kMismatch);
    CHECK(twice.error().message.find("UNIQUE") != std::string::npos);
    // It goes to clients.
    CHECK(twice.error().message.find('/') == std::string::npos);

    // Nobody's value is in the way: a fault of the program.
    const auto lacking = f.write([](Connection& db) -> Status {
        SG_TRY(db.run("CREATE TABLE n(x TEXT NOT NULL)"));
        SG_TRY(db.run("INSERT INTO n(x) VALUES ($1)", {nullptr}));
        return {};
    });
    REQUIRE_FALSE(lacking);
    CHECK(lacking.error().code == Errc::kInternal);

    auto reader = f.database->read();
    REQUIRE(reader);
    const auto write = (*reader)->run("INSERT INTO t(a) VALUES (9)");
    REQUIRE_FALSE(write);
    CHECK(write.error().code == Errc::kPermission);
    CHECK_FALSE((*reader)->run("SELECT nonsense FROM t"));
    CHECK_FALSE((*reader)->query(
        "SELECT \"no_such_column\" FROM t", {}, [](const Row&) -> Status { return {}; }));
}

TEST_CASE("sql: an error of a row ends the query and is given", "[sql]") {
    Fixture f;
    REQUIRE(f.write([](Connection& db) -> Status {
        for (int i = 0; i < 3; ++i) SG_TRY(db.run("INSERT INTO t(a) VALUES ($1)", {i}));
        return {};
    }));
    auto reader = f.database->read();
    REQUIRE(reader);
    int rows = 0;
    const auto ended = (*reader)->query("SELECT a FROM t", {}, [&](const Row&) -> Status {
        ++rows;
        return Error{Errc::kCancelled, "enough"};
    });
    REQUIRE_FALSE(ended);
    CHECK(ended.error().message == "enough");
    CHECK(rows == 1);
}

TEST_CASE("sql: statements made at run time do not pile up", "[sql]") {
    Fixture f;
    auto reader = f.database->read();
    REQUIRE(reader);
    for (int i = 0; i < 2'000; ++i) {
        std::int64_t seen = -1;
        REQUIRE((*reader)->query("SELECT " + std::to_string(i), {}, [&](const Row& row) -> Status {
            seen = row.integer(0);
            return {};
        }));
        REQUIRE(seen == i);
    }
}

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <sql/database.hpp>
#include <sys/mount.h>
#include <sys/wait.h>

#include <base/metric.hpp>
#include <base/unique_fd.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

using namespace sg;
using sql::Connection;
using sql::Database;
using sql::Row;

namespace {

Result<std::unique_ptr<Database>> open(const std::filesystem::path& path) {
    static NullMetrics metrics;
    sql::DatabaseOptions options;
    options.path = path;
    options.migrations = {{"t", 1, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)"}};
    return Database::open(std::move(options), metrics);
}

/// Acknowledges each durable write through the pipe, until it is killed.
[[noreturn]] void write_for_ever(const std::filesystem::path& path, int first, int pipe) {
    auto database = open(path);
    if (!database) ::_exit(1);
    for (int i = first;; ++i)
        (*database)->write(
            [i](Connection& db) -> Status {
                SG_TRY(db.run("INSERT INTO t VALUES ($1, $2)", {i, std::string(300, 'x')}));
                return {};
            },
            [i, pipe](Status status) {
                if (status) (void)!::write(pipe, &i, sizeof i);
            });
}

}  // namespace

TEST_CASE("database: what was acknowledged is there after kill -9", "[sql]") {
    const sg::test::TempFolder folder;
    const auto path = folder / "a.db";
    std::set<int> acknowledged;
    int next = 0;
    for (int round = 0; round < 4; ++round) {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        UniqueFd from(ends[0]);
        UniqueFd to(ends[1]);
        const auto child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) write_for_ever(path, next, to.get());
        to.reset();
        int number = 0;
        for (int i = 0; i < 500 + 211 * round; ++i) {
            REQUIRE(::read(from.get(), &number, sizeof number) == sizeof number);
            acknowledged.insert(number);
        }
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        while (::read(from.get(), &number, sizeof number) == sizeof number)
            acknowledged.insert(number);

        auto database = open(path);
        REQUIRE(database);
        auto reader = (*database)->read();
        REQUIRE(reader);
        std::set<int> stored;
        REQUIRE((*reader)->query("SELECT a FROM t", {}, [&](const Row& row) -> Status {
            stored.insert(static_cast<int>(row.integer(0)));
            return {};
        }));
        CHECK(
            std::includes(stored.begin(), stored.end(), acknowledged.begin(), acknowledged.end()));
        next = *stored.rbegin() + 1;
    }
}

TEST_CASE("database: a full disk refuses writes, and room makes it go on", "[sql]") {
    const sg::test::TempFolder folder;
    std::optional<Error> refused;
    std::string after = "not tested";
    bool mounted = false;
    // A thread with a mount table of its own: the tiny disk is seen by nobody else. The database's
    // own thread is made by this one and shares it.
    std::thread([&] {
        if (::unshare(CLONE_NEWNS) != 0) return;
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
        if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0) return;
        mounted = true;
        auto database = open(folder / "a.db");
        if (!database) return;
        const auto insert = [&](int a, std::size_t size) {
            return (*database)->write_now([a, size](Connection& db) -> Status {
                SG_TRY(db.run("INSERT INTO t VALUES ($1, $2)", {a, std::string(size, 'x')}));
                return {};
            });
        };
        if (!insert(1, 100)) return;
        const UniqueFd filler(::open((folder / "filler").c_str(), O_CREAT | O_WRONLY, 0600));
        const std::string block(65'536, 'f');
        while (::write(filler.get(), block.data(), block.size()) > 0) {
        }
        int a = 2;
        for (; a < 200 && !refused; ++a)
            if (auto status = insert(a, 50'000); !status) refused = status.error();
        if (::ftruncate(filler.get(), 0) != 0) return;
        auto status = insert(1'000, 50'000);
        after = status ? "ok" : status.error().message;
        auto reader = (*database)->read();
        if (!reader) return;
        std::int64_t rows = 0;
        (void)(*reader)->query("SELECT count(*) FROM t", {}, [&](const Row& row) -> Status {
            rows = row.integer(0);
            return {};
        });
        // The refused one is not there, those before are.
        if (rows != a - 1) after = "rows: " + std::to_string(rows);
    }).join();
    if (!mounted) {
        WARN("not allowed to mount: not tested");
        return;
    }
    REQUIRE(refused);
    CHECK(refused->code == Errc::kNoSpace);
    CHECK(refused->message.find("free some space") != std::string::npos);
    CHECK(after == "ok");
}

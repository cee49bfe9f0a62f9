#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <sql/database.hpp>

#include <base/metric.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

namespace sg::test {

/// A database with the tables of jobs, and a clock that stands still.
struct JobStore {
    TempFolder folder;
    NullMetrics metrics;
    std::unique_ptr<sql::Database> database;
    jobs::Millis now = 1'000'000;

    JobStore() { open(); }

    void open() {
        database.reset();
        sql::DatabaseOptions options;
        options.path = folder / "jobs.db";
        options.migrations = jobs::migrations();
        auto opened = sql::Database::open(options, metrics);
        REQUIRE(opened);
        database = std::move(*opened);
    }

    [[nodiscard]] Status write(const sql::Database::Work& work) {
        return database->write_now(work);
    }

    /// `action` gives a Result<T>; its value comes out of the transaction.
    template <class Action>
    [[nodiscard]] auto in_write(Action action)
        -> decltype(action(std::declval<sql::Connection&>())) {
        using Value = typename decltype(action(std::declval<sql::Connection&>()))::value_type;
        std::optional<Value> value;
        auto status = database->write_now([&](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(value, action(db));
            return {};
        });
        if (!status) return std::move(status).error();
        return std::move(*value);
    }

    template <class Action>
    [[nodiscard]] auto in_read(Action action) {
        auto reader = database->read();
        REQUIRE(reader);
        return action(**reader);
    }

    void insert(const jobs::Job& job) {
        const auto status =
            write([&](sql::Connection& db) -> Status { return jobs::insert_job(db, job); });
        INFO((status ? std::string() : status.error().message));
        REQUIRE(status);
    }

    void insert_queued(const std::string& id, const std::string& owner = "ann") {
        insert(job(id, owner));
    }

    [[nodiscard]] jobs::Job job(const std::string& id, const std::string& owner = "ann") const {
        jobs::Job job;
        job.id = id;
        job.owner = owner;
        job.document = "{}";
        job.created = now;
        job.state = jobs::JobState::kQueued;
        return job;
    }

    [[nodiscard]] jobs::Job get(const std::string& id) {
        auto job = in_read([&](sql::Connection& db) { return jobs::find_job(db, id, ""); });
        REQUIRE(job);
        return std::move(*job);
    }

    [[nodiscard]] Result<jobs::Lease> take(const std::string& id, const std::string& worker) {
        return in_write([&](sql::Connection& db) {
            return jobs::take_lease(db, id, worker, now, now + 4'000);
        });
    }

    [[nodiscard]] Status end(const jobs::Lease& lease, const jobs::AttemptEnd& end) {
        return write(
            [&](sql::Connection& db) -> Status { return jobs::end_attempt(db, lease, end, now); });
    }

    [[nodiscard]] std::vector<std::string> event_types(const std::string& subject) {
        auto events =
            in_read([&](sql::Connection& db) { return jobs::events_of(db, subject, 0, 1'000); });
        REQUIRE(events);
        std::vector<std::string> types;
        for (const auto& event : *events) types.push_back(event.type);
        return types;
    }
};

inline std::string code_of(const Status& status) {
    return status ? "ok" : errc_name(status.error().code);
}
template <class T>
std::string code_of(const Result<T>& result) {
    return result ? "ok" : errc_name(result.error().code);
}

}  // namespace sg::test

#include "retention.hpp"

#include <filesystem>
#include <fstream>

#include <jobs/job_folders.hpp>

#include "../jobs/store_fixture.hpp"

using namespace sg;
using namespace sg::apps;
using namespace sg::test;
using namespace std::chrono_literals;

namespace {

/// A store with jobs that ended at known times, each with a folder of outputs.
struct Kept : JobStore {
    void ended_at(const std::string& id, jobs::Millis when) {
        now = when;
        insert_queued(id);
        const auto lease = take(id, "worker");
        REQUIRE(lease);
        jobs::AttemptEnd done;
        done.outcome = "succeeded";
        REQUIRE(end(*lease, done));
        const auto outputs = jobs::own_output_folder(folder.path(), id);
        std::filesystem::create_directories(outputs);
        std::ofstream(outputs / "index.m3u8") << "#EXTM3U";
    }
    [[nodiscard]] bool known(const std::string& id) {
        return in_read([&](sql::Connection& db) { return jobs::find_job(db, id, ""); }).has_value();
    }
    [[nodiscard]] bool has_outputs(const std::string& id) const {
        return std::filesystem::exists(jobs::own_output_folder(folder.path(), id));
    }
};

constexpr jobs::Millis kDay = 86'400'000;

}  // namespace

TEST_CASE("what is older than the configuration keeps is forgotten, and nothing else") {
    const SystemClock clock;
    const auto today =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
            .count();
    Kept store;
    store.ended_at("job_old", today - 40 * kDay);
    store.ended_at("job_week", today - 8 * kDay);
    store.ended_at("job_new", today - kDay);

    SECTION("jobs and their events") {
        KeepSettings keep;
        keep.jobs = 720h;
        keep.events = 168h;
        Retention retention(keep, store.folder.path(), *store.database, clock);
        retention.sweep({});
        CHECK_FALSE(store.known("job_old"));
        CHECK(store.known("job_week"));
        CHECK(store.event_types("job_week").empty());
        CHECK_FALSE(store.event_types("job_new").empty());
        CHECK(store.has_outputs("job_old"));  // outputs are kept for ever unless it is said
    }
    SECTION("outputs alone") {
        KeepSettings keep;
        keep.jobs = 0s;
        keep.outputs = 168h;
        Retention retention(keep, store.folder.path(), *store.database, clock);
        retention.sweep({});
        CHECK(store.known("job_old"));
        CHECK_FALSE(store.has_outputs("job_old"));
        CHECK_FALSE(store.has_outputs("job_week"));
        CHECK(store.has_outputs("job_new"));
        CHECK(store.get("job_week").outputs_deleted > 0);
        CHECK(store.get("job_new").outputs_deleted == 0);
    }
    SECTION("nothing when all is kept for ever") {
        KeepSettings keep;
        keep.jobs = keep.events = keep.outputs = 0s;
        Retention retention(keep, store.folder.path(), *store.database, clock);
        retention.sweep({});
        CHECK(store.known("job_old"));
        CHECK(store.has_outputs("job_old"));
        CHECK_FALSE(store.event_types("job_old").empty());
    }
}

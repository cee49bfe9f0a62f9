#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <jobs/retention.hpp>

#include <base/clock.hpp>

#include "store_fixture.hpp"

using namespace sg;
using sql::Connection;
using test::JobStore;

namespace {

/// `count` jobs that ended, and one that waits.
void fill(JobStore& store, int count) {
    REQUIRE(store.write([&](Connection& db) -> Status {
        for (int i = 0; i < count; ++i) {
            const auto id = "job_" + std::to_string(i);
            SG_TRY(jobs::insert_job(db, store.job(id)));
            SG_TRY(jobs::request_cancel(db, id, "", store.now));
        }
        return jobs::insert_job(db, store.job("job_waits"));
    }));
}

std::size_t listed(JobStore& store) {
    jobs::JobFilter filter;
    filter.limit = 1'000;
    const auto jobs = store.in_read([&](Connection& db) { return jobs::list_jobs(db, filter); });
    REQUIRE(jobs);
    return jobs->size();
}

}  // namespace

TEST_CASE("retention: what is older goes in batches, what is not over stays", "[jobs]") {
    JobStore store;
    fill(store, 250);
    std::vector<std::string> gone;
    const auto sweep = [&](const jobs::RetentionPolicy& policy) {
        REQUIRE(jobs::sweep(
            *store.database, policy, store.now, [&](const std::vector<std::string>& ids) {
                CHECK(ids.size() <= 100);
                gone.insert(gone.end(), ids.begin(), ids.end());
            }));
    };
    const jobs::RetentionPolicy policy{1'000, 5'000};
    store.now += 1'000;
    sweep(policy);
    CHECK(gone.empty());
    store.now += 1;
    sweep({0, 0});
    CHECK(gone.empty());
    sweep(policy);
    CHECK(gone.size() == 250);
    CHECK(listed(store) == 1);
    CHECK(store.event_types("job_0").size() == 3);
    store.now += 5'000;
    sweep(policy);
    CHECK(store.event_types("job_0").empty());
    CHECK(store.event_types("job_waits").empty());
    CHECK(listed(store) == 1);
}

TEST_CASE("retention: its thread sweeps at once and ends quickly", "[jobs]") {
    JobStore store;
    fill(store, 10);
    const SystemClock clock;
    std::atomic<std::size_t> gone{0};
    {
        const jobs::Retention retention(
            {}, *store.database, clock, [&](const std::vector<std::string>& ids) {
                gone += ids.size();
            });
        const auto deadline = clock.now() + std::chrono::seconds(20);
        while (gone < 10 && clock.now() < deadline) std::this_thread::yield();
    }
    CHECK(gone == 10);
}

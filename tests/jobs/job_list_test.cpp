#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "store_fixture.hpp"

using namespace sg;
using jobs::JobFilter;
using jobs::JobState;
using sql::Connection;
using test::JobStore;

namespace {

using Names = std::vector<std::string>;

std::vector<jobs::Job> page(JobStore& store, const JobFilter& filter) {
    auto jobs = store.in_read([&](Connection& db) { return jobs::list_jobs(db, filter); });
    REQUIRE(jobs);
    return std::move(*jobs);
}

/// All pages one after the other.
Names names(JobStore& store, JobFilter filter) {
    Names ids;
    for (;;) {
        const auto jobs = page(store, filter);
        for (const auto& job : jobs) ids.push_back(job.id);
        if (static_cast<std::int64_t>(jobs.size()) < filter.limit) return ids;
        filter.before_seq = jobs.back().seq;
    }
}

bool matches(const jobs::Job& job, const JobFilter& filter) {
    if (!filter.owner.empty() && job.owner != filter.owner) return false;
    if (!filter.states.empty() &&
        std::find(filter.states.begin(), filter.states.end(), job.state) == filter.states.end())
        return false;
    if (filter.tag) {
        const auto found = job.tags.find(filter.tag->first);
        if (found == job.tags.end() || found->second != filter.tag->second) return false;
    }
    if (!filter.external_id.empty() && job.external_id != filter.external_id) return false;
    if (job.created < filter.created_from) return false;
    return filter.created_to == 0 || job.created < filter.created_to;
}

}  // namespace

TEST_CASE("job list: any filter gives what a plain search gives, page by page", "[jobs]") {
    JobStore store;
    std::mt19937 random(7);
    const auto pick = [&](int below) {
        return static_cast<int>(random() % static_cast<unsigned>(below));
    };
    std::vector<jobs::Job> all;
    REQUIRE(store.write([&](Connection& db) -> Status {
        for (int i = 0; i < 400; ++i) {
            // The wall clock steps back now and then.
            store.now += pick(50) == 0 ? -700 : pick(30);
            auto job = store.job("job_" + std::to_string(i), pick(4) == 0 ? "bob" : "ann");
            job.external_id = pick(3) == 0 ? "e" + std::to_string(pick(5)) : "";
            if (pick(2) == 0) job.tags["show"] = std::to_string(pick(3));
            if (pick(9) == 0) job.tags["rare"] = "x";
            if (pick(5) == 0) job.state = JobState::kAccepted;
            SG_TRY(jobs::insert_job(db, job));
            if (pick(3) == 0) SG_TRY(jobs::request_cancel(db, job.id, "", store.now));
        }
        return {};
    }));
    for (int i = 0; i < 400; ++i) all.push_back(store.get("job_" + std::to_string(i)));
    std::reverse(all.begin(), all.end());
    const auto [low, high] = std::minmax_element(
        all.begin(), all.end(), [](const auto& a, const auto& b) { return a.created < b.created; });
    const int span = static_cast<int>(high->created - low->created) + 200;
    for (int round = 0; round < 300; ++round) {
        JobFilter filter;
        filter.limit = 1 + pick(60);
        if (pick(2) == 0) filter.owner = pick(8) == 0 ? "nobody" : pick(2) == 0 ? "ann" : "bob";
        for (const auto state : {JobState::kAccepted, JobState::kQueued, JobState::kCancelled})
            if (pick(3) == 0) filter.states.push_back(state);
        if (pick(3) == 0) filter.tag = {"show", std::to_string(pick(4))};
        if (pick(6) == 0) filter.tag = {"rare", "x"};
        if (pick(4) == 0) filter.external_id = "e" + std::to_string(pick(6));
        if (pick(3) == 0) filter.created_from = low->created - 100 + pick(span);
        if (pick(3) == 0) filter.created_to = low->created - 100 + pick(span);
        Names expected;
        for (const auto& job : all)
            if (matches(job, filter)) expected.push_back(job.id);
        INFO("round " << round);
        REQUIRE(names(store, filter) == expected);
    }
}

TEST_CASE("job list: pages stay stable while jobs are added", "[jobs]") {
    JobStore store;
    for (int i = 0; i < 30; ++i) store.insert_queued("job_" + std::to_string(i));
    JobFilter filter;
    filter.owner = "ann";
    filter.limit = 7;
    Names seen;
    int added = 30;
    for (;;) {
        const auto jobs = page(store, filter);
        for (const auto& job : jobs) seen.push_back(job.id);
        if (jobs.size() < 7) break;
        filter.before_seq = jobs.back().seq;
        for (int i = 0; i < 5; ++i) store.insert_queued("job_" + std::to_string(added++));
    }
    Names expected;
    for (int i = 29; i >= 0; --i) expected.push_back("job_" + std::to_string(i));
    CHECK(seen == expected);
}

TEST_CASE("job list: a page has attempts and tags, and a limit that is too large is cut",
          "[jobs]") {
    JobStore store;
    REQUIRE(store.write([&](Connection& db) -> Status {
        for (int i = 0; i < 1'100; ++i) {
            auto job = store.job("job_" + std::to_string(i));
            job.tags = {{"n", std::to_string(i)}};
            SG_TRY(jobs::insert_job(db, job));
        }
        return {};
    }));
    REQUIRE(store.take("job_1000", "w"));
    JobFilter filter;
    filter.limit = 1'000'000;
    const auto jobs = page(store, filter);
    REQUIRE(jobs.size() == 1'000);
    CHECK(jobs[99].id == "job_1000");
    REQUIRE(jobs[99].attempts.size() == 1);
    CHECK(jobs[99].attempts[0].worker == "w");
    CHECK(jobs[98].attempts.empty());
    CHECK(jobs[500].tags.at("n") == "599");
    filter.limit = -5;
    CHECK(page(store, filter).size() == 1);
}

TEST_CASE("job list: every statement walks an index", "[jobs]") {
    JobStore store;
    const auto plan = [&](const std::string& sql) {
        std::string text;
        REQUIRE(store.in_read([&](Connection& db) {
            return db.query("EXPLAIN QUERY PLAN " + sql, {}, [&](const sql::Row& row) -> Status {
                text += std::string(row.text(3)) + "\n";
                return {};
            });
        }));
        return text;
    };
    const auto walks = [&](const std::string& sql, const std::string& index) {
        const auto text = plan(sql);
        INFO(text);
        CHECK(text.find(index) != std::string::npos);
        CHECK(text.find("TEMP B-TREE") == std::string::npos);
        CHECK(text.find("SCAN") == std::string::npos);
    };
    walks("SELECT seq FROM jobs WHERE owner = 'a' AND seq <= 9 ORDER BY seq DESC LIMIT 5",
          "jobs_by_owner (");
    walks("SELECT seq FROM jobs WHERE state = 'a' AND seq <= 9 ORDER BY seq DESC LIMIT 5",
          "jobs_by_state (");
    walks(
        "SELECT seq FROM jobs WHERE owner = 'o' AND state = 'a' AND seq <= 9 ORDER BY seq DESC "
        "LIMIT 5",
        "jobs_by_owner_state (");
    walks(
        "SELECT job FROM job_tags WHERE name = 'a' AND value = 'b' AND job <= 9 "
        "ORDER BY job DESC LIMIT 5",
        "PRIMARY KEY");
    walks(
        "SELECT seq FROM jobs WHERE external_id = 'x' AND external_id <> '' AND seq <= 9 "
        "ORDER BY seq DESC LIMIT 5",
        "jobs_by_external_id");
    walks("SELECT seq FROM jobs WHERE clock_high >= 5 ORDER BY clock_high, seq LIMIT 1",
          "jobs_by_time");
    const auto first = plan(
        "SELECT id FROM jobs WHERE ready = 1 "
        "ORDER BY owner, priority, deadline, waiting_since, seq LIMIT 1");
    CHECK(first.find("USING INDEX jobs_queue") != std::string::npos);
    CHECK(first.find("TEMP B-TREE") == std::string::npos);
    walks(
        "SELECT id FROM jobs WHERE ready = 1 AND owner = 'a' AND priority > 2 "
        "ORDER BY priority, deadline, waiting_since, seq LIMIT 1",
        "jobs_queue (owner=? AND priority>?)");
    walks(
        "SELECT id FROM jobs WHERE ready = 1 AND owner > 'a' "
        "ORDER BY owner, priority, deadline, waiting_since, seq LIMIT 1",
        "jobs_queue (owner>?)");
    walks(
        "SELECT id FROM jobs WHERE ready = 1 AND owner = 'a' "
        "AND priority = 2 AND deadline = 5 ORDER BY waiting_since, seq LIMIT 1",
        "jobs_queue");
    walks(
        "SELECT id FROM jobs WHERE not_before > 0 AND not_before <= 7 "
        "ORDER BY not_before LIMIT 100",
        "jobs_held");
    walks(
        "SELECT count(*) FROM jobs WHERE ready = 1 AND priority = 2 "
        "AND (deadline, waiting_since, seq) < (1, 2, 3)",
        "COVERING INDEX jobs_order");
    CHECK(plan("SELECT coalesce(sum(expected_s), 0.0) FROM jobs WHERE ready = 1")
              .find("COVERING INDEX jobs_order") != std::string::npos);
    walks("UPDATE jobs SET lease_until = 9 WHERE lease_token IN (1, 2, 3) RETURNING id",
          "jobs_leases");
    walks(
        "SELECT id FROM jobs WHERE lease_token IS NOT NULL AND lease_until <= 5 "
        "ORDER BY lease_until LIMIT 5",
        "jobs_lease_ends");
    walks(
        "SELECT j.seq FROM jobs j JOIN job_documents d ON d.job = j.seq "
        "WHERE j.ended_at > 0 AND j.ended_at < 5 ORDER BY j.ended_at LIMIT 5",
        "jobs_ended");
    walks("SELECT seq FROM job_events WHERE subject = 'a' AND seq > 5 ORDER BY seq LIMIT 5",
          "job_events_by_subject");
}

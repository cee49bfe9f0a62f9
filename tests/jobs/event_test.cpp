#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <base/clock.hpp>

#include "store_fixture.hpp"

using namespace sg;
using jobs::Event;
using jobs::EventHub;
using sql::Connection;
using test::JobStore;

namespace {

Event event(const std::string& type, const std::string& owner = "ann") {
    Event made;
    made.type = type;
    made.subject = "s";
    made.owner = owner;
    made.time = 1'000;
    return made;
}

Status append(JobStore& store, const std::string& type, const std::string& owner = "ann") {
    return store.write(
        [&](Connection& db) -> Status { return jobs::append_event(db, event(type, owner)); });
}

}  // namespace

TEST_CASE("events: numbered without gaps, whatever fails between them", "[jobs]") {
    JobStore store;
    REQUIRE(append(store, "a"));
    CHECK_FALSE(store.write([](Connection& db) -> Status {
        SG_TRY(jobs::append_event(db, event("lost")));
        return Error{Errc::kCancelled, "undone"};
    }));
    REQUIRE(append(store, "b", "bob"));
    REQUIRE(append(store, "c", ""));
    const auto after = [&](std::int64_t seq, const char* owner, std::int64_t limit) {
        const auto events = store.in_read(
            [&](Connection& db) { return jobs::events_after(db, seq, owner, limit); });
        REQUIRE(events);
        std::string text;
        for (const auto& each : *events) text += std::to_string(each.seq) + each.type;
        return text;
    };
    CHECK(after(0, "", 10) == "1a2b3c");
    CHECK(after(1, "", 1) == "2b");
    CHECK(after(0, "ann", 10) == "1a");
    CHECK(after(3, "", 10).empty());
}

TEST_CASE("events: old ones go from the old end, and numbers are not given again", "[jobs]") {
    JobStore store;
    REQUIRE(store.write([](Connection& db) -> Status {
        // The clock steps back in between: what is behind a younger one stays.
        for (const jobs::Millis time : {10, 20, 90, 30, 100}) {
            auto each = event("x");
            each.time = time;
            SG_TRY(jobs::append_event(db, each));
        }
        return {};
    }));
    const auto purge = [&](jobs::Millis before, std::int64_t limit) {
        const auto gone =
            store.in_write([&](Connection& db) { return jobs::purge_events(db, before, limit); });
        REQUIRE(gone);
        return *gone;
    };
    const auto oldest = [&] {
        return *store.in_read([](Connection& db) { return jobs::oldest_event(db); });
    };
    CHECK(oldest() == 1);
    CHECK(purge(50, 1) == 1);
    CHECK(purge(50, 100) == 1);
    CHECK(purge(50, 100) == 0);
    CHECK(oldest() == 3);
    CHECK(purge(1'000, 100) == 3);
    CHECK(oldest() == 6);
    CHECK(*store.in_read([](Connection& db) { return jobs::last_event(db); }) == 5);
    store.open();
    REQUIRE(append(store, "next"));
    CHECK(oldest() == 6);
}

TEST_CASE("events: the envelope is the documented one and safe for any text", "[jobs]") {
    auto made = event("job.queued");
    made.seq = 7;
    made.id = "evt_1";
    made.subject = "a\"\n\xff";
    made.data = R"({"state":"queued"})";
    CHECK(made.to_json() ==
          "{\"seq\":7,\"id\":\"evt_1\",\"time\":\"1970-01-01T00:00:01.000Z\",\"type\":\"job."
          "queued\",\"subject\":\"a\\\"\\n\xef\xbf\xbd\",\"version\":1,\"data\":{\"state\":"
          "\"queued\"}}");
}

TEST_CASE("event hub: tells what is committed, in order, and nothing that was undone", "[jobs]") {
    JobStore store;
    REQUIRE(append(store, "before"));
    const SystemClock clock;
    EventHub hub(*store.database, clock);
    std::mutex mutex;
    std::vector<std::int64_t> seen;
    std::vector<std::string> ids;
    const auto subscription = hub.subscribe([&](const EventHub::Batch& batch) {
        const std::lock_guard lock(mutex);
        for (const auto& each : batch) {
            seen.push_back(each->seq);
            ids.push_back(each->id);
        }
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i) {
                (void)append(store, "x");
                if (i % 10 == 0)
                    (void)store.write([](Connection& db) -> Status {
                        SG_TRY(jobs::append_event(db, event("undone")));
                        return Error{Errc::kCancelled, "undone"};
                    });
            }
        });
    for (auto& thread : threads) thread.join();
    // More than is read at once.
    REQUIRE(store.write([](Connection& db) -> Status {
        for (int i = 0; i < 2'500; ++i) SG_TRY(jobs::append_event(db, event("many")));
        return {};
    }));
    const std::lock_guard lock(mutex);
    REQUIRE(seen.size() == 2'900);
    for (std::size_t i = 0; i < seen.size(); ++i)
        REQUIRE(seen[i] == static_cast<std::int64_t>(i) + 2);
    CHECK(ids.front().rfind("evt_", 0) == 0);
}

TEST_CASE("event hub: progress is told and not kept", "[jobs]") {
    JobStore store;
    const SystemClock clock;
    EventHub hub(*store.database, clock);
    std::vector<std::string> told;
    const auto subscription = hub.subscribe([&](const EventHub::Batch& batch) {
        told.push_back(batch.front()->type + std::to_string(batch.front()->seq));
        CHECK(batch.front()->time > 0);
    });
    auto progress = event("job.progress");
    progress.time = 0;
    hub.tell(progress);
    CHECK(told == std::vector<std::string>{"job.progress0"});
    CHECK(*store.in_read([](Connection& db) { return jobs::last_event(db); }) == 0);
}

TEST_CASE("event hub: a listener may end itself, and is not called again", "[jobs]") {
    JobStore store;
    const SystemClock clock;
    EventHub hub(*store.database, clock);
    int calls = 0;
    std::optional<EventHub::Subscription> subscription;
    const auto witness = std::make_shared<int>(1);
    subscription = hub.subscribe([&, witness](const EventHub::Batch&) {
        ++calls;
        subscription.reset();
        // What the listener holds is still there.
        CHECK(*witness == 1);
    });
    REQUIRE(append(store, "a"));
    REQUIRE(append(store, "b"));
    CHECK(calls == 1);
    CHECK(witness.use_count() == 1);
}

TEST_CASE("event hub: ending a subscription from elsewhere waits for a call under way", "[jobs]") {
    JobStore store;
    const SystemClock clock;
    EventHub hub(*store.database, clock);
    std::promise<void> inside;
    std::promise<void> go_on;
    std::atomic<bool> finished{false};
    std::optional<EventHub::Subscription> subscription;
    subscription = hub.subscribe([&](const EventHub::Batch&) {
        inside.set_value();
        go_on.get_future().wait();
        finished = true;
    });
    std::thread writer([&] { (void)append(store, "a"); });
    inside.get_future().wait();
    std::thread ender([&] {
        subscription.reset();
        CHECK(finished);
    });
    go_on.set_value();
    ender.join();
    writer.join();
    REQUIRE(append(store, "b"));
}

TEST_CASE("event hub: listeners come and go while events are told", "[jobs]") {
    JobStore store;
    const SystemClock clock;
    EventHub hub(*store.database, clock);
    std::atomic<bool> going{true};
    std::atomic<int> late{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&] {
            while (going) {
                std::atomic<bool> alive{true};
                {
                    const auto subscription = hub.subscribe([&](const EventHub::Batch&) {
                        if (!alive) ++late;
                    });
                    hub.tell(event("job.progress"));
                }
                alive = false;
            }
        });
    for (int i = 0; i < 100; ++i) CHECK(append(store, "x"));
    going = false;
    for (auto& thread : threads) thread.join();
    CHECK(late == 0);
}

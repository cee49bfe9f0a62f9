#include <string>
#include <vector>

#include <jobs/idempotency.hpp>
#include <jobs/preset_table.hpp>

#include "store_fixture.hpp"

using namespace sg;
using sql::Connection;
using test::code_of;
using test::JobStore;

namespace {

constexpr jobs::Millis kDay = 86'400'000;

auto begin(JobStore& store, const jobs::IdempotentRequest& request) {
    return store.in_write(
        [&](Connection& db) { return jobs::begin_request(db, request, store.now); });
}

jobs::StoredPreset preset(const std::string& owner,
                          const std::string& name,
                          const std::string& digest) {
    return {name, 0, owner, "yaml of " + digest, digest, 5};
}

Result<jobs::StoredPreset> add(JobStore& store,
                               const jobs::StoredPreset& preset,
                               std::optional<std::int64_t> expected = std::nullopt) {
    return store.in_write([&](Connection& db) { return jobs::add_preset(db, preset, expected); });
}

}  // namespace

TEST_CASE("idempotency: the same request again gets the first answer", "[jobs]") {
    JobStore store;
    const jobs::IdempotentRequest request{"ann", "k1", "d1"};
    const auto first = begin(store, request);
    REQUIRE(first);
    CHECK_FALSE(*first);
    CHECK(code_of(begin(store, request)) == "again");
    CHECK(code_of(begin(store, {"ann", "k1", "d2"})) == "mismatch");
    REQUIRE(store.write([&](Connection& db) -> Status {
        return jobs::finish_request(db, request, {201, "job_1", "body"}, store.now);
    }));
    store.now += kDay - 1;
    const auto again = begin(store, request);
    REQUIRE(again);
    REQUIRE(*again);
    CHECK((*again)->status == 201);
    CHECK((*again)->job == "job_1");
    CHECK((*again)->body == "body");
    CHECK(code_of(begin(store, {"ann", "k1", "d2"})) == "mismatch");
    // Another owner's key is another key.
    CHECK_FALSE(*begin(store, {"bob", "k1", "d2"}));
    store.now += 1;
    CHECK_FALSE(*begin(store, {"ann", "k1", "d2"}));
}

TEST_CASE("idempotency: what failed or was lost may be tried again", "[jobs]") {
    JobStore store;
    const jobs::IdempotentRequest request{"ann", "k1", "d1"};
    REQUIRE(begin(store, request));
    REQUIRE(
        store.write([&](Connection& db) -> Status { return jobs::forget_request(db, request); }));
    CHECK_FALSE(*begin(store, request));
    store.now += 59'999;
    CHECK(code_of(begin(store, request)) == "again");
    store.now += 1;
    CHECK_FALSE(*begin(store, request));
}

TEST_CASE("idempotency: old keys are removed, a bounded number at a time", "[jobs]") {
    JobStore store;
    for (int i = 0; i < 5; ++i) REQUIRE(begin(store, {"ann", std::to_string(i), "d"}));
    const auto purge = [&] {
        return *store.in_write(
            [&](Connection& db) { return jobs::purge_requests(db, store.now, 3); });
    };
    CHECK(purge() == 0);
    store.now += kDay;
    CHECK(purge() == 3);
    CHECK(purge() == 2);
}

TEST_CASE("stored presets: versions count up and never change", "[jobs]") {
    JobStore store;
    CHECK(add(store, preset("ann", "hd", "a"))->version == 1);
    CHECK(add(store, preset("ann", "hd", "b"))->version == 2);
    CHECK(add(store, preset("ann", "hd", "b"))->version == 2);
    CHECK(add(store, preset("ann", "hd", "a"))->version == 3);
    CHECK(code_of(add(store, preset("ann", "hd", "c"), 2)) == "mismatch");
    CHECK(add(store, preset("ann", "hd", "c"), 3)->version == 4);
    CHECK(code_of(add(store, preset("ann", "hd", "d"), 0)) == "mismatch");
    CHECK(add(store, preset("ann", "new", "d"), 0)->version == 1);
    const auto find =
        [&](const char* owner, const char* name, std::optional<std::int64_t> version) {
            const auto found = store.in_read(
                [&](Connection& db) { return jobs::find_preset(db, owner, name, version); });
            return found ? found->owner + "/" + found->digest : code_of(found);
        };
    CHECK(find("ann", "hd", std::nullopt) == "ann/c");
    CHECK(find("ann", "hd", 2) == "ann/b");
    CHECK(find("ann", "hd", 9) == "not_found");
    CHECK(find("bob", "hd", std::nullopt) == "not_found");
    const auto versions =
        store.in_read([](Connection& db) { return jobs::preset_versions(db, "ann", "hd"); });
    REQUIRE(versions);
    REQUIRE(versions->size() == 4);
    CHECK(versions->front().version == 4);
}

TEST_CASE("stored presets: an owner's own comes before the one for all", "[jobs]") {
    JobStore store;
    REQUIRE(add(store, preset("", "hd", "all")));
    REQUIRE(add(store, preset("", "sd", "all")));
    REQUIRE(add(store, preset("ann", "hd", "own")));
    REQUIRE(add(store, preset("bob", "own", "bob")));
    const auto list = [&](const char* owner, const char* after, std::int64_t limit) {
        const auto found = store.in_read(
            [&](Connection& db) { return jobs::list_presets(db, owner, after, limit); });
        REQUIRE(found);
        std::string text;
        for (const auto& each : *found) text += each.name + "=" + each.digest + " ";
        return text;
    };
    CHECK(list("ann", "", 10) == "hd=own sd=all ");
    CHECK(list("bob", "", 10) == "hd=all own=bob sd=all ");
    CHECK(list("", "", 10) == "hd=all sd=all ");
    CHECK(list("bob", "hd", 1) == "own=bob ");
}

#include <fstream>

#include <nlohmann/json.hpp>

#include "gate_server.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;
using nlohmann::json;

namespace {

struct Store {
    explicit Store(const Clock& clock) {
        sql::DatabaseOptions options;
        options.path = folder / "keys.db";
        options.migrations = ApiKeys::migrations();
        auto opened = sql::Database::open(std::move(options), metrics);
        REQUIRE(opened);
        database = std::move(*opened);
        reopen(clock);
    }
    void reopen(const Clock& clock) {
        auto made = ApiKeys::open(*database, clock);
        REQUIRE(made);
        keys = std::move(*made);
    }
    ApiKeys::Made add(std::optional<std::int64_t> expires_at = {}) {
        ApiKey wanted;
        wanted.name = "ci";
        wanted.owner = "acme";
        wanted.role = Role::kSubmitter;
        wanted.scopes = {"jobs", "uploads"};
        wanted.expires_at = expires_at;
        auto made = keys->make(std::move(wanted));
        REQUIRE(made);
        REQUIRE(database->write_now([&](sql::Connection& db) { return keys->insert(db, *made); }));
        keys->adopt(*made);
        return *made;
    }
    sg::test::TempFolder folder;
    NullMetrics metrics;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<ApiKeys> keys;
};

json body_of(const Answer& answer) {
    return json::parse(answer.body);
}

}  // namespace

TEST_CASE("a key is good as a whole only, also after a restart") {
    ManualClock clock;
    Store store(clock);
    const auto made = store.add();
    CHECK(made.secret.starts_with("sgk_" + made.key.id + "_"));
    CHECK(made.secret.size() == 4 + 12 + 1 + 43);
    store.reopen(clock);
    const auto principal = store.keys->verify(made.secret);
    REQUIRE(principal);
    CHECK(principal->name == "key:ci/" + made.key.id);
    CHECK(principal->owner == "acme");
    CHECK(principal->role == Role::kSubmitter);
    CHECK(principal->scopes == std::set<std::string>{"jobs", "uploads"});
    for (std::size_t at = 0; at < made.secret.size(); ++at) {
        auto other = made.secret;
        other[at] = other[at] == 'a' ? 'b' : 'a';
        CHECK_FALSE(store.keys->verify(other));
    }
    CHECK_FALSE(store.keys->verify(made.secret + "a"));
    CHECK_FALSE(store.keys->verify(made.secret.substr(1)));
    CHECK_FALSE(store.keys->verify(""));
}

TEST_CASE("the database has no key that could be used") {
    ManualClock clock;
    Store store(clock);
    const auto made = store.add();
    store.keys.reset();
    store.database.reset();
    for (const auto& entry : std::filesystem::directory_iterator(store.folder.path())) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes((std::istreambuf_iterator<char>(file)), {});
        CHECK(bytes.find(made.secret.substr(17)) == std::string::npos);
    }
}

TEST_CASE("a key ends when it expires or is revoked, and its use is noted") {
    ManualClock clock;
    Store store(clock);
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch())
            .count();
    const auto made = store.add(now + 5000);
    REQUIRE(store.keys->verify(made.secret));
    CHECK(store.keys->find(made.key.id)->last_used_at == now);
    clock.advance(std::chrono::seconds(5));
    const auto expired = store.keys->verify(made.secret);
    REQUIRE_FALSE(expired);
    CHECK(expired.error().message.find("expired") != std::string::npos);
    auto key = store.add().key;
    key.revoked_at = now;
    store.keys->adopt(key);
    REQUIRE(store.database->write_now(
        [&](sql::Connection& db) { return store.keys->update(db, key); }));
    store.reopen(clock);
    CHECK(store.keys->find(key.id)->revoked_at == now);
    CHECK(store.keys->find(made.key.id)->last_used_at == now);
}

TEST_CASE("a key that is revoked while it is rotated stays revoked and has no successor") {
    ManualClock clock;
    Store store(clock);
    const auto made = store.add();
    auto rotated = made.key;  // read before the revocation
    const auto next = store.keys->make_successor(rotated);
    REQUIRE(next);
    rotated.successor = next->key.id;
    auto revoked = made.key;
    revoked.revoked_at = made.key.created_at;
    REQUIRE(store.database->write_now(
        [&](sql::Connection& db) { return store.keys->update(db, revoked); }));
    store.keys->adopt(revoked);

    const auto late = store.database->write_now(
        [&](sql::Connection& db) { return store.keys->supersede(db, rotated, *next); });
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Errc::kMismatch);
    // Committed before, told to the memory after.
    store.keys->adopt(rotated);
    CHECK_FALSE(store.keys->verify(made.secret));
    // Nor does an older copy undo it on disk.
    REQUIRE(store.database->write_now(
        [&](sql::Connection& db) { return store.keys->update(db, made.key); }));
    store.reopen(clock);
    CHECK_FALSE(store.keys->verify(made.secret));
    CHECK_FALSE(store.keys->verify(next->secret));
}

TEST_CASE("the first start leaves a key for the administrator in a file of its own") {
    ManualClock clock;
    Store store(clock);
    const auto path = store.keys->bootstrap(store.folder.path());
    REQUIRE(path);
    REQUIRE(path->has_value());
    CHECK((std::filesystem::status(**path).permissions() & std::filesystem::perms(0077)) ==
          std::filesystem::perms::none);
    std::string secret;
    std::getline(std::ifstream(**path) >> std::ws, secret);
    const auto principal = store.keys->verify(secret);
    REQUIRE(principal);
    CHECK(principal->role == Role::kAdmin);
    const auto again = store.keys->bootstrap(store.folder.path());
    REQUIRE(again);
    CHECK_FALSE(again->has_value());
    auto key = *store.keys->find(principal->key_id);
    key.revoked_at = 1;
    store.keys->adopt(key);
    CHECK(store.keys->bootstrap(store.folder.path())->has_value());
}

TEST_CASE("an administrator makes, rotates and revokes keys; a secret is shown once") {
    GateServer server;
    const auto admin = server.as(Role::kAdmin);
    auto answer = server.ask_json(
        "POST",
        "/v1/keys",
        admin,
        R"({"name":"ci","owner":"acme","role":"submitter","scopes":["keys"],"expires_at":"2100-01-01T00:00:00Z"})");
    REQUIRE(answer.status == 201);
    const auto made = body_of(answer);
    const auto id = made.at("id").get<std::string>();
    const auto secret = GateServer::bearer(made.at("secret").get<std::string>());
    CHECK(answer.fields.at("location") == "/v1/keys/" + id);
    CHECK(server.ask("GET", "/v1/keys/" + id, secret).status == 200);
    answer = server.ask("GET", "/v1/keys", admin);
    CHECK(answer.body.find(id) != std::string::npos);
    CHECK(answer.body.find("secret") == std::string::npos);
    CHECK(answer.body.find("hash") == std::string::npos);

    answer = server.ask_json("POST", "/v1/keys/" + id + "/rotate", secret, R"({"overlap_s":600})");
    REQUIRE(answer.status == 201);
    const auto next = body_of(answer);
    const auto successor = GateServer::bearer(next.at("secret").get<std::string>());
    CHECK(next.at("scopes") == json::array({"keys"}));
    CHECK(server.ask("GET", "/v1/keys/" + id, secret).status == 200);  // both, for the overlap
    CHECK(server.ask("GET", "/v1/keys/" + next.at("id").get<std::string>(), successor).status ==
          200);
    CHECK(server.ask("POST", "/v1/keys/" + id + "/rotate", secret).status == 409);

    CHECK(server.ask("DELETE", "/v1/keys/" + id, admin).status == 200);
    CHECK(server.ask("DELETE", "/v1/keys/" + id, admin).status == 200);
    CHECK(server.ask("GET", "/v1/keys/" + id, secret).status == 401);

    answer = server.ask("GET", "/v1/audit?limit=100", admin);
    REQUIRE(answer.status == 200);
    const auto items = body_of(answer).at("items");
    REQUIRE(items.size() == 3);
    CHECK(items[0].at("action") == "createKey");
    CHECK(items[1].at("action") == "rotateKey");
    CHECK(items[2].at("action") == "revokeKey");
    CHECK(items[2].at("outcome") == "succeeded");
    CHECK(answer.body.find(made.at("secret").get<std::string>()) == std::string::npos);
    CHECK(body_of(server.ask("GET", "/v1/audit/verify", admin)).at("good") == true);
    answer = server.ask("GET", "/v1/audit/export", admin);
    CHECK(std::count(answer.body.begin(), answer.body.end(), '\n') == 4);
}

TEST_CASE("faults of a key's document are all told, with their places") {
    GateServer server;
    const auto admin = server.as(Role::kAdmin);
    const auto answer = server.ask_json(
        "POST",
        "/v1/keys",
        admin,
        R"({"nam":"x","owner":"","role":"boss","scopes":["jbs"],"expires_at":"2001-01-01T00:00:00Z"})");
    REQUIRE(answer.status == 422);
    const auto problem = body_of(answer);
    std::set<std::string> pointers{problem.value("pointer", "")};
    for (const auto& error : problem.value("errors", json::array()))
        pointers.insert(error.at("pointer").get<std::string>());
    for (const auto* pointer : {"/nam", "/name", "/owner", "/role", "/scopes", "/expires_at"}) {
        INFO(pointer);
        CHECK(pointers.contains(pointer));
    }
}

TEST_CASE("keys of others do not exist for a key, and no role reaches above itself") {
    GateServer server;
    const auto admin = server.as(Role::kAdmin);
    const auto other = server.keys->list().front().id;
    const auto mine = server.as(Role::kOperator);
    CHECK(server.ask("GET", "/v1/keys/" + other, mine).status == 404);
    CHECK(server.ask("POST", "/v1/keys/" + other + "/rotate", mine).status == 404);
    CHECK(server.ask("GET", "/v1/keys", mine).status == 403);
    CHECK(server.ask("GET", "/v1/audit", mine).status == 403);
    const auto refused =
        server.ask_json("POST", "/v1/keys", mine, R"({"name":"x","owner":"x","role":"admin"})");
    CHECK(refused.status == 403);
    CHECK(body_of(refused).at("code") == "forbidden");
    CHECK(server.ask("GET", "/v1/keys", server.as(Role::kAdmin, "acme", {"jobs"})).status == 403);
    // What was refused is noted, too.
    const auto items = body_of(server.ask("GET", "/v1/audit", admin)).at("items");
    REQUIRE(items.size() == 1);
    CHECK(items[0].at("outcome") == "refused:forbidden");
}

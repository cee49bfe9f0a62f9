#include <atomic>
#include <set>
#include <string>

#include <api/webhooks.hpp>
#include <nlohmann/json.hpp>

#include "running_api.hpp"
#include "webhook_receiver.hpp"
#include "webhook_signature.hpp"

namespace sg::api::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

WebhookOptions quick() {
    WebhookOptions options;
    options.first_retry = milliseconds(20);
    options.longest_retry = milliseconds(50);
    options.timeout = milliseconds(5'000);
    options.allow_private_addresses = true;
    return options;
}

struct HooksApi : RunningApi {
    /// `before` is called at each start, before anything is sent.
    explicit HooksApi(
        WebhookOptions options = quick(),
        std::function<void(RunningApi&)> before = [](RunningApi&) {})
        : RunningApi(webhook_migrations(), [options, before](RunningApi& api, ApiRouter& router) {
              before(api);
              auto secrets = SecretBox::open(api.folder / "webhooks.key");
              REQUIRE(secrets);
              auto hooks = Webhooks::start(
                  *api.database, *api.hub, std::move(*secrets), options, api.clock, api.metrics);
              REQUIRE(hooks);
              (*hooks)->add_to(router);
              return std::shared_ptr<void>(std::move(*hooks));
          }) {}

    json make(const std::string& owner, const json& document, int status = 201) {
        const auto answer = ask_json("POST", "/v1/webhooks", as(owner), document.dump());
        INFO(answer.body);
        REQUIRE(answer.status == status);
        return nlohmann::json::parse(answer.body);
    }
    nlohmann::json get(const std::string& path, const std::string& owner) {
        const auto answer = ask("GET", path, as(owner));
        INFO(answer.body);
        REQUIRE(answer.status == 200);
        return nlohmann::json::parse(answer.body);
    }
    nlohmann::json deliveries(const std::string& hook, const std::string& state) {
        return get(fmt::format("/v1/webhooks/{}/deliveries?state={}", hook, state),
                   "alice")["items"];
    }
};

bool signed_by(const Received& one, const std::string& secret) {
    const auto wanted = webhook_signature(
        secret, one.field("webhook-id"), std::stoll(one.field("webhook-timestamp")), one.body);
    return wanted && one.field("webhook-signature").find(*wanted) != std::string::npos;
}

std::string ok(const Received&) {
    return "204 No Content";
}

}  // namespace

TEST_CASE("a webhook gets its owner's events of its types, signed", "[webhooks]") {
    HooksApi api;
    WebhookReceiver receiver(ok);
    const auto hook = api.make("alice", {{"url", receiver.url()}, {"types", {"job.*"}}});
    api.tell("job.queued", "job_1", "bob");
    api.tell("task.started", "job_2", "alice");
    api.tell("job.succeeded", "job_2", "alice");
    REQUIRE(eventually([&] { return receiver.count() == 1; }));
    const auto one = receiver.all().front();
    const auto body = json::parse(one.body);
    CHECK(body["type"] == "job.succeeded");
    CHECK(body["subject"] == "job_2");
    CHECK(body["links"]["job"] == "/v1/jobs/job_2");
    CHECK(one.field("webhook-id") == body["id"]);
    CHECK(one.field("Content-Type") == "application/json");
    CHECK(signed_by(one, hook["secret"]));
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "delivered").size() == 1; }));
    // Never shown again, nor to others.
    CHECK_FALSE(
        api.get("/v1/webhooks/" + hook["id"].get<std::string>(), "alice").contains("secret"));
    CHECK(api.ask("GET", "/v1/webhooks/" + hook["id"].get<std::string>(), api.as("bob")).status ==
          404);
    CHECK(api.get("/v1/webhooks", "bob")["items"].empty());
}

TEST_CASE("a failed delivery is tried again under the same id", "[webhooks]") {
    HooksApi api;
    std::atomic<int> calls{0};
    WebhookReceiver receiver(
        [&](const Received&) { return ++calls < 4 ? "503 Service Unavailable" : "200 OK"; });
    const auto hook = api.make("alice", {{"url", receiver.url()}});
    api.tell("job.queued", "job_1", "alice");
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "delivered").size() == 1; }));
    std::set<std::string> ids;
    for (const auto& one : receiver.all()) ids.insert(one.field("webhook-id"));
    CHECK(ids.size() == 1);
    const auto delivery = api.deliveries(hook["id"], "delivered")[0];
    CHECK(delivery["attempts"] == 4);
    CHECK(delivery["status"] == 200);
}

TEST_CASE("events of a job come in order, those of others do not wait", "[webhooks]") {
    HooksApi api;
    std::atomic<bool> broken{true};
    WebhookReceiver receiver([&](const Received& one) {
        const bool first = one.body.find("\"job_1\"") != std::string::npos;
        return first && broken ? "500 Internal Server Error" : "200 OK";
    });
    const auto hook = api.make("alice", {{"url", receiver.url()}});
    for (const char* type : {"job.queued", "job.running", "job.succeeded"}) {
        api.tell(type, "job_1", "alice");
        api.tell(type, "job_2", "alice");
    }
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "delivered").size() == 3; }));
    CHECK(api.deliveries(hook["id"], "blocked").size() == 2);
    broken = false;
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "delivered").size() == 6; }));
    std::vector<std::string> types;
    for (const auto& one : receiver.all()) {
        const auto body = json::parse(one.body);
        if (body["subject"] != "job_1") continue;
        if (types.empty() || types.back() != body["type"]) types.push_back(body["type"]);
    }
    CHECK(types == std::vector<std::string>{"job.queued", "job.running", "job.succeeded"});
}

TEST_CASE("what fails for too long is a dead letter, told, and can be replayed", "[webhooks]") {
    auto options = quick();
    options.give_up = std::chrono::hours(0);
    HooksApi api(options);
    std::atomic<bool> broken{true};
    WebhookReceiver receiver([&](const Received&) { return broken ? "500 No" : "200 OK"; });
    const auto hook = api.make("alice", {{"url", receiver.url()}, {"types", {"job.*"}}});
    const std::string path = "/v1/webhooks/" + hook["id"].get<std::string>();
    api.tell("job.queued", "job_1", "alice");
    api.tell("job.running", "job_1", "alice");
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "dead").size() == 2; }));
    auto reader = api.database->read();
    auto events = jobs::events_after(**reader, 0, "alice", 10);
    REQUIRE(events);
    REQUIRE(events->size() == 4);
    CHECK(events->back().type == "webhook.dead");
    CHECK(events->back().data.find("\"status\":500") != std::string::npos);

    broken = false;
    const auto dead = api.deliveries(hook["id"], "dead");
    const json by_id{{"deliveries", {dead[1]["id"]}}};
    CHECK(api.ask_json("POST", path + "/replay", api.as("alice"), by_id.dump()).status == 202);
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "dead").size() == 1; }));
    CHECK(api.ask_json(
                 "POST", path + "/replay", api.as("alice"), R"({"from":"1970-01-01T00:00:00Z"})")
              .body == R"({"replayed":1})");
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "delivered").size() == 2; }));
    CHECK(api.ask_json("POST", path + "/replay", api.as("alice"), R"({"deliveries":["dlv_none"]})")
              .status == 404);
    CHECK(api.ask_json("POST", path + "/replay", api.as("alice"), "{}").status == 422);
    CHECK(api.ask_json("POST", path + "/replay", api.as("bob"), by_id.dump()).status == 404);
}

TEST_CASE("410 switches a webhook off", "[webhooks]") {
    HooksApi api;
    WebhookReceiver receiver([](const Received&) { return "410 Gone"; });
    const auto hook = api.make("alice", {{"url", receiver.url()}});
    api.tell("job.queued", "job_1", "alice");
    const std::string path = "/v1/webhooks/" + hook["id"].get<std::string>();
    REQUIRE(eventually([&] { return api.get(path, "alice")["enabled"] == false; }));
    CHECK(api.get(path, "alice")["disabled_reason"].get<std::string>().find("410") !=
          std::string::npos);
    const auto before = receiver.count();
    api.tell("job.running", "job_1", "alice");
    api.tell("job.running", "job_2", "alice");
    CHECK(api.deliveries(hook["id"], "waiting").empty());
    CHECK(receiver.count() == before);
}

TEST_CASE("deliveries survive the service", "[webhooks]") {
    HooksApi api;
    std::atomic<bool> broken{true};
    WebhookReceiver receiver([&](const Received&) { return broken ? "500 No" : "200 OK"; });
    const auto hook = api.make("alice", {{"url", receiver.url()}});
    api.tell("job.queued", "job_1", "alice");
    api.tell("job.running", "job_1", "alice");
    REQUIRE(eventually([&] { return receiver.count() > 0; }));
    api.stop();
    broken = false;
    api.start();
    REQUIRE(eventually([&] { return api.deliveries(hook["id"], "delivered").size() == 2; }));
    CHECK(api.deliveries(hook["id"], "waiting").empty());
}

TEST_CASE("what happened when nobody had looked yet is sent by the next start", "[webhooks]") {
    int starts = 0;
    HooksApi api(quick(), [&](RunningApi& starting) {
        if (++starts == 2) starting.tell("job.queued", "job_1", "alice");
    });
    const WebhookReceiver receiver(ok);
    api.make("alice", {{"url", receiver.url()}});
    api.stop();
    api.start();
    CHECK(eventually([&] { return receiver.count() == 1; }));
}

TEST_CASE("after a rotation both secrets sign for a while", "[webhooks]") {
    HooksApi api;
    WebhookReceiver receiver(ok);
    const auto hook = api.make("alice", {{"url", receiver.url()}});
    const std::string path = "/v1/webhooks/" + hook["id"].get<std::string>();
    const auto rotated = json::parse(
        api.ask_json("POST", path + "/rotate", api.as("alice"), R"({"overlap_s":60})").body);
    api.tell("job.queued", "job_1", "alice");
    REQUIRE(eventually([&] { return receiver.count() == 1; }));
    CHECK(signed_by(receiver.all()[0], hook["secret"]));
    CHECK(signed_by(receiver.all()[0], rotated["secret"]));
    const auto again = json::parse(
        api.ask_json("POST", path + "/rotate", api.as("alice"), R"({"overlap_s":0})").body);
    api.tell("job.running", "job_1", "alice");
    REQUIRE(eventually([&] { return receiver.count() == 2; }));
    CHECK_FALSE(signed_by(receiver.all()[1], rotated["secret"]));
    CHECK(signed_by(receiver.all()[1], again["secret"]));
}

TEST_CASE("a test is sent at once", "[webhooks]") {
    HooksApi api;
    WebhookReceiver receiver(ok);
    const auto hook = api.make("alice", {{"url", receiver.url()}, {"types", {"job.failed"}}});
    const std::string path = "/v1/webhooks/" + hook["id"].get<std::string>();
    const auto sent = api.ask("POST", path + "/test", api.as("alice"));
    REQUIRE(sent.status == 202);
    REQUIRE(eventually([&] { return receiver.count() == 1; }));
    CHECK(json::parse(receiver.all()[0].body)["type"] == "webhook.test");
    REQUIRE(eventually(
        [&] { return api.get(sent.fields.at("location"), "alice")["state"] == "delivered"; }));
}

TEST_CASE("the end of a job is told to the addresses of its document", "[webhooks]") {
    HooksApi api;
    WebhookReceiver receiver(ok);
    const json document{{"inputs", {{{"uri", "/in.mp4"}}}}, {"notify", {receiver.url()}}};
    const auto secret =
        json::parse(api.ask("POST", "/v1/notify-secret", api.as("alice")).body)["secret"];
    const auto job = api.add_job("alice", document.dump());
    api.tell("job.running", job, "alice");
    api.tell("job.failed", job, "alice");
    REQUIRE(eventually([&] { return receiver.count() == 1; }));
    CHECK(json::parse(receiver.all()[0].body)["type"] == "job.failed");
    CHECK(signed_by(receiver.all()[0], secret));
    const auto listed = api.get("/v1/webhooks?kind=notify", "alice")["items"];
    REQUIRE(listed.size() == 1);
    CHECK(listed[0]["url"] == receiver.url());
}

TEST_CASE("redirects are not followed", "[webhooks]") {
    HooksApi api;
    WebhookReceiver target(ok);
    WebhookReceiver receiver(
        [&](const Received&) { return "302 Found\r\nLocation: " + target.url(); });
    const auto hook = api.make("alice", {{"url", receiver.url()}});
    api.tell("job.queued", "job_1", "alice");
    REQUIRE(eventually([&] { return receiver.count() >= 2; }));
    CHECK(target.count() == 0);
    CHECK(api.deliveries(hook["id"], "waiting")[0]["error"].get<std::string>().find("redirect") !=
          std::string::npos);
}

TEST_CASE("addresses of the own network are refused", "[webhooks]") {
    auto options = quick();
    options.allow_private_addresses = false;
    HooksApi api(options);
    for (const char* url : {"http://127.0.0.1/",
                            "http://localhost:8080/",
                            "http://10.1.2.3/",
                            "http://[::1]/",
                            "http://169.254.169.254/latest/meta-data",
                            "http://0x7f.1/",
                            "http://2130706433/",
                            "http://[::ffff:10.0.0.1]/"}) {
        INFO(url);
        CHECK(api.make("alice", {{"url", url}}, 422)["pointer"] == "/url");
    }
    for (const char* url : {"ftp://example.org/",
                            "example.org",
                            "http://",
                            "",
                            "file:///etc/passwd",
                            "http://a b/",
                            "http://example.org/\r\nX-Evil: 1"}) {
        INFO(url);
        CHECK(api.make("alice", {{"url", url}}, 422)["pointer"] == "/url");
    }
    // A name is looked up when it is connected to.
    const auto hook = api.make("alice", {{"url", "http://localhost.localdomain./"}}, 201);
    static_cast<void>(hook);
}

TEST_CASE("bad webhooks are refused with all their faults", "[webhooks]") {
    HooksApi api;
    const auto faults = api.make(
        "alice", {{"urll", "http://example.org"}, {"types", {"Job!"}}, {"enabled", "yes"}}, 422);
    CHECK(faults["errors"].size() == 4);
    CHECK(faults["detail"].get<std::string>().find("did you mean url?") != std::string::npos);
    CHECK(api.make("alice",
                   {{"url", "http://example.org"}, {"all_owners", true}},
                   422)["pointer"] == "/all_owners");
    CHECK(api.ask_json("POST", "/v1/webhooks", api.as("alice"), "[]").status == 422);
    CHECK(api.ask_json("POST", "/v1/webhooks", api.as("alice"), "{").status == 400);
    CHECK(api.ask_json("POST",
                       "/v1/webhooks",
                       api.as("eve", Role::kViewer),
                       R"({"url":"http://example.org"})")
              .status == 403);
}

TEST_CASE("a webhook of all owners is out of its owner's other keys' reach", "[webhooks]") {
    HooksApi api;
    const auto boss = api.as("alice", Role::kOperator);
    const auto made =
        api.ask_json("POST",
                     "/v1/webhooks",
                     boss,
                     R"({"url":"http://example.org/","all_owners":true,"enabled":false})");
    REQUIRE(made.status == 201);
    const auto path = "/v1/webhooks/" + json::parse(made.body)["id"].get<std::string>();
    const auto alice = api.as("alice");
    CHECK(api.ask("GET", path, alice).status == 404);
    CHECK(api.ask("GET", path + "/deliveries", alice).status == 404);
    CHECK(api.ask_json("PATCH", path, alice, R"({"url":"http://example.com/"})").status == 404);
    CHECK(api.ask_json("POST", path + "/rotate", alice, "{}").status == 404);
    CHECK(api.ask("DELETE", path, alice).status == 404);
    CHECK(api.get("/v1/webhooks", "alice")["items"].empty());
    CHECK(api.ask("GET", path, boss).status == 200);
}

TEST_CASE("changes hold against the version that was read", "[webhooks]") {
    HooksApi api;
    const auto hook = api.make("alice", {{"url", "http://example.org/"}, {"enabled", false}});
    const std::string path = "/v1/webhooks/" + hook["id"].get<std::string>();
    CHECK(
        api.ask_json("PATCH", path, api.as("alice") + "If-Match: \"7\"\r\n", R"({"enabled":true})")
            .status == 412);
    const auto changed = api.ask_json(
        "PATCH", path, api.as("alice") + "If-Match: \"1\"\r\n", R"({"description":"ours"})");
    CHECK(changed.status == 200);
    CHECK(changed.fields.at("etag") == "\"2\"");
    CHECK(api.ask_json("PATCH", path, api.as("bob"), R"({"enabled":true})").status == 404);
    CHECK(api.ask("DELETE", path, api.as("bob")).status == 404);
    CHECK(api.ask("DELETE", path, api.as("alice")).status == 204);
    CHECK(api.ask("GET", path, api.as("alice")).status == 404);
}

}  // namespace sg::api::test

#include <chrono>
#include <limits>
#include <utility>

#include <api/conditional.hpp>
#include <fmt/format.h>

#include <base/ids.hpp>
#include <protocols/address_policy.hpp>

#include "field_reader.hpp"
#include "json_writer.hpp"
#include "ready.hpp"
#include "webhook_answers.hpp"
#include "webhook_service.hpp"
#include "webhook_signature.hpp"

namespace sg::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBody = 65'536;
constexpr std::size_t kMaxUrl = 2'000;
constexpr std::size_t kMaxReplayed = 1'000;
constexpr std::int64_t kDefaultOverlap = 24 * 3600;
constexpr std::int64_t kLongestOverlap = 30 * 24 * 3600;

/// What a write found out, for the answer.
struct Found {
    std::optional<Problem> refused;
    std::optional<WebhookEndpoint> endpoint;
    std::string text;
};

/// An empty text without a body.
std::variant<json, Problem> optional_object(std::string_view body) {
    return body.empty() ? std::variant<json, Problem>(json::object()) : read_object(body);
}

/// Members that making and changing have in common.
void read_common(FieldReader& fields, const Call& call, WebhookEndpoint& into) {
    if (auto types = fields.texts("types", 50)) {
        const auto filter = EventFilter::make(*types, {});
        if (!filter) fields.fault("invalid_value", "types", filter.error().message);
        into.types = std::move(*types);
    }
    if (auto text = fields.text("description", 500)) into.description = std::move(*text);
    if (const auto flag = fields.flag("enabled")) {
        into.enabled = *flag;
        into.disabled_reason = *flag ? "" : "switched off";
    }
    if (const auto flag = fields.flag("all_owners")) {
        into.all_owners = *flag;
        if (*flag && call.principal.role < Role::kOperator) {
            fields.fault("not_allowed",
                         "all_owners",
                         "events of all owners are for operators; leave all_owners out");
        }
    }
}

void read_url(FieldReader& fields, bool allow_private, WebhookEndpoint& into) {
    auto url = fields.text("url", kMaxUrl);
    if (!url) return;
    const auto fit = protocols::check_http_url(*url, protocols::AddressPolicy{allow_private});
    if (!fit) {
        fields.fault(fit.error().code == Errc::kPermission ? "not_allowed" : "invalid_value",
                     "url",
                     fit.error().message);
    }
    into.url = std::move(*url);
}

}  // namespace

/// The handlers of /v1/webhooks.
class WebhookRoutes {
  public:
    explicit WebhookRoutes(Webhooks::Impl& service) : service_(service) {}

    server::Task<Reply> create(Call& call);
    server::Task<Reply> list(Call& call);
    server::Task<Reply> get(Call& call);
    server::Task<Reply> change(Call& call);
    server::Task<Reply> remove(Call& call);
    server::Task<Reply> rotate(Call& call);
    server::Task<Reply> rotate_notify(Call& call);
    server::Task<Reply> test(Call& call);
    server::Task<Reply> replay(Call& call);
    server::Task<Reply> deliveries(Call& call);
    server::Task<Reply> delivery(Call& call);

  private:
    [[nodiscard]] server::Task<Reply> store_new(Call& call, WebhookEndpoint fresh);
    [[nodiscard]] server::Task<Reply> store_rotation(Call& call, std::int64_t overlap_s);
    [[nodiscard]] server::Task<Reply> store_notify_rotation(Call& call, std::int64_t overlap_s);
    [[nodiscard]] server::Task<Reply> store_change(Call& call, json document);
    [[nodiscard]] server::Task<Reply> store_replay(Call& call,
                                                   std::vector<std::string> ids,
                                                   std::optional<ReplayRange> range);
    [[nodiscard]] std::variant<WebhookEndpoint, Problem> find(const Call& call) const;

    Webhooks::Impl& service_;
};

std::variant<WebhookEndpoint, Problem> WebhookRoutes::find(const Call& call) const {
    auto reader = service_.database.read();
    if (!reader) return problem_of(reader.error());
    auto found = find_endpoint(**reader, call.param("id"), call.principal.visible_owner());
    if (!found) return endpoint_problem(found.error(), call.param("id"));
    return std::move(*found);
}

server::Task<Reply> WebhookRoutes::create(Call& call) {
    auto body = read_object(call.request().body);
    if (auto* refused = std::get_if<Problem>(&body)) return ready(std::move(*refused));
    FieldReader fields(std::get<json>(body),
                       {"url", "types", "description", "enabled", "all_owners"});
    WebhookEndpoint fresh;
    read_url(fields, service_.options.allow_private_addresses, fresh);
    read_common(fields, call, fresh);
    if (!fields.has("url")) fields.fault("missing_field", "url", "a webhook needs a url");
    if (auto refused = fields.refused()) return ready(std::move(*refused));
    fresh.id = make_id("whk", service_.clock);
    fresh.owner = call.principal.owner;
    return store_new(call, std::move(fresh));
}

server::Task<Reply> WebhookRoutes::store_new(Call& call, WebhookEndpoint fresh) {
    const auto secret = make_webhook_secret();
    const auto now = service_.now();
    fresh.secret = service_.secrets.seal(secret, fresh.id);
    fresh.created = now;
    fresh.updated = now;
    call.audit.subject = fresh.id;
    auto status = co_await write(
        call, service_.database, [this, fresh = &fresh](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(const auto count, count_endpoints(db, fresh->owner));
            if (count >= service_.options.max_per_owner) {
                return Error{Errc::kLimit,
                             fmt::format("there are {} webhooks already; delete one", count)};
            }
            SG_TRY_ASSIGN(fresh->from_seq, jobs::last_event(db));
            return insert_endpoint(db, *fresh);
        });
    if (!status) co_return problem_of(status.error());
    service_.reload();
    auto response = json_response(201, endpoint_json(fresh, secret));
    response.add("Location", "/v1/webhooks/" + fresh.id);
    response.add("ETag", fmt::format("\"{}\"", fresh.version));
    co_return response;
}

server::Task<Reply> WebhookRoutes::list(Call& call) {
    const auto kind = call.asked("kind").value_or("endpoint");
    if (kind != "endpoint" && kind != "notify") {
        return ready(problem("invalid_parameter", "kind is \"endpoint\" or \"notify\""));
    }
    auto reader = service_.database.read();
    if (!reader) return ready(problem_of(reader.error()));
    const auto found = list_endpoints(**reader, call.principal.visible_owner(), kind, 1'000);
    if (!found) return ready(problem_of(found.error()));
    return ready(json_response(200, endpoints_json(*found)));
}

server::Task<Reply> WebhookRoutes::get(Call& call) {
    auto found = find(call);
    if (auto* refused = std::get_if<Problem>(&found)) return ready(std::move(*refused));
    const auto& endpoint = std::get<WebhookEndpoint>(found);
    auto response = json_response(200, endpoint_json(endpoint, {}));
    response.add("ETag", fmt::format("\"{}\"", endpoint.version));
    return ready(std::move(response));
}

server::Task<Reply> WebhookRoutes::change(Call& call) {
    auto body = read_object(call.request().body);
    if (auto* refused = std::get_if<Problem>(&body)) return ready(std::move(*refused));
    auto found = find(call);
    if (auto* refused = std::get_if<Problem>(&found)) return ready(std::move(*refused));
    // Once here for all faults, once in the transaction on what stands then.
    auto& document = std::get<json>(body);
    auto& endpoint = std::get<WebhookEndpoint>(found);
    FieldReader fields(document, {"url", "types", "description", "enabled", "all_owners"});
    read_url(fields, service_.options.allow_private_addresses, endpoint);
    read_common(fields, call, endpoint);
    if (endpoint.kind != "endpoint" && (fields.has("url") || fields.has("types"))) {
        fields.fault("not_allowed",
                     fields.has("url") ? "url" : "types",
                     "the address stands in documents of jobs; only enabled can be changed");
    }
    if (auto refused = fields.refused()) return ready(std::move(*refused));
    return store_change(call, std::move(document));
}

server::Task<Reply> WebhookRoutes::store_change(Call& call, json document) {
    auto found = std::make_shared<Found>();
    const std::string id(call.param("id"));
    auto work =
        [this, &call, found, id, document = std::move(document)](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(auto current, find_endpoint(db, id, call.principal.visible_owner()));
        found->refused = check_match(call, std::to_string(current.version), false);
        if (found->refused) return Error{Errc::kMismatch, "if-match"};
        FieldReader fields(document, {"url", "types", "description", "enabled", "all_owners"});
        read_url(fields, service_.options.allow_private_addresses, current);
        read_common(fields, call, current);
        SG_TRY(update_endpoint(db, current, 0, service_.now()));
        ++current.version;
        found->endpoint = std::move(current);
        return {};
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (found->refused) co_return std::move(*found->refused);
    if (!status) co_return endpoint_problem(status.error(), id);
    service_.reload();
    service_.poke(id);
    auto response = json_response(200, endpoint_json(*found->endpoint, {}));
    response.add("ETag", fmt::format("\"{}\"", found->endpoint->version));
    co_return response;
}

server::Task<Reply> WebhookRoutes::remove(Call& call) {
    const std::string id(call.param("id"));
    auto work = [&call, id](sql::Connection& db) -> Status {
        SG_TRY(find_endpoint(db, id, call.principal.visible_owner()));
        return remove_endpoint(db, id);
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (!status) co_return endpoint_problem(status.error(), id);
    service_.reload();
    server::Response response;
    response.status = 204;
    co_return response;
}

server::Task<Reply> WebhookRoutes::rotate(Call& call) {
    auto body = optional_object(call.request().body);
    if (auto* refused = std::get_if<Problem>(&body)) return ready(std::move(*refused));
    FieldReader fields(std::get<json>(body), {"overlap_s"});
    const auto overlap = fields.integer("overlap_s", 0, kLongestOverlap);
    if (auto refused = fields.refused()) return ready(std::move(*refused));
    if (call.path.contains("id")) return store_rotation(call, overlap.value_or(kDefaultOverlap));
    return store_notify_rotation(call, overlap.value_or(kDefaultOverlap));
}

server::Task<Reply> WebhookRoutes::store_rotation(Call& call, std::int64_t overlap_s) {
    const auto secret = make_webhook_secret();
    const std::string id(call.param("id"));
    auto found = std::make_shared<Found>();
    auto work = [this, &call, found, id, secret, overlap_s](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(auto current, find_endpoint(db, id, call.principal.visible_owner()));
        if (current.kind != "endpoint") {
            found->refused = problem("conflict",
                                     "addresses in documents of jobs are signed with their owner's "
                                     "secret: POST /v1/notify-secret makes a new one");
            return Error{Errc::kMismatch, "kind"};
        }
        current.old_secret = current.secret;
        current.old_until = service_.now() + overlap_s * 1000;
        current.secret = service_.secrets.seal(secret, id);
        SG_TRY(update_endpoint(db, current, 0, service_.now()));
        ++current.version;
        found->endpoint = std::move(current);
        return {};
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (found->refused) co_return std::move(*found->refused);
    if (!status) co_return endpoint_problem(status.error(), id);
    co_return json_response(200, endpoint_json(*found->endpoint, secret));
}

server::Task<Reply> WebhookRoutes::store_notify_rotation(Call& call, std::int64_t overlap_s) {
    const auto secret = make_webhook_secret();
    const auto owner = call.principal.owner;
    const auto until = service_.now() + overlap_s * 1000;
    const auto sealed = service_.secrets.seal(secret, notify_context(owner));
    auto work = [owner, sealed, until](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(const auto current, find_notify_secret(db, owner));
        return set_notify_secret(
            db, owner, {sealed, current ? current->secret : "", current ? until : 0});
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (!status) co_return problem_of(status.error());
    JsonWriter out;
    out.begin_object().member("owner", owner).member("secret", secret);
    out.key("old_secret_until").time(until).end_object();
    co_return json_response(200, out.take());
}

server::Task<Reply> WebhookRoutes::test(Call& call) {
    const std::string id(call.param("id"));
    auto made = std::make_shared<WebhookDelivery>();
    auto work = [this, &call, id, made](sql::Connection& db) -> Status {
        SG_TRY_ASSIGN(const auto current, find_endpoint(db, id, call.principal.visible_owner()));
        *made = delivery_of(test_event(current, service_.now()), id, service_.now());
        made->state = "waiting";
        return add_delivery(db, *made);
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (!status) co_return endpoint_problem(status.error(), id);
    service_.poke(id);
    auto response = json_response(202, delivery_json(*made));
    response.add("Location", fmt::format("/v1/webhooks/{}/deliveries/{}", id, made->id));
    co_return response;
}

server::Task<Reply> WebhookRoutes::replay(Call& call) {
    auto body = read_object(call.request().body);
    if (auto* refused = std::get_if<Problem>(&body)) return ready(std::move(*refused));
    FieldReader fields(std::get<json>(body), {"deliveries", "from", "to", "delivered"});
    auto ids = fields.texts("deliveries", kMaxReplayed);
    const auto from = fields.time("from");
    const auto to = fields.time("to");
    const auto delivered = fields.flag("delivered");
    if (fields.has("deliveries") == fields.has("from")) {
        fields.fault("missing_field",
                     "deliveries",
                     "say which: deliveries (their ids), or from and, if you like, to");
    }
    if (auto refused = fields.refused()) return ready(std::move(*refused));
    std::optional<ReplayRange> range;
    if (from) {
        range = ReplayRange{*from,
                            to.value_or(std::numeric_limits<std::int64_t>::max()),
                            delivered.value_or(false)};
    }
    return store_replay(call, ids ? std::move(*ids) : std::vector<std::string>(), range);
}

server::Task<Reply> WebhookRoutes::store_replay(Call& call,
                                                std::vector<std::string> ids,
                                                std::optional<ReplayRange> range) {
    const std::string id(call.param("id"));
    auto count = std::make_shared<std::int64_t>(0);
    auto work =
        [this, &call, id, ids = std::move(ids), range, count](sql::Connection& db) -> Status {
        SG_TRY(find_endpoint(db, id, call.principal.visible_owner()));
        if (range) {
            SG_TRY_ASSIGN(*count, replay_range(db, id, *range, service_.now()));
            return {};
        }
        for (const auto& delivery : ids) {
            SG_TRY(replay_delivery(db, id, delivery, service_.now()));
        }
        *count = static_cast<std::int64_t>(ids.size());
        return {};
    };
    auto status = co_await write(call, service_.database, std::move(work));
    if (!status) co_return endpoint_problem(status.error(), id);
    service_.poke(id);
    co_return json_response(202, fmt::format(R"({{"replayed":{}}})", *count));
}

server::Task<Reply> WebhookRoutes::deliveries(Call& call) {
    auto found = find(call);
    if (auto* refused = std::get_if<Problem>(&found)) return ready(std::move(*refused));
    DeliveryFilter filter;
    filter.endpoint = call.param("id");
    filter.state = call.asked("state").value_or("");
    filter.before = call.asked("cursor").value_or("");
    const auto limit = page_limit(call);
    if (!limit) return ready(problem("invalid_parameter", "limit lies from 1 to 1000"));
    if (!is_delivery_state(filter.state)) {
        return ready(problem("invalid_parameter",
                             "state is \"waiting\", \"blocked\", \"delivered\" or \"dead\""));
    }
    filter.limit = *limit + 1;
    auto reader = service_.database.read();
    if (!reader) return ready(problem_of(reader.error()));
    auto page = list_deliveries(**reader, filter);
    if (!page) return ready(problem_of(page.error()));
    return ready(json_response(200, deliveries_json(std::move(*page), *limit)));
}

server::Task<Reply> WebhookRoutes::delivery(Call& call) {
    auto found = find(call);
    if (auto* refused = std::get_if<Problem>(&found)) return ready(std::move(*refused));
    auto reader = service_.database.read();
    if (!reader) return ready(problem_of(reader.error()));
    const auto one = find_delivery(**reader, call.param("id"), call.param("delivery"));
    if (!one) {
        return ready(one.error().code == Errc::kNotFound
                         ? not_found("delivery", call.param("delivery"))
                         : problem_of(one.error()));
    }
    return ready(json_response(200, delivery_json(*one)));
}

void Webhooks::Impl::add_routes(ApiRouter& router) {
    auto routes = std::make_shared<WebhookRoutes>(*this);
    using Handler = server::Task<Reply> (WebhookRoutes::*)(Call&);
    const auto add = [&](server::Method method,
                         std::string pattern,
                         std::string id,
                         std::string summary,
                         Handler handler,
                         Operation more = {}) {
        more.method = method;
        more.pattern = std::move(pattern);
        more.id = std::move(id);
        more.tag = "webhooks";
        more.summary = std::move(summary);
        if (method != server::Method::kGet) {
            more.least = Role::kSubmitter;
            more.audited = true;
            more.max_body_bytes = kMaxBody;
        }
        more.handler = [routes, handler](Call& call) { return ((*routes).*handler)(call); };
        router.add(std::move(more));
    };
    const auto with = [](std::string request, std::string response, int success) {
        Operation out;
        out.request_schema = std::move(request);
        out.response_schema = std::move(response);
        out.success = success;
        return out;
    };
    using server::Method;
    add(Method::kPost,
        "/v1/webhooks",
        "createWebhook",
        "Tell events to an address",
        &WebhookRoutes::create,
        with("WebhookCreate", "WebhookWithSecret", 201));
    auto listing = with("", "WebhookList", 200);
    listing.query = {{"kind",
                      "\"endpoint\": made here; \"notify\": addresses in documents of jobs",
                      R"({"type":"string","enum":["endpoint","notify"]})"}};
    add(Method::kGet,
        "/v1/webhooks",
        "listWebhooks",
        "All webhooks, the oldest first",
        &WebhookRoutes::list,
        listing);
    add(Method::kGet,
        "/v1/webhooks/{id}",
        "getWebhook",
        "A webhook, without its secret",
        &WebhookRoutes::get,
        with("", "Webhook", 200));
    add(Method::kPatch,
        "/v1/webhooks/{id}",
        "changeWebhook",
        "Change a webhook",
        &WebhookRoutes::change,
        with("WebhookChange", "Webhook", 200));
    add(Method::kDelete,
        "/v1/webhooks/{id}",
        "deleteWebhook",
        "Delete a webhook with what is on its way",
        &WebhookRoutes::remove,
        with("", "", 204));
    auto rotation = with("WebhookRotation", "WebhookWithSecret", 200);
    rotation.body_optional = true;
    add(Method::kPost,
        "/v1/webhooks/{id}/rotate",
        "rotateWebhookSecret",
        "Make a new secret; the old one signs too for a while",
        &WebhookRoutes::rotate,
        rotation);
    rotation.response_schema = "NotifySecret";
    add(Method::kPost,
        "/v1/notify-secret",
        "rotateNotifySecret",
        "Make a new secret for the addresses in documents of one's jobs",
        &WebhookRoutes::rotate,
        rotation);
    add(Method::kPost,
        "/v1/webhooks/{id}/test",
        "testWebhook",
        "Send an event of type webhook.test",
        &WebhookRoutes::test,
        with("", "WebhookDelivery", 202));
    add(Method::kPost,
        "/v1/webhooks/{id}/replay",
        "replayWebhook",
        "Send deliveries again that have ended",
        &WebhookRoutes::replay,
        with("WebhookReplay", "WebhookReplayed", 202));
    auto paged = with("", "WebhookDeliveryList", 200);
    paged.query = {{"state",
                    "only those in this state: dead ones are the dead letters",
                    R"({"type":"string","enum":["waiting","blocked","delivered","dead"]})"},
                   {"limit", "at most so many", R"({"type":"integer","minimum":1,"maximum":1000})"},
                   {"cursor", "next_cursor of the page before"}};
    add(Method::kGet,
        "/v1/webhooks/{id}/deliveries",
        "listWebhookDeliveries",
        "What was sent and what waits, the newest first",
        &WebhookRoutes::deliveries,
        paged);
    add(Method::kGet,
        "/v1/webhooks/{id}/deliveries/{delivery}",
        "getWebhookDelivery",
        "A delivery",
        &WebhookRoutes::delivery,
        with("", "WebhookDelivery", 200));
}

}  // namespace sg::api

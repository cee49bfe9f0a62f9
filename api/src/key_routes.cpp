#include <algorithm>
#include <utility>

#include <api/key_routes.hpp>
#include <fmt/format.h>

#include "field_reader.hpp"
#include "json_writer.hpp"
#include "utf8.hpp"

namespace sg::api {
namespace {

using server::Task;

constexpr std::size_t kMaxBody = 16'384;
constexpr std::size_t kMaxName = 100;
constexpr std::size_t kMaxScopes = 32;
constexpr std::size_t kMaxKeys = 10'000;
constexpr std::int64_t kDefaultOverlapSeconds = 24 * 3600;
constexpr std::int64_t kMaxOverlapSeconds = 30 * 24 * 3600;

struct Routes {
    ApiRouter& router;
    ApiKeys& keys;
    sql::Database& database;
    const Clock& clock;

    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   clock.wall().time_since_epoch())
            .count();
    }
    [[nodiscard]] std::string json(const ApiKey& key, std::string_view secret) const;
    /// The key of the path: an admin's, or the caller's own; others do not exist for it.
    [[nodiscard]] std::variant<ApiKey, Problem> asked_key(const Call& call) const;
    /// What scopes can be: the groups of operations.
    [[nodiscard]] std::vector<std::string_view> known_scopes() const;
    [[nodiscard]] std::variant<ApiKey, Problem> read_key(const Call& call) const;

    [[nodiscard]] Task<Reply> list(Call& call) const;
    [[nodiscard]] Task<Reply> create(Call& call) const;
    [[nodiscard]] Task<Reply> get(Call& call) const;
    [[nodiscard]] Task<Reply> rotate(Call& call) const;
    [[nodiscard]] Task<Reply> revoke(Call& call) const;
};

void write_key(JsonWriter& out, const ApiKey& key, std::int64_t now) {
    const bool expired = key.expires_at && *key.expires_at <= now;
    out.begin_object()
        .member("id", key.id)
        .member("name", key.name)
        .member("owner", key.owner)
        .member("role", name_of(key.role));
    out.key("scopes").begin_array();
    for (const auto& scope : key.scopes) out.value(scope);
    out.end_array();
    out.member("state", key.revoked_at ? "revoked" : expired ? "expired" : "active");
    out.key("created_at").time(key.created_at);
    out.member("created_by", key.created_by);
    out.key("expires_at").time(key.expires_at.value_or(0));
    out.key("revoked_at").time(key.revoked_at.value_or(0));
    out.key("last_used_at").time(key.last_used_at.value_or(0));
    if (!key.successor.empty()) out.member("successor", key.successor);
}

std::string Routes::json(const ApiKey& key, std::string_view secret) const {
    JsonWriter out;
    write_key(out, key, now());
    if (!secret.empty()) out.member("secret", std::string(secret));
    out.end_object();
    return out.take();
}

std::variant<ApiKey, Problem> Routes::asked_key(const Call& call) const {
    const auto id = call.param("id");
    auto found = keys.find(id);
    const bool own = call.principal.key_id == id;
    if (!found || (!own && call.principal.role < Role::kAdmin)) return not_found("API key", id);
    return std::move(*found);
}

std::vector<std::string_view> Routes::known_scopes() const {
    std::vector<std::string_view> out;
    for (const auto& operation : router.operations()) {
        if (!operation.open && std::find(out.begin(), out.end(), operation.tag) == out.end()) {
            out.push_back(operation.tag);
        }
    }
    return out;
}

std::variant<ApiKey, Problem> Routes::read_key(const Call& call) const {
    auto body = read_object(call.request().body);
    if (auto* bad = std::get_if<Problem>(&body)) return std::move(*bad);
    FieldReader fields(std::get<nlohmann::json>(body),
                       {"name", "owner", "role", "scopes", "expires_at"});
    ApiKey out;
    out.created_by = call.principal.name;
    const auto name_like = [&](std::string_view field) {
        auto text = fields.text(field, kMaxName).value_or("");
        if (!fields.has(field)) {
            fields.fault("missing_field", field, fmt::format("a key needs '{}'", field));
        } else if (text.empty() || !is_plain_text(text)) {
            fields.fault("invalid_value",
                         field,
                         "1 to 100 bytes of text without control and hidden characters");
        }
        return text;
    };
    out.name = name_like("name");
    out.owner = name_like("owner");
    const auto role_name = fields.text("role", kMaxName);
    const auto known = role(role_name.value_or(""));
    if (!fields.has("role")) {
        fields.fault("missing_field", "role", "a key needs 'role'");
    } else if (role_name && !known) {
        fields.fault("invalid_value", "role", "one of viewer, submitter, operator, admin");
    }
    out.role = known.value_or(Role::kViewer);
    const auto scopes = known_scopes();
    for (auto& scope : fields.texts("scopes", kMaxScopes).value_or(std::vector<std::string>())) {
        if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) {
            fields.fault("invalid_value",
                         "scopes",
                         fmt::format("'{}' is none of {}", scope, fmt::join(scopes, ", ")));
        }
        out.scopes.insert(std::move(scope));
    }
    out.expires_at = fields.time("expires_at");
    if (out.expires_at && *out.expires_at <= now()) {
        fields.fault("invalid_value", "expires_at", "the time has passed");
    }
    if (auto refused = fields.refused()) return std::move(*refused);
    return out;
}

Task<Reply> Routes::list(Call&) const {
    JsonWriter out(4096);
    out.begin_object().key("items").begin_array();
    const auto at = now();
    for (const auto& key : keys.list()) {
        write_key(out, key, at);
        out.end_object();
    }
    out.end_array().end_object();
    co_return json_response(200, out.take() + "\n");
}

Task<Reply> Routes::create(Call& call) const {
    auto read = read_key(call);
    if (auto* bad = std::get_if<Problem>(&read)) co_return std::move(*bad);
    if (keys.list().size() >= kMaxKeys) {
        co_return problem("limit_exceeded",
                          fmt::format("there are {} keys, which is the limit", kMaxKeys));
    }
    auto made = keys.make(std::get<ApiKey>(std::move(read)));
    if (!made) co_return problem_of(made.error());
    call.audit.subject = "key " + made->key.id;
    call.audit.details = json(made->key, {});
    sql::Database::Work work = [this, &made](sql::Connection& connection) {
        return keys.insert(connection, *made);
    };
    auto status = co_await write(call, database, std::move(work));
    if (!status) co_return problem_of(status.error());
    keys.adopt(*made);
    auto response = json_response(201, json(made->key, made->secret));
    response.add("Location", "/v1/keys/" + made->key.id);
    co_return response;
}

Task<Reply> Routes::get(Call& call) const {
    auto found = asked_key(call);
    if (auto* bad = std::get_if<Problem>(&found)) co_return std::move(*bad);
    co_return json_response(200, json(std::get<ApiKey>(found), {}));
}

Task<Reply> Routes::rotate(Call& call) const {
    auto found = asked_key(call);
    if (auto* bad = std::get_if<Problem>(&found)) co_return std::move(*bad);
    auto old = std::get<ApiKey>(std::move(found));
    std::int64_t overlap = kDefaultOverlapSeconds;
    if (!call.request().body.empty()) {
        auto body = read_object(call.request().body);
        if (auto* bad = std::get_if<Problem>(&body)) co_return std::move(*bad);
        FieldReader fields(std::get<nlohmann::json>(body), {"overlap_s"});
        overlap = fields.integer("overlap_s", 0, kMaxOverlapSeconds).value_or(overlap);
        if (auto refused = fields.refused()) co_return std::move(*refused);
    }
    const auto at = now();
    if (old.revoked_at || old.expires_at.value_or(at + 1) <= at) {
        co_return problem("conflict", "the key is revoked or has expired: make a new one");
    }
    if (!old.successor.empty()) {
        co_return problem("conflict",
                          fmt::format("the key was rotated already, to {}", old.successor));
    }
    auto made = keys.make_successor(old);
    if (!made) co_return problem_of(made.error());
    made->key.created_by = call.principal.name;
    old.successor = made->key.id;
    old.expires_at = std::min(old.expires_at.value_or(INT64_MAX), at + overlap * 1000);
    call.audit.subject = "key " + old.id;
    call.audit.details = json(made->key, {});
    sql::Database::Work work = [this, &made, &old](sql::Connection& connection) {
        return keys.supersede(connection, old, *made);
    };
    auto status = co_await write(call, database, std::move(work));
    if (!status) co_return problem_of(status.error());
    keys.adopt(*made);
    keys.adopt(old);
    auto response = json_response(201, json(made->key, made->secret));
    response.add("Location", "/v1/keys/" + made->key.id);
    co_return response;
}

Task<Reply> Routes::revoke(Call& call) const {
    auto found = asked_key(call);
    if (auto* bad = std::get_if<Problem>(&found)) co_return std::move(*bad);
    auto key = std::get<ApiKey>(std::move(found));
    call.audit.subject = "key " + key.id;
    if (key.revoked_at) {
        call.audit.skip = true;
        co_return json_response(200, json(key, {}));
    }
    key.revoked_at = now();
    sql::Database::Work work = [this, &key](sql::Connection& connection) {
        return keys.update(connection, key);
    };
    auto status = co_await write(call, database, std::move(work));
    if (!status) co_return problem_of(status.error());
    keys.adopt(key);
    co_return json_response(200, json(key, {}));
}

}  // namespace

void add_key_routes(ApiRouter& router, ApiKeys& keys, sql::Database& database, const Clock& clock) {
    const auto routes = std::make_shared<const Routes>(Routes{router, keys, database, clock});
    const auto base = [](server::Method method, const char* pattern, const char* id) {
        Operation operation;
        operation.method = method;
        operation.pattern = pattern;
        operation.id = id;
        operation.tag = "keys";
        operation.least = Role::kAdmin;
        operation.response_schema = "ApiKey";
        return operation;
    };
    auto list = base(server::Method::kGet, "/v1/keys", "listKeys");
    list.summary = "All API keys, without their secrets";
    list.response_schema = "ApiKeyList";
    list.handler = [routes](Call& call) { return routes->list(call); };
    router.add(std::move(list));

    auto create = base(server::Method::kPost, "/v1/keys", "createKey");
    create.summary = "Makes an API key; its secret is shown in this answer only";
    create.max_body_bytes = kMaxBody;
    create.request_schema = "NewApiKey";
    create.response_schema = "ApiKeyWithSecret";
    create.success = 201;
    create.audited = true;
    create.handler = [routes](Call& call) { return routes->create(call); };
    router.add(std::move(create));

    auto get = base(server::Method::kGet, "/v1/keys/{id}", "getKey");
    get.summary = "An API key, without its secret; also the caller's own";
    get.least = Role::kViewer;
    get.handler = [routes](Call& call) { return routes->get(call); };
    router.add(std::move(get));

    auto rotate = base(server::Method::kPost, "/v1/keys/{id}/rotate", "rotateKey");
    rotate.summary =
        "Makes a successor with the same rights; the old key goes on for overlap_s seconds (a day "
        "when not said). A key may rotate itself";
    rotate.least = Role::kViewer;
    rotate.max_body_bytes = kMaxBody;
    rotate.request_schema = "KeyRotation";
    rotate.body_optional = true;
    rotate.response_schema = "ApiKeyWithSecret";
    rotate.success = 201;
    rotate.audited = true;
    rotate.handler = [routes](Call& call) { return routes->rotate(call); };
    router.add(std::move(rotate));

    auto revoke = base(server::Method::kDelete, "/v1/keys/{id}", "revokeKey");
    revoke.summary = "Ends an API key at once; it stays in the list";
    revoke.audited = true;
    revoke.handler = [routes](Call& call) { return routes->revoke(call); };
    router.add(std::move(revoke));
}

}  // namespace sg::api

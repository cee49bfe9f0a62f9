#include "admission.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include <api/api_keys.hpp>
#include <api/jwt.hpp>
#include <api/rate_limit.hpp>
#include <fmt/format.h>

#include <base/log.hpp>

#include "query.hpp"
#include "utf8.hpp"

namespace sg::api {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

/// A web page may send requests to this machine from the browser of whoever sits at it (CSRF), also
/// under a name that it makes point here (DNS rebinding). Neither can forge Host and Origin.
std::optional<Problem> admit_local(Call& call, const ApiRouter::Gate& gate) {
    const auto& request = call.request();
    const auto host = request.field("host");
    if (!gate.open_to_all && !is_loopback_host(host)) {
        return problem("cross_origin",
                       "authentication is off, so only requests to localhost, 127.0.0.1 or [::1] "
                       "are answered; switch authentication on to serve other names");
    }
    // A page of this service, one of this machine, or one that the configuration names; not "all",
    // which is meant for requests with keys.
    const auto origin = request.field("origin");
    const auto at = std::min(origin.find("://"), origin.size());
    const auto from = origin.substr(std::min(at + 3, origin.size()));
    const auto& named = gate.allowed_origins;
    const bool known =
        std::find(named.begin(), named.end(), origin) != named.end() ||
        (!from.empty() && (from == host || (is_loopback_host(from) && is_loopback_host(host))));
    if (!origin.empty() ? !known : request.field("sec-fetch-site") == "cross-site") {
        return problem("cross_origin",
                       "authentication is off, so no other web site may send requests; switch "
                       "authentication on, or allow the site's origin");
    }
    call.principal.name = "local";
    call.principal.owner = gate.local_owner;
    call.principal.role = Role::kAdmin;
    return std::nullopt;
}

std::optional<Problem> limited(const RateLimits::Verdict& verdict,
                               std::string_view whose,
                               Answering& answer) {
    if (!verdict.policy.empty()) {
        answer.set_limit(verdict.policy, verdict.state);
    }
    if (verdict.allowed) return std::nullopt;
    auto out = problem("rate_limited",
                       fmt::format("too many requests of this {}; come again in {} s",
                                   whose,
                                   verdict.retry_after.count()));
    out.retry_after = verdict.retry_after;
    return out;
}

/// The token of "Bearer TOKEN" (RFC 6750 §2.1); a problem for any other form.
std::variant<std::string_view, Problem> bearer_token(const server::Request& request) {
    const auto fields = std::count_if(
        request.fields.begin(), request.fields.end(), [](const server::Request::Field& field) {
            return field.name == "authorization";
        });
    if (fields == 0) {
        return problem("unauthenticated", "send an API key or a token as Authorization: Bearer");
    }
    if (fields > 1) return problem("invalid_credentials", "there are two Authorization fields");
    auto value = request.field("authorization");
    const auto space = std::min(value.find(' '), value.size());
    if (lower(value.substr(0, space)) != "bearer") {
        return problem("invalid_credentials", "credentials come as Authorization: Bearer here");
    }
    value.remove_prefix(space);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    if (value.empty()) return problem("invalid_credentials", "the credentials are empty");
    return value;
}

Result<Principal> verify(std::string_view token, const ApiRouter::Gate& gate) {
    const bool is_key = token.starts_with("sgk_");
    if (is_key && gate.keys != nullptr) return gate.keys->verify(token);
    if (!is_key && gate.jwt != nullptr) return gate.jwt->verify(token);
    return Error{Errc::kPermission,
                 is_key ? "API keys are not accepted here" : "only API keys are accepted here"};
}

}  // namespace

bool still_authentic(const server::Request& request, const ApiRouter::Gate& gate) {
    if (!gate.authentication) return true;
    const auto token = bearer_token(request);
    const auto* text = std::get_if<std::string_view>(&token);
    if (text == nullptr) return false;
    const auto verified = verify(*text, gate);
    // An issuer that cannot be asked now takes nothing back.
    return verified || verified.error().code == Errc::kAgain;
}

namespace {

std::optional<Problem> authenticate(Call& call, const ApiRouter::Gate& gate, Answering& answer) {
    const auto& request = call.request();
    auto token = bearer_token(request);
    std::optional<Problem> failed;
    if (auto* bad = std::get_if<Problem>(&token)) {
        failed = std::move(*bad);
    } else {
        auto verified = verify(std::get<std::string_view>(token), gate);
        if (verified) {
            call.principal = std::move(verified).value();
            return std::nullopt;
        }
        if (verified.error().code == Errc::kAgain) {
            auto later = problem("unavailable", verified.error().message);
            later.retry_after = std::chrono::seconds(1);
            failed = std::move(later);
        } else {
            failed = problem("invalid_credentials", verified.error().message);
        }
    }
    // RFC 6750 §3: without credentials no error is named.
    if (failed->status == 401) {
        answer.add("WWW-Authenticate",
                   failed->code == "unauthenticated"
                       ? "Bearer realm=\"streamgate\""
                       : "Bearer realm=\"streamgate\", error=\"invalid_token\"");
    }
    // Good credentials from the same address are not hindered: they were looked at before.
    if (gate.limits != nullptr) {
        const auto verdict = gate.limits->take(RateLimits::Kind::kFailure, request.client);
        if (auto slowed = limited(verdict, "address with bad credentials", answer)) return slowed;
    }
    log::warn("api_authentication_failed id={} client={} reason=\"{}\"",
              call.request_id,
              request.client,
              failed->detail);
    return failed;
}

/// "application/json; charset=utf-8" without its parameters.
std::string media_type(std::string_view field) {
    auto type = field.substr(0, field.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    return lower(type);
}

bool has_other_charset(std::string_view field) {
    const auto text = lower(field);
    const auto at = text.find("charset=");
    if (at == std::string::npos) return false;
    const auto value = std::string_view(text).substr(at + 8);
    return !value.starts_with("utf-8") && !value.starts_with("\"utf-8\"") &&
           !value.starts_with("us-ascii");
}

bool accepts_json(std::string_view accept) {
    if (accept.empty()) return true;
    const auto text = lower(accept);
    for (const std::string_view form :
         {"*/*", "application/*", "application/json", "application/problem+json"}) {
        if (text.find(form) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

bool is_loopback_host(std::string_view host) {
    if (host.starts_with('[')) {
        return host.starts_with("[::1]") && (host.size() == 5 || host[5] == ':');
    }
    const auto name = lower(host.substr(0, host.find(':')));
    if (name == "localhost" || name.ends_with(".localhost")) return true;
    const bool numeric = std::all_of(
        name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    return numeric && name.starts_with("127.") && std::count(name.begin(), name.end(), '.') == 3;
}

std::optional<Problem> limit_address(const Call& call,
                                     const ApiRouter::Gate& gate,
                                     Answering& answer) {
    if (!gate.authentication || gate.limits == nullptr) return std::nullopt;
    return limited(
        gate.limits->take(RateLimits::Kind::kAddress, call.request().client), "address", answer);
}

std::optional<Problem> admit(Call& call, const ApiRouter::Gate& gate, Answering& answer) {
    if (!gate.authentication) return admit_local(call, gate);
    // Who shows credentials there is known by them: signed addresses also work without.
    if (call.operation->open && call.request().field("authorization").empty()) {
        return std::nullopt;
    }
    if (auto refused = authenticate(call, gate, answer)) return refused;
    if (gate.limits == nullptr) return std::nullopt;
    const auto& principal = call.principal;
    const auto& who = principal.key_id.empty() ? principal.name : principal.key_id;
    return limited(gate.limits->take(RateLimits::Kind::kKey, who), "key", answer);
}

std::optional<Problem> allow(const Principal& principal, const Operation& operation) {
    if (operation.open) return std::nullopt;
    if (principal.role < operation.least) {
        return problem("forbidden",
                       fmt::format("{} needs the role {}, these credentials have {}",
                                   operation.id,
                                   name_of(operation.least),
                                   name_of(principal.role)));
    }
    if (!principal.scopes.empty() && !principal.scopes.contains(operation.tag)) {
        return problem("forbidden",
                       fmt::format("{} needs the scope '{}', which these credentials do not have",
                                   operation.id,
                                   operation.tag));
    }
    return std::nullopt;
}

std::optional<Problem> check_form(Call& call, const Operation& operation) {
    const auto& request = call.request();
    if (!is_utf8(request.path)) {
        return problem("invalid_path", "the path is not UTF-8");
    }
    if (auto bad = read_query(request.query, operation.query, call.query)) return bad;
    if (operation.streams) return std::nullopt;
    if (!accepts_json(request.field("accept")) && !operation.response_schema.empty()) {
        return problem("not_acceptable", "the answer is JSON: accept application/json");
    }
    const bool has_body = call.exchange.body_length().value_or(1) > 0;
    if (!has_body) return std::nullopt;
    if (operation.request_schema.empty()) {
        if (operation.max_body_bytes > 0) return std::nullopt;
        return problem("unexpected_body", "the operation takes no body");
    }
    const auto field = request.field("content-type");
    const auto type = media_type(field);
    const auto& types = operation.content_types;
    if (std::find(types.begin(), types.end(), type) == types.end() || has_other_charset(field)) {
        std::string list;
        for (const auto& known : types) list += (list.empty() ? "" : " or ") + known;
        return problem("unsupported_media_type",
                       fmt::format("the body must be {} in UTF-8{}",
                                   list,
                                   type.empty() ? ", and say so as Content-Type" : ""));
    }
    const auto coding = lower(request.field("content-encoding"));
    if (!coding.empty() && coding != "identity") {
        return problem("unsupported_media_type", "the body must come without a Content-Encoding");
    }
    return std::nullopt;
}

}  // namespace sg::api

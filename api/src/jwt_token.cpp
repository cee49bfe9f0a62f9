#include "jwt_token.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "json_body.hpp"
#include "jwk_set.hpp"
#include "utf8.hpp"

namespace sg::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxTokenBytes = 8192;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxValues = 2000;

Error refused(std::string why) {
    return Error{Errc::kPermission, "the token is refused: " + std::move(why)};
}

Result<json> object_of(std::string_view text, std::string_view what) {
    auto read = read_json(text, {kMaxDepth, kMaxValues});
    auto* value = std::get_if<json>(&read);
    if (value == nullptr || !value->is_object()) {
        return refused(fmt::format("its {} is no JSON object", what));
    }
    return std::move(*value);
}

std::string text_of(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// A claim under a path of names with dots; a name that itself has dots (a URL) is found as well.
const json* find_claim(const json& object, std::string_view path) {
    if (!object.is_object()) return nullptr;
    if (const auto found = object.find(std::string(path)); found != object.end()) return &*found;
    for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1)) {
        const auto inner = object.find(std::string(path.substr(0, dot)));
        if (inner == object.end()) continue;
        if (const auto* found = find_claim(*inner, path.substr(dot + 1))) return found;
    }
    return nullptr;
}

std::vector<std::string> words_of(const json* claim) {
    std::vector<std::string> out;
    const auto add = [&](std::string_view text) {
        while (!text.empty()) {
            const auto word = text.substr(0, text.find(' '));
            if (!word.empty()) out.emplace_back(word);
            text.remove_prefix(std::min(text.size(), word.size() + 1));
        }
    };
    if (claim == nullptr) return out;
    if (claim->is_string()) add(claim->get_ref<const std::string&>());
    if (claim->is_array()) {
        for (const auto& item : *claim) {
            if (item.is_string()) add(item.get_ref<const std::string&>());
        }
    }
    return out;
}

bool is_for(const json& claims, const std::string& audience) {
    const auto found = claims.find("aud");
    if (found == claims.end()) return false;
    if (found->is_string()) return *found == audience;
    return found->is_array() &&
           std::find(found->begin(), found->end(), json(audience)) != found->end();
}

/// NumericDate: whole or broken seconds.
std::optional<double> date_of(const json& claims, const char* name) {
    const auto found = claims.find(name);
    if (found == claims.end() || !found->is_number()) return std::nullopt;
    const auto value = found->get<double>();
    if (!std::isfinite(value)) return std::nullopt;
    return value;
}

Status check_times(const json& claims, const JwtOptions& options, Clock::Wall now) {
    const auto at = std::chrono::duration<double>(now.time_since_epoch()).count();
    const auto skew = static_cast<double>(options.clock_skew.count());
    const auto expires = date_of(claims, "exp");
    if (!expires) return refused("it has no time of expiry (exp)");
    if (*expires + skew <= at) return refused("it has expired");
    for (const auto* name : {"nbf", "iat"}) {
        if (!claims.contains(name)) continue;
        const auto from = date_of(claims, name);
        if (!from) return refused(fmt::format("its {} is no time", name));
        if (*from - skew > at) return refused(fmt::format("its {} lies in the future", name));
    }
    return {};
}

std::optional<Role> role_of(const json& claims, const JwtOptions& options) {
    std::optional<Role> best;
    for (const auto& word : words_of(find_claim(claims, options.role_claim))) {
        std::optional<Role> found;
        if (options.roles.empty()) {
            found = role(word);
        } else if (const auto known = options.roles.find(word); known != options.roles.end()) {
            found = known->second;
        }
        if (found && (!best || *found > *best)) best = found;
    }
    return best ? best : options.default_role;
}

bool is_name(const std::string& text) {
    return !text.empty() && text.size() <= kMaxNameBytes && is_plain_text(text);
}

}  // namespace

Result<JwtToken> split_jwt(std::string_view token, const JwtOptions& options) {
    if (token.size() > kMaxTokenBytes) return refused("it is longer than 8192 bytes");
    const auto first = token.find('.');
    const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return refused("it has not three parts");
    }
    auto header_text = from_base64url(token.substr(0, first));
    auto payload = from_base64url(token.substr(first + 1, second - first - 1));
    auto signature = from_base64url(token.substr(second + 1));
    if (!header_text || !payload || !signature) return refused("it is not base64url");
    SG_TRY_ASSIGN(const auto header, object_of(*header_text, "header"));
    JwtToken out;
    out.algorithm = text_of(header, "alg");
    if (std::find(options.algorithms.begin(), options.algorithms.end(), out.algorithm) ==
        options.algorithms.end()) {
        return refused("its algorithm is not accepted here");
    }
    // Extensions that must be understood: none is.
    if (header.contains("crit")) return refused("it has critical extensions");
    out.kid = text_of(header, "kid");
    out.signed_part = token.substr(0, second);
    out.payload = std::move(*payload);
    out.signature = std::move(*signature);
    return out;
}

Result<Principal> principal_of(std::string_view payload,
                               const JwtOptions& options,
                               Clock::Wall now) {
    SG_TRY_ASSIGN(const auto claims, object_of(payload, "payload"));
    if (text_of(claims, "iss") != options.issuer) return refused("it is of another issuer");
    if (!is_for(claims, options.audience)) return refused("it is for another audience");
    SG_TRY(check_times(claims, options, now));
    const auto subject = text_of(claims, "sub");
    if (!is_name(subject)) return refused("it names no subject (sub)");
    Principal out;
    out.name = "jwt:" + subject;
    const auto* owner = find_claim(claims, options.owner_claim);
    out.owner = owner != nullptr && owner->is_string() ? owner->get<std::string>() : std::string();
    if (!is_name(out.owner)) {
        return refused(fmt::format("it names no owner ({})", options.owner_claim));
    }
    const auto found = role_of(claims, options);
    if (!found) return refused(fmt::format("it has no role ({})", options.role_claim));
    out.role = *found;
    if (!options.scope_claim.empty()) {
        for (auto& word : words_of(find_claim(claims, options.scope_claim))) {
            out.scopes.insert(std::move(word));
        }
        if (out.scopes.empty()) return refused(fmt::format("it has no {}", options.scope_claim));
    }
    return out;
}

}  // namespace sg::api

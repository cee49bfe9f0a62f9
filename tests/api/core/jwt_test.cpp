#include <mutex>
#include <thread>

#include <api/jwt.hpp>
#include <openssl/hmac.h>

#include <support/catch.hpp>

#include "gate_server.hpp"
#include "jwk_set.hpp"
#include "jwt_issuer.hpp"

using namespace sg;
using namespace sg::api;
using namespace sg::api::test;
using nlohmann::json;

namespace {

/// An issuer's documents, without a network.
struct Issuer {
    std::mutex mutex;
    json keys = json::array();
    bool down = false;
    int fetches = 0;

    JwtFetch fetch() {
        return [this](const std::string& url, const std::stop_token&) -> Result<std::string> {
            const std::lock_guard lock(mutex);
            if (down) return Error{Errc::kIo, "the issuer is down"};
            if (url == "https://issuer.test/.well-known/openid-configuration") {
                return json{{"issuer", "https://issuer.test"},
                            {"jwks_uri", "https://issuer.test/keys"}}
                    .dump();
            }
            ++fetches;
            return json{{"keys", keys}}.dump();
        };
    }
    void set_keys(json value) {
        const std::lock_guard lock(mutex);
        keys = std::move(value);
    }
    int fetched() {
        const std::lock_guard lock(mutex);
        return fetches;
    }
};

constexpr std::int64_t kNow = 1'800'000'000;

json claims() {
    return {{"iss", "https://issuer.test"},
            {"aud", "streamgate"},
            {"sub", "alice"},
            {"exp", kNow + 600},
            {"nbf", kNow - 10},
            {"streamgate_role", "submitter"}};
}

JwtOptions options() {
    JwtOptions out;
    out.issuer = "https://issuer.test";
    out.audience = "streamgate";
    return out;
}

std::unique_ptr<JwtVerifier> started(Issuer& issuer,
                                     const Clock& clock,
                                     JwtOptions given = options()) {
    auto made = JwtVerifier::start(std::move(given), clock, issuer.fetch());
    REQUIRE(made);
    while (!(*made)->trouble().empty()) std::this_thread::yield();
    return std::move(*made);
}

const SigningKey& rsa() {
    static const SigningKey key(SigningKey::Kind::kRsa, "rsa");
    return key;
}

}  // namespace

TEST_CASE("tokens of each algorithm are good, and not when a bit of them is another") {
    const SigningKey p256(SigningKey::Kind::kP256, "p256");
    const SigningKey ed(SigningKey::Kind::kEd25519, "ed");
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk(), p256.jwk(), ed.jwk()}));
    const ManualClock clock;
    const auto verifier = started(issuer, clock);
    const std::vector<std::pair<const SigningKey*, std::string>> pairs{
        {&rsa(), "RS256"}, {&rsa(), "PS256"}, {&p256, "ES256"}, {&ed, "EdDSA"}};
    for (const auto& [key, algorithm] : pairs) {
        INFO(algorithm);
        const auto token = key->token(algorithm, claims());
        const auto principal = verifier->verify(token);
        REQUIRE(principal);
        CHECK(principal->name == "jwt:alice");
        CHECK(principal->owner == "alice");
        CHECK(principal->role == Role::kSubmitter);
        for (const auto at : {token.find('.') + 5, token.rfind('.') + 5}) {
            auto other = token;
            other[at] = other[at] == 'A' ? 'B' : 'A';
            CHECK_FALSE(verifier->verify(other));
        }
        CHECK_FALSE(verifier->verify(token.substr(0, token.size() - 4)));
        CHECK_FALSE(verifier->verify(token + "AAAA"));
    }
}

TEST_CASE("a token cannot choose how it is verified") {
    const SigningKey p256(SigningKey::Kind::kP256, "p256");
    const SigningKey p384(SigningKey::Kind::kP384, "p384");
    const SigningKey small(SigningKey::Kind::kRsa, "small", 1024);
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk(),
                                 p256.jwk(),
                                 p384.jwk(),
                                 small.jwk(),
                                 json{{"kty", "oct"}, {"kid", "oct"}, {"k", "c2VjcmV0"}}}));
    const ManualClock clock;
    const auto verifier = started(issuer, clock);

    const auto none = to_base64url(R"({"alg":"none"})") + "." + to_base64url(claims().dump()) + ".";
    CHECK_FALSE(verifier->verify(none));
    for (const auto* name : {"None", "NONE", "HS256", "RS512", "ES384", "", "RS256 "}) {
        INFO(name);
        CHECK_FALSE(
            verifier->verify(p256.token_with(json{{"alg", name}, {"kid", "rsa"}}, claims())));
    }
    // The public key as the secret of an HMAC.
    const auto head =
        to_base64url(R"({"alg":"HS256","kid":"rsa"})") + "." + to_base64url(claims().dump());
    const auto secret = rsa().jwk().at("n").get<std::string>();
    unsigned char mac[32];
    unsigned size = 0;
    HMAC(EVP_sha256(),
         secret.data(),
         static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(head.data()),
         head.size(),
         mac,
         &size);
    CHECK_FALSE(verifier->verify(head + "." + to_base64url({reinterpret_cast<char*>(mac), size})));
    // A key for another algorithm than the token's, or of a curve or size that is not taken.
    CHECK_FALSE(
        verifier->verify(p256.token_with(json{{"alg", "RS256"}, {"kid", "p256"}}, claims())));
    CHECK_FALSE(
        verifier->verify(p256.token_with(json{{"alg", "ES256"}, {"kid", "rsa"}}, claims())));
    CHECK_FALSE(
        verifier->verify(p384.token_with(json{{"alg", "ES256"}, {"kid", "p384"}}, claims())));
    CHECK_FALSE(verifier->verify(small.token("RS256", claims())));
    // A key that comes with the token.
    const SigningKey mine(SigningKey::Kind::kRsa, "rsa");
    CHECK_FALSE(verifier->verify(
        mine.token_with(json{{"alg", "RS256"}, {"kid", "rsa"}, {"jwk", mine.jwk()}}, claims())));
    CHECK_FALSE(verifier->verify(
        rsa().token_with(json{{"alg", "RS256"}, {"kid", "rsa"}, {"crit", {"exp"}}}, claims())));
}

TEST_CASE("a token that is old, new, of others or for others is refused") {
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk()}));
    const ManualClock clock;
    const auto verifier = started(issuer, clock);
    const auto refused = [&](const char* name, const json& value) {
        auto changed = claims();
        if (value.is_null()) {
            changed.erase(name);
        } else {
            changed[name] = value;
        }
        const auto result = verifier->verify(rsa().token("RS256", changed));
        return result ? std::string() : result.error().message;
    };
    CHECK(refused("exp", kNow - 59).empty());  // within the skew of clocks
    CHECK(refused("exp", kNow - 61).find("expired") != std::string::npos);
    CHECK(refused("exp", nullptr).find("no time of expiry") != std::string::npos);
    CHECK_FALSE(refused("exp", "tomorrow").empty());
    CHECK(refused("nbf", kNow + 59).empty());
    CHECK(refused("nbf", kNow + 61).find("future") != std::string::npos);
    CHECK_FALSE(refused("nbf", "x").empty());
    CHECK(refused("iss", "https://issuer.test/").find("another issuer") != std::string::npos);
    CHECK(refused("aud", "other").find("another audience") != std::string::npos);
    CHECK(refused("aud", nullptr).find("another audience") != std::string::npos);
    CHECK(refused("aud", json::array({"other", "streamgate"})).empty());
    CHECK(refused("streamgate_role", "boss").find("no role") != std::string::npos);
    CHECK(refused("streamgate_role", json::array({"viewer", "admin"})).empty());
    CHECK_FALSE(refused("sub", "a\nb").empty());
    CHECK_FALSE(refused("sub", "").empty());
    CHECK_FALSE(refused("sub", 7).empty());
}

TEST_CASE("role, owner and scopes come from the claims that are named") {
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk()}));
    const ManualClock clock;
    auto given = options();
    given.role_claim = "realm_access.roles";
    given.roles = {{"sg-ops", Role::kOperator}, {"sg-read", Role::kViewer}};
    given.owner_claim = "https://example.org/team";
    given.scope_claim = "scope";
    const auto verifier = started(issuer, clock, given);
    auto named = claims();
    named["realm_access"] = {{"roles", {"other", "sg-read", "sg-ops"}}};
    named["https://example.org/team"] = "video";
    named["scope"] = "jobs uploads";
    const auto principal = verifier->verify(rsa().token("RS256", named));
    REQUIRE(principal);
    CHECK(principal->role == Role::kOperator);
    CHECK(principal->owner == "video");
    CHECK(principal->scopes == std::set<std::string>{"jobs", "uploads"});
    named.erase("scope");
    CHECK_FALSE(verifier->verify(rsa().token("RS256", named)));
}

TEST_CASE("huge, deep and broken tokens are refused at once") {
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk()}));
    const ManualClock clock;
    const auto verifier = started(issuer, clock);
    const auto deep = to_base64url(std::string(4000, '['));
    for (const auto& token : {std::string(),
                              std::string("."),
                              std::string(".."),
                              std::string("a.b.c"),
                              std::string("a.b.c.d"),
                              std::string(20'000, 'a'),
                              deep + "." + deep + ".AAAA",
                              to_base64url("[]") + ".e30.AAAA",
                              to_base64url(R"({"alg":["RS256"]})") + ".e30.AAAA",
                              to_base64url(R"({"alg":"RS256","alg":"none"})") + ".e30.AAAA"}) {
        CHECK_FALSE(verifier->verify(token));
    }
    CHECK_FALSE(from_base64url("AA="));
    CHECK_FALSE(from_base64url("A"));
    CHECK_FALSE(from_base64url("AB"));  // bits that no encoder sets
    CHECK(*from_base64url("AA") == std::string(1, '\0'));
}

TEST_CASE("a new key is fetched once when a token names it, and not for each bad token") {
    const SigningKey next(SigningKey::Kind::kP256, "next");
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk()}));
    ManualClock clock;
    const auto verifier = started(issuer, clock);
    issuer.set_keys(json::array({rsa().jwk(), next.jwk()}));
    const auto token = next.token("ES256", claims());
    CHECK_FALSE(verifier->verify(token));  // the last fetch was just now
    CHECK(issuer.fetched() == 1);
    clock.advance(std::chrono::seconds(31));
    const auto pending = verifier->verify(token);
    REQUIRE_FALSE(pending);
    CHECK(pending.error().code == Errc::kAgain);
    for (bool good = false; !good; std::this_thread::yield())
        good = verifier->verify(token).has_value();
    CHECK(issuer.fetched() == 2);
    for (int i = 0; i < 100; ++i) {
        CHECK_FALSE(verifier->verify(
            next.token_with(json{{"alg", "ES256"}, {"kid", std::to_string(i)}}, claims())));
    }
    CHECK(issuer.fetched() == 2);
    // While the issuer is down its known keys go on.
    {
        const std::lock_guard lock(issuer.mutex);
        issuer.down = true;
    }
    clock.advance(std::chrono::seconds(31));
    CHECK_FALSE(verifier->verify(next.token_with(json{{"alg", "ES256"}, {"kid", "x"}}, claims())));
    CHECK(verifier->verify(token));
    CHECK(verifier->trouble().empty());
}

TEST_CASE("options that would trust too much are refused") {
    const ManualClock clock;
    Issuer issuer;
    auto given = options();
    given.audience.clear();
    CHECK_FALSE(JwtVerifier::start(given, clock, issuer.fetch()));
    given = options();
    given.issuer = "http://issuer.test";
    CHECK_FALSE(JwtVerifier::start(given, clock, issuer.fetch()));
    given = options();
    given.algorithms = {"HS256"};
    CHECK_FALSE(JwtVerifier::start(given, clock, issuer.fetch()));
}

TEST_CASE("requests with a token are its subject's") {
    Issuer issuer;
    issuer.set_keys(json::array({rsa().jwk()}));
    const SystemClock clock;
    const auto verifier = started(issuer, clock);
    GateSettings settings;
    settings.jwt = verifier.get();
    const GateServer server(settings);
    auto now = claims();
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
    now["exp"] = seconds + 60;
    now["nbf"] = seconds;
    now["streamgate_role"] = "admin";
    CHECK(server.ask("GET", "/v1/keys", GateServer::bearer(rsa().token("RS256", now))).status ==
          200);
    now["streamgate_role"] = "operator";
    CHECK(server.ask("GET", "/v1/keys", GateServer::bearer(rsa().token("RS256", now))).status ==
          403);
    now["exp"] = seconds - 600;
    const auto answer =
        server.ask("GET", "/v1/keys", GateServer::bearer(rsa().token("RS256", now)));
    CHECK(answer.status == 401);
    CHECK(answer.fields.at("www-authenticate").find("invalid_token") != std::string::npos);
}

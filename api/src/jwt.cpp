#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>

#include <api/jwt.hpp>
#include <fmt/format.h>

#include <base/log.hpp>
#include <protocols/http_client.hpp>

#include "admission.hpp"
#include "json_body.hpp"
#include "jwk_set.hpp"
#include "jwt_token.hpp"

namespace sg::api {
namespace {

using nlohmann::json;

constexpr std::chrono::minutes kRefreshEach{10};
constexpr std::chrono::seconds kRefreshAtMost{30};
constexpr std::uint64_t kMaxDocumentBytes = 1U << 20U;

Status check_url(const std::string& url) {
    const auto at = url.find("://");
    const auto scheme = url.substr(0, std::min(at, url.size()));
    if (at != std::string::npos && scheme == "https") return {};
    if (at != std::string::npos && scheme == "http") {
        const auto host = url.substr(at + 3);
        if (is_loopback_host(host.substr(0, host.find('/')))) return {};
    }
    return Error{Errc::kInvalidArgument,
                 fmt::format("trust tokens of '{}': keys must come over https (http is accepted "
                             "from this machine only)",
                             protocols::printable_url(url))};
}

}  // namespace

struct JwtVerifier::Impl {
    Impl(JwtOptions given, const Clock& time, JwtFetch by)
        : options(std::move(given)), clock(time), fetch(std::move(by)) {}

    JwtOptions options;
    const Clock& clock;
    JwtFetch fetch;

    mutable std::shared_mutex keys_mutex;
    std::vector<Jwk> keys;
    std::string failure = "the issuer's keys have not been fetched yet";

    std::mutex mutex;
    std::condition_variable_any wake;
    bool wanted = true;
    bool fetching = true;
    std::optional<Clock::Monotonic> last_fetch;
    std::jthread thread;

    void run(const std::stop_token& stop);
    [[nodiscard]] Result<std::vector<Jwk>> fetch_keys(const std::stop_token& stop) const;
    /// True when the keys are on their way.
    [[nodiscard]] bool ask_for_keys();
    [[nodiscard]] std::vector<Jwk> candidates(const JwtToken& token) const;
};

JwtFetch fetch_by_http() {
    auto client = std::make_shared<protocols::HttpClient>();
    return [client](const std::string& url, std::stop_token stop) -> Result<std::string> {
        std::string text;
        protocols::HttpRequest request;
        request.url = url;
        request.max_bytes = kMaxDocumentBytes;
        SG_TRY(client->get(
            request,
            [&](std::span<const std::byte> bytes) -> Status {
                text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                return {};
            },
            std::move(stop)));
        return text;
    };
}

JwtVerifier::JwtVerifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

JwtVerifier::~JwtVerifier() {
    impl_->thread.request_stop();
    impl_->thread = std::jthread();
}

Result<std::unique_ptr<JwtVerifier>> JwtVerifier::start(JwtOptions options,
                                                        const Clock& clock,
                                                        JwtFetch fetch) {
    if (options.audience.empty()) {
        return Error{Errc::kInvalidArgument,
                     "trust tokens: name the audience that they must be made for, or tokens for "
                     "other services would be good here"};
    }
    for (const auto& algorithm : options.algorithms) {
        const auto known = {"RS256", "PS256", "ES256", "EdDSA"};
        if (std::find(known.begin(), known.end(), algorithm) == known.end()) {
            return Error{Errc::kInvalidArgument,
                         fmt::format("trust tokens signed by '{}': RS256, PS256, ES256 and EdDSA "
                                     "are understood",
                                     algorithm)};
        }
    }
    SG_TRY(check_url(options.issuer));
    if (!options.jwks_url.empty()) SG_TRY(check_url(options.jwks_url));
    auto impl = std::make_unique<Impl>(std::move(options), clock, std::move(fetch));
    impl->thread =
        std::jthread([raw = impl.get()](const std::stop_token& stop) { raw->run(stop); });
    return std::unique_ptr<JwtVerifier>(new JwtVerifier(std::move(impl)));
}

Result<std::vector<Jwk>> JwtVerifier::Impl::fetch_keys(const std::stop_token& stop) const {
    auto url = options.jwks_url;
    if (url.empty()) {
        auto base = options.issuer;
        while (base.ends_with('/')) base.pop_back();
        SG_TRY_ASSIGN(const auto text, fetch(base + "/.well-known/openid-configuration", stop));
        const auto read = read_json(text);
        const auto* document = std::get_if<json>(&read);
        const auto field = [&](const char* name) {
            if (document == nullptr || !document->is_object()) return std::string();
            const auto found = document->find(name);
            return found != document->end() && found->is_string() ? found->get<std::string>()
                                                                  : std::string();
        };
        // OpenID Connect Discovery 1.0 §4.3.
        if (field("issuer") != options.issuer) {
            return Error{Errc::kBadData,
                         fmt::format("read the discovery document of {}: it names another issuer",
                                     options.issuer)};
        }
        url = field("jwks_uri");
        SG_TRY(check_url(url));
    }
    SG_TRY_ASSIGN(const auto text, fetch(url, stop));
    SG_TRY_ASSIGN(auto found, read_jwk_set(text));
    if (found.empty()) {
        return Error{Errc::kBadData,
                     fmt::format("read the keys of {}: none is for signatures of an algorithm that "
                                 "is understood",
                                 options.issuer)};
    }
    return found;
}

void JwtVerifier::Impl::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        auto fetched = fetch_keys(stop);
        if (stop.stop_requested()) return;
        const bool good = fetched.has_value();
        {
            const std::unique_lock lock(keys_mutex);
            if (good) {
                log::info("jwt_keys issuer={} keys={}", options.issuer, fetched->size());
                keys = std::move(fetched).value();
                failure.clear();
            } else {
                log::warn("jwt_keys_not_fetched issuer={} kept={} reason=\"{}\"",
                          options.issuer,
                          keys.size(),
                          fetched.error().message);
                if (keys.empty()) failure = fetched.error().message;
            }
        }
        std::unique_lock lock(mutex);
        fetching = false;
        wanted = false;
        last_fetch = clock.now();
        wake.wait_for(lock, stop, good ? std::chrono::seconds(kRefreshEach) : kRefreshAtMost, [&] {
            return wanted;
        });
        fetching = true;
    }
}

bool JwtVerifier::Impl::ask_for_keys() {
    const std::lock_guard lock(mutex);
    if (fetching || wanted) return true;
    if (last_fetch && clock.now() - *last_fetch < kRefreshAtMost) return false;
    wanted = true;
    wake.notify_all();
    return true;
}

std::vector<Jwk> JwtVerifier::Impl::candidates(const JwtToken& token) const {
    const std::shared_lock lock(keys_mutex);
    std::vector<Jwk> out;
    for (const auto& key : keys) {
        if (!token.kid.empty() && key.kid != token.kid) continue;
        if (key.fits(token.algorithm)) out.push_back(key);
    }
    // Without a name only one key can be meant.
    if (token.kid.empty() && out.size() > 1) out.clear();
    return out;
}

Result<Principal> JwtVerifier::verify(std::string_view token) {
    SG_TRY_ASSIGN(const auto parts, split_jwt(token, impl_->options));
    const auto keys = impl_->candidates(parts);
    if (keys.empty()) {
        if (impl_->ask_for_keys()) {
            return Error{Errc::kAgain, "the token's key is being asked for: try again"};
        }
        return Error{Errc::kPermission, "the token is refused: its issuer has no such key"};
    }
    const bool good = std::any_of(keys.begin(), keys.end(), [&](const Jwk& key) {
        return verify_signature(key, parts.algorithm, parts.signed_part, parts.signature);
    });
    if (!good) return Error{Errc::kPermission, "the token is refused: its signature is not good"};
    return principal_of(parts.payload, impl_->options, impl_->clock.wall());
}

std::string JwtVerifier::trouble() const {
    const std::shared_lock lock(impl_->keys_mutex);
    return impl_->keys.empty() ? impl_->failure : std::string();
}

}  // namespace sg::api

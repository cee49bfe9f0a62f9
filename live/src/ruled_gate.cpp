#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <live/channel_registry.hpp>
#include <live/publish_rules.hpp>

#include <base/digest.hpp>

#include "publish_failures.hpp"
#include "publish_questions.hpp"

namespace sg::live {
namespace {

constexpr std::size_t kMostSecretBytes = 512;

enum class Verdict { kAllowed, kNothingGiven, kWrong, kTooEarly, kExpired };

const std::string* argument(const PublishClaim& claim, const char* name) {
    const auto found = claim.arguments.find(name);
    if (found == claim.arguments.end() || found->second.empty()) return nullptr;
    return found->second.size() <= kMostSecretBytes ? &found->second : nullptr;
}

/// Every key is compared, so that time does not tell which one came near.
Verdict judge_key(const PublishRules& rules,
                  const PublishClaim& claim,
                  std::string_view channel,
                  Clock::Wall now) {
    const auto* given = argument(claim, "key");
    if (given == nullptr) return Verdict::kNothingGiven;
    const auto digest = sha256_hex(*given);
    auto verdict = Verdict::kWrong;
    for (const auto& key : rules.keys) {
        const bool same = equal_in_constant_time(digest, key.digest);
        if (!same || !matches_pattern(key.pattern, channel)) continue;
        const auto here = key.not_before && now < *key.not_before ? Verdict::kTooEarly
                          : key.expires && now >= *key.expires    ? Verdict::kExpired
                                                                  : Verdict::kAllowed;
        if (verdict != Verdict::kAllowed) verdict = here;
    }
    return verdict;
}

Verdict judge_token(const PublishRules& rules,
                    const PublishClaim& claim,
                    std::string_view channel,
                    Clock::Wall now) {
    const auto* given = argument(claim, "token");
    if (given == nullptr) return Verdict::kNothingGiven;
    const auto dash = given->find('-');
    std::int64_t expires = 0;
    const auto* end = given->data() + std::min(dash, given->size());
    const auto parsed = std::from_chars(given->data(), end, expires);
    if (dash == std::string::npos || parsed.ec != std::errc() || parsed.ptr != end || expires <= 0)
        return Verdict::kWrong;
    bool good = false;
    for (const auto& secret : rules.token_secrets) {
        if (equal_in_constant_time(*given, sign_publish_token(secret, channel, expires)))
            good = true;
    }
    if (!good) return Verdict::kWrong;
    return std::chrono::system_clock::to_time_t(now) < expires ? Verdict::kAllowed
                                                               : Verdict::kExpired;
}

const char* reason_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::kNothingGiven:
            return "missing";
        case Verdict::kTooEarly:
            return "too_early";
        case Verdict::kExpired:
            return "expired";
        default:
            return "wrong";
    }
}

Error refusal(Verdict verdict) {
    switch (verdict) {
        case Verdict::kNothingGiven:
            return {Errc::kPermission,
                    "publish: a stream key is needed here, as in NAME?key=KEY (SRT: s=KEY)"};
        case Verdict::kTooEarly:
            return {Errc::kPermission, "publish: this stream key is not valid yet"};
        case Verdict::kExpired:
            return {Errc::kPermission, "publish: the stream key or token has expired"};
        default:
            return {Errc::kPermission, "publish: the stream key or token is wrong for this name"};
    }
}

}  // namespace

std::string sign_publish_token(std::string_view secret,
                               std::string_view name,
                               std::int64_t expires) {
    return fmt::format(
        "{}-{}", expires, hmac_sha256_hex(secret, fmt::format("{}:{}", name, expires)));
}

struct RuledGate::Impl {
    Impl(PublishRules r, const Clock& c, Metrics& m)
        : clock(c), metrics(m), rules(std::make_shared<const PublishRules>(std::move(r))) {
        allowed = metrics.counter("streamgate_publish_allowed_total", "Publishers let in");
        for (const auto* why :
             {"missing", "wrong", "too_early", "expired", "callback", "too_many_failures"}) {
            refused[why] = metrics.counter("streamgate_publish_refused_total",
                                           "Publishers refused for want of the right to publish",
                                           {{"reason", why}});
        }
    }

    [[nodiscard]] std::shared_ptr<const PublishRules> current() const {
        const std::lock_guard lock(mutex);
        return rules;
    }

    [[nodiscard]] Error refuse(const PublishClaim& claim, const char* why, Error error) {
        refused.at(why).add();
        failures.count(claim.peer, clock.now());
        return error;
    }

    /// All but the callback.
    [[nodiscard]] Status judge(const PublishRules& using_rules, const PublishClaim& claim) {
        if (using_rules.open()) return {};
        if (failures.must_wait(claim.peer, clock.now())) {
            refused.at("too_many_failures").add();
            return Error{Errc::kPermission,
                         "publish: too many failed attempts from this address; wait a minute"};
        }
        if (using_rules.keys.empty() && using_rules.token_secrets.empty()) return {};
        const auto channel = std::string_view(claim.name).substr(0, claim.name.find('+'));
        const auto key = judge_key(using_rules, claim, channel, clock.wall());
        const auto token = judge_token(using_rules, claim, channel, clock.wall());
        if (key == Verdict::kAllowed || token == Verdict::kAllowed) return {};
        // The later verdict knows more: an expired key is not just a wrong one.
        const auto verdict = std::max(key, token);
        return refuse(claim, reason_of(verdict), refusal(verdict));
    }

    const Clock& clock;
    Metrics& metrics;
    mutable std::mutex mutex;
    std::shared_ptr<const PublishRules> rules;
    PublishFailures failures;
    Counter allowed;
    std::map<std::string, Counter> refused;
    PublishQuestions questions;  // last: its threads use the others
};

RuledGate::RuledGate(PublishRules rules, const Clock& clock, Metrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(rules), clock, metrics)) {}
RuledGate::~RuledGate() = default;

void RuledGate::stop() {
    impl_->questions.close();
}

void RuledGate::set_rules(PublishRules rules) {
    auto fresh = std::make_shared<const PublishRules>(std::move(rules));
    const std::lock_guard lock(impl_->mutex);
    impl_->rules = std::move(fresh);
}

Status RuledGate::check_now(const PublishClaim& claim) {
    const auto rules = impl_->current();
    SG_TRY(impl_->judge(*rules, claim));
    if (rules->callback) return Error{Errc::kAgain, "publish: the callback must be asked"};
    return {};
}

void RuledGate::check(PublishClaim claim, std::function<void(Status)> then) {
    const auto rules = impl_->current();
    auto status = impl_->judge(*rules, claim);
    if (!status || !rules->callback) {
        if (status) impl_->allowed.add();
        then(std::move(status));
        return;
    }
    auto copy = claim;
    impl_->questions.ask(
        *rules->callback,
        std::move(copy),
        [impl = impl_.get(), claim = std::move(claim), then = std::move(then)](const Status& said) {
            if (said) {
                impl->allowed.add();
                then({});
                return;
            }
            then(impl->refuse(claim, "callback", said.error()));
        });
}

}  // namespace sg::live

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <live/publish_gate.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace sg::live {

/// A secret that lets publishers of matching names in, for a time. Several may hold at once, so
/// that keys are rotated with an overlap.
struct PublishKey {
    std::string pattern = "*/*";  ///< as ChannelTemplate::pattern
    std::string digest;           ///< SHA-256 of the key, hex
    std::optional<Clock::Wall> not_before;
    std::optional<Clock::Wall> expires;
};

/// An HTTP service that is asked: POST of JSON, 2xx lets the publisher in.
struct PublishCallback {
    std::string url;  ///< may hold secrets
    std::chrono::milliseconds timeout{3'000};
};

/// With neither keys, tokens nor callback everybody may publish. A valid key or a valid token is
/// enough; the callback is asked after them and must agree too.
struct PublishRules {
    std::vector<PublishKey> keys;
    std::vector<std::string> token_secrets;  ///< any of them verifies
    std::optional<PublishCallback> callback;

    [[nodiscard]] bool open() const {
        return keys.empty() && token_secrets.empty() && !callback.has_value();
    }
};

/// "EXPIRY-SIGNATURE": seconds of Unix time, and the HMAC-SHA256 in hex of "NAME:EXPIRY", where
/// NAME is the channel's, "live/NAME".
[[nodiscard]] std::string sign_publish_token(std::string_view secret,
                                             std::string_view name,
                                             std::int64_t expires);

/// Applies PublishRules. An address that failed often has to wait, whatever it brings. Any thread;
/// callbacks are asked on threads of its own, which exist from the first question on.
class RuledGate final : public PublishGate {
  public:
    RuledGate(PublishRules rules, const Clock& clock, Metrics& metrics);
    ~RuledGate() override;
    /// Gives up questions under way; their `then` is called, and what comes later is refused where
    /// the callback would be asked. Before those go whom `then` needs.
    void stop();

    /// For publishers to come.
    void set_rules(PublishRules rules);

    void check(PublishClaim claim, std::function<void(Status)> then) override;
    Status check_now(const PublishClaim& claim) override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::live

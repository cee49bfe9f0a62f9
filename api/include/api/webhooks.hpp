#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include <api/api_router.hpp>
#include <api/secret_box.hpp>
#include <jobs/event_log.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::api {

[[nodiscard]] std::vector<sql::Migration> webhook_migrations();

struct WebhookOptions {
    std::size_t threads = 8;       ///< deliveries at once
    std::size_t per_endpoint = 4;  ///< of these
    std::chrono::milliseconds timeout{15'000};
    /// The first retry; each later one waits three times as long, up to the longest.
    std::chrono::milliseconds first_retry{5'000};
    std::chrono::milliseconds longest_retry{6 * 3'600'000};
    std::chrono::hours give_up{72};
    std::chrono::hours keep_delivered{7 * 24};
    std::chrono::hours keep_dead{30 * 24};
    std::int64_t max_per_owner = 50;
    bool allow_private_addresses = false;
};

/// Tells events to addresses of users, after the Standard Webhooks specification 1.0: signed, tried
/// again for 72 hours, in order for each job. What is to be delivered is durable before it is tried
/// and counts as delivered when that is durable. Works on threads of its own. Thread-safe.
class Webhooks {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Webhooks>> start(sql::Database& database,
                                                                 jobs::EventHub& hub,
                                                                 SecretBox secrets,
                                                                 WebhookOptions options,
                                                                 const Clock& clock,
                                                                 Metrics& metrics);
    /// Ends deliveries that are on their way; they are tried again after the next start.
    ~Webhooks();

    /// /v1/webhooks and below. This must outlive the server.
    void add_to(ApiRouter& router);

    struct Impl;

  private:
    explicit Webhooks(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

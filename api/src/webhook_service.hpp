#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <api/webhooks.hpp>

#include <protocols/http_client.hpp>

#include "event_filter.hpp"
#include "webhook_table.hpp"

namespace sg::api {

/// One thread makes deliveries of events and says which is tried when; others send.
struct Webhooks::Impl {
    Impl(sql::Database& store,
         SecretBox box,
         WebhookOptions settings,
         const Clock& time,
         Metrics& metrics);
    ~Impl();

    sql::Database& database;
    const SecretBox secrets;
    const WebhookOptions options;
    const Clock& clock;

    Status start(jobs::EventHub& hub);
    [[nodiscard]] Millis now() const;

    // For routes, any thread.
    /// Endpoints have changed.
    void reload();
    /// There is something to send to this endpoint.
    void poke(const std::string& endpoint);
    void add_routes(ApiRouter& router);

  private:
    /// An endpoint with something to send, as the dispatcher sees it.
    struct Lane {
        std::set<std::string> flying;  ///< ids of deliveries that are being sent
        int failures = 0;              ///< in a row
        Millis look_at = 0;            ///< when to ask the database again
        Millis pause_until = 0;        ///< it does not answer: others first
    };
    struct Attempt {
        WebhookDelivery delivery;
        WebhookEndpoint endpoint;
        std::vector<std::string> signing;  ///< secrets, the newest first
        bool failing = false;              ///< counted among those
    };
    struct Outcome {
        bool delivered = false;
        bool gone = false;
        std::int64_t status = 0;
        std::string error;
        std::optional<std::chrono::seconds> retry_after;
        std::int64_t took_ms = 0;
    };

    // webhook_fanout.cpp, on the dispatcher's thread.
    void load_endpoints();
    [[nodiscard]] Status find_cursor();
    [[nodiscard]] Result<bool> fan_out();
    [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> notify_addresses(
        sql::Connection& db, const jobs::Event& event) const;

    // webhook_service.cpp
    void dispatch(const std::stop_token& stop);
    /// What the database has for an endpoint, and when to ask again; -1: when there is news.
    struct Look {
        std::vector<Attempt> attempts;
        Millis look_at = 0;
    };
    [[nodiscard]] Look look(const std::string& id, Millis time, std::int64_t most) const;
    /// Gives deliveries to the senders. When to look again at the latest. The database is read with
    /// the lock open: whoever has a connection may wait for the writer, which waits for the lock.
    [[nodiscard]] Millis give_out_all(std::unique_lock<std::mutex>& lock);
    void give_out(const std::string& endpoint, Lane& lane, std::unique_lock<std::mutex>& lock);
    void purge();

    // webhook_sender.cpp, on the senders' threads.
    void send_all(const std::stop_token& stop);
    [[nodiscard]] Outcome post(const Attempt& attempt, std::stop_token stop) const;
    void settle(Attempt attempt, const Outcome& outcome);
    [[nodiscard]] Result<std::vector<std::string>> signing_secrets(
        sql::Connection& db, const WebhookEndpoint& endpoint) const;

    protocols::HttpClient client_;
    Counter delivered_;
    Counter failed_;
    Counter dead_;
    Gauge waiting_;
    Histogram lag_;

    std::mutex mutex_;
    std::condition_variable_any changed_;  ///< the dispatcher's
    std::condition_variable_any handed_;   ///< the senders'
    bool told_ = true;                     ///< there are new events
    bool stale_ = true;                    ///< endpoints were changed
    bool poked_ = false;                   ///< a lane has something to do
    std::map<std::string, Lane> lanes_;
    std::deque<Attempt> attempts_;
    std::size_t busy_ = 0;  ///< handed out, not settled yet
    std::size_t busy_failing_ = 0;

    // The dispatcher's own.
    struct Target {
        std::string id;
        std::string owner;
        bool all_owners = false;
        std::int64_t from_seq = 0;
        EventFilter filter;
    };
    std::vector<Target> targets_;
    std::int64_t cursor_ = -1;
    std::int64_t stored_cursor_ = -1;
    Millis purge_at_ = 0;

    jobs::EventHub::Subscription subscription_;
    std::jthread dispatcher_;
    std::vector<std::jthread> senders_;
};

/// What a notify secret is sealed for.
[[nodiscard]] std::string notify_context(std::string_view owner);

/// What is sent: the event's envelope and links to what it is about.
[[nodiscard]] std::string webhook_body(const jobs::Event& event);
[[nodiscard]] jobs::Event test_event(const WebhookEndpoint& endpoint, Millis now);
[[nodiscard]] WebhookDelivery delivery_of(const jobs::Event& event,
                                          const std::string& endpoint,
                                          Millis now);

}  // namespace sg::api

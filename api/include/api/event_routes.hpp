#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <api/api_router.hpp>
#include <jobs/event_log.hpp>
#include <sql/database.hpp>

#include <base/metric.hpp>

namespace sg::api {

struct EventRoutesOptions {
    std::size_t contexts = 1;  ///< of the server
    std::size_t max_streams = 10'000;
    std::size_t max_streams_per_owner = 5'000;
    std::chrono::milliseconds heartbeat{15'000};
    /// What is kept in memory for all streams; a stream that falls further behind is cut off.
    std::size_t kept_events = 8'192;
    std::size_t kept_bytes = 8U << 20U;
    /// Pages of other sites that may open a WebSocket; "*" for all.
    std::vector<std::string> allowed_origins;
    /// Whether a request's credentials still hold: asked about each second while events flow, else
    /// at each heartbeat; a stream that it refuses ends. Any context's thread. Empty: they do.
    std::function<bool(const server::Request&)> still_allowed{};
};

/// GET /v1/events, /v1/events/ws and /v1/jobs/{id}/events: events as server-sent events (HTML
/// Standard §9.2) or over a WebSocket (RFC 6455), from any number on. Must outlive the server, and
/// go before its contexts and the hub.
class EventRoutes {
  public:
    EventRoutes(sql::Database& database,
                jobs::EventHub& hub,
                EventRoutesOptions options,
                Metrics& metrics);
    ~EventRoutes();

    void add_to(ApiRouter& router);

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

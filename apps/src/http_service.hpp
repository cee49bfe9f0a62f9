#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <live/playback.hpp>
#include <server/http_server.hpp>
#include <server/playback_routes.hpp>
#include <telemetry/health.hpp>
#include <telemetry/metrics_registry.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

#include "serve_settings.hpp"
#include "service_addresses.hpp"
#include "service_listeners.hpp"

namespace sg::apps {

/// First path segments that channels play below: "live", and those that the configuration names.
[[nodiscard]] std::set<std::string> served_applications(const ServeSettings& settings);

/// Everything that answers by HTTP: players, metrics, health, and the API that was put into its
/// router.
class HttpService {
  public:
    HttpService(const ServeSettings& settings,
                live::PlaybackDirectory& channels,
                std::vector<boost::asio::io_context*> contexts,
                const Clock& clock,
                telemetry::MetricsRegistry& metrics,
                telemetry::Health& health);
    /// When no context runs any more.
    ~HttpService();

    /// Before listen().
    [[nodiscard]] server::Router& router() { return router_; }

    [[nodiscard]] Status listen(const ServeSettings& settings,
                                const Listeners& listeners,
                                ServiceAddresses& addresses);
    void reload_tls();

    /// `stopped` is called once, on the first context.
    void stop(std::chrono::milliseconds grace, std::function<void()> stopped);

  private:
    std::vector<boost::asio::io_context*> contexts_;
    telemetry::MetricsRegistry& metrics_;
    server::Router router_;
    std::unique_ptr<server::PlaybackRoutes> playback_;
    std::vector<std::unique_ptr<server::HttpServer>> servers_;
};

}  // namespace sg::apps

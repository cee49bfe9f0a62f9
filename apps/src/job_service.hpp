#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <jobs/runner.hpp>
#include <server/router.hpp>
#include <telemetry/health.hpp>
#include <telemetry/metrics_registry.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

#include "live_service.hpp"
#include "serve_settings.hpp"
#include "service_listeners.hpp"
#include "service_threads.hpp"

namespace sg::apps {

/// The job service: database, events, worker, watch folders, and the API of all of it.
class JobService {
  public:
    /// Opens everything, puts the API into `router` and lets jobs run. All that is borrowed
    /// outlives it.
    [[nodiscard]] static Result<std::unique_ptr<JobService>> open(const ServeSettings& settings,
                                                                  const Listeners& listeners,
                                                                  ServiceThreads& threads,
                                                                  LiveService& live,
                                                                  server::Router& router,
                                                                  telemetry::Health& health,
                                                                  const Clock& clock,
                                                                  Metrics& metrics);
    /// After the HTTP servers have stopped and no context runs any more.
    ~JobService();

    /// Before the first request.
    [[nodiscard]] Status begin();
    /// Of a new live channel, on its home thread.
    void observe(live::Channel& channel);
    /// After the configuration was read again.
    void take(const ServeSettings& fresh);

    /// Takes no more jobs; after `grace` hands back what runs. `drained` is called once, on the
    /// first context.
    void drain(std::chrono::milliseconds grace, std::function<void()> drained);

    /// Whether requests need credentials.
    [[nodiscard]] bool authenticates() const;
    /// The file with the first admin's key, when it was just made.
    [[nodiscard]] const std::optional<std::filesystem::path>& new_admin_key() const;
    /// Below which jobs may name files.
    [[nodiscard]] const std::vector<std::filesystem::path>& roots() const;

  private:
    struct Impl;
    explicit JobService(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::apps

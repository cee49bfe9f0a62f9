#pragma once

#include <functional>
#include <memory>

#include <base/result.hpp>

#include "serve_settings.hpp"
#include "service_addresses.hpp"

namespace sg::apps {

class JobService;

/// The service: live channels, HTTP, and jobs with their API. Joins them, and stops them in order.
class Service {
  public:
    /// Binds everything; an Error names what could not be bound or read.
    [[nodiscard]] static Result<std::unique_ptr<Service>> create(const ServeSettings& settings);
    ~Service();

    [[nodiscard]] const ServiceAddresses& addresses() const;
    /// Null when it takes no jobs.
    [[nodiscard]] const JobService* jobs() const;

    /// Until SIGINT or SIGTERM came and all is closed. SIGHUP calls `reload` for new settings.
    [[nodiscard]] Status run(const std::function<Result<ServeSettings>()>& reload);

  private:
    struct Impl;
    explicit Service(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::apps

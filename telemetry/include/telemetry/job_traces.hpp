#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <jobs/event_log.hpp>
#include <sql/database.hpp>

#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::telemetry {

struct TraceOptions {
    /// Of a collector for OTLP over HTTP; "/v1/traces" is added when it has no path.
    std::string endpoint;
    /// Sent along, such as Authorization. Secrets.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string service = "streamgate";  ///< service.name
    std::string instance;                ///< service.instance.id
    std::string version;                 ///< service.version
};

/// Sends a trace of each job that ends, by OTLP over HTTP in binary, from a thread of its own. A
/// collector that is away holds nothing up: a send is tried five times, then its traces are dropped
/// and counted (streamgate_traces_total).
class JobTraces {
  public:
    /// kInvalidArgument for an endpoint that is no http or https address.
    [[nodiscard]] static Result<std::unique_ptr<JobTraces>> start(TraceOptions options,
                                                                  sql::Database& database,
                                                                  jobs::EventHub& events,
                                                                  Metrics& metrics);
    /// Gives what waits three seconds to get out.
    ~JobTraces();

  private:
    struct Impl;
    explicit JobTraces(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::telemetry

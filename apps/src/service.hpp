#pragma once

#include <memory>
#include <string>
#include <vector>

#include <base/result.hpp>

#include "serve_settings.hpp"

namespace sg::apps {

/// The live service: listeners, channels, origin. The only place that joins them.
class Service {
  public:
    /// Binds everything; an Error names what could not be bound or read.
    [[nodiscard]] static Result<std::unique_ptr<Service>> create(const ServeSettings& settings);
    ~Service();

    /// What listens where, for people: "rtmp://127.0.0.1:1935/live/NAME".
    [[nodiscard]] std::vector<std::string> addresses() const;

    /// Until SIGINT or SIGTERM came and all is closed. SIGHUP calls `reload` for new settings.
    [[nodiscard]] Status run(const std::function<Result<ServeSettings>()>& reload);

  private:
    struct Impl;
    explicit Service(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::apps

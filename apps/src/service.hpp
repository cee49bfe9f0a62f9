#pragma once

#include <functional>
#include <memory>
#include <string>

#include <base/result.hpp>

#include "serve_settings.hpp"

namespace sg::apps {

/// What listens where: "rtmp://127.0.0.1:1935", with the ports that port 0 became; empty when off.
struct ServiceAddresses {
    std::string rtmp;
    std::string rtmps;
    std::string srt;
    std::string http;
    std::string https;
};

/// The live service: listeners, channels, origin. The only place that joins them.
class Service {
  public:
    /// Binds everything; an Error names what could not be bound or read.
    [[nodiscard]] static Result<std::unique_ptr<Service>> create(const ServeSettings& settings);
    ~Service();

    [[nodiscard]] const ServiceAddresses& addresses() const;

    /// Until SIGINT or SIGTERM came and all is closed. SIGHUP calls `reload` for new settings.
    [[nodiscard]] Status run(const std::function<Result<ServeSettings>()>& reload);

  private:
    struct Impl;
    explicit Service(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::apps

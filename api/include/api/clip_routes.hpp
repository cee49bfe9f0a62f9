#pragma once

#include <memory>

#include <api/api_router.hpp>
#include <api/output_routes.hpp>

#include <base/clock.hpp>

namespace sg::api {

/// /v1/clips, and .../clip of a channel: films of what DVR windows have, below clips/ in the data
/// folder; made, listed, downloaded (with ranges; presentations play from there), signed for
/// viewers without credentials, deleted. Must outlive the server, and go before its contexts.
class ClipRoutes {
  public:
    ClipRoutes(const OutputRoutesOptions& options, const Clock& clock);
    ~ClipRoutes();

    void add_to(ApiRouter& router);

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

#pragma once

#include <memory>

#include <api/api_router.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>

namespace sg::api {

/// /v1/presets: the library's and stored ones: list, get, make a version, check. Must outlive the
/// server, and go before its contexts and the database.
class PresetRoutes {
  public:
    PresetRoutes(sql::Database& database, const Clock& clock);
    ~PresetRoutes();

    void add_to(ApiRouter& router);

    struct Impl;

  private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace sg::api

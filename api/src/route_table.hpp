#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <api/api_router.hpp>

namespace sg::api {

/// Finds the operation of a path. A literal segment wins over "{name}", that over "{name...}".
class RouteTable {
  public:
    using Parameters = std::map<std::string, std::string, std::less<>>;

    /// Replaces an operation of the same method and pattern.
    void add(server::Method method, std::string_view pattern, std::size_t index);

    struct Match {
        bool found = false;
        std::size_t index = 0;
        Parameters parameters;
        std::string allow;  ///< when the path has other methods only
    };
    /// HEAD is answered by the operation of GET.
    [[nodiscard]] Match find(server::Method method, std::string_view path) const;

  private:
    struct Route {
        std::vector<std::string> segments;
        std::map<server::Method, std::size_t> methods;
    };
    std::vector<Route> routes_;  ///< the more literal ones first
};

}  // namespace sg::api

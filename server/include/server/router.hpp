#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <server/exchange.hpp>

namespace sg::server {

using Handler = std::function<Task<>(Exchange&)>;
using PlainHandler = std::function<Response(const Request&)>;

struct RouteOptions {
    std::size_t max_body_bytes = 0;  ///< of the request; longer ones get 413
    /// The handler reads the body, by Exchange::read_body(), or leaves it; `max_body_bytes` does
    /// not count. Other routes get a whole body, and refuse chunked ones.
    bool reads_body = false;
};

/// Which handler answers. Filled before the server starts, then only read. HEAD goes to the handler
/// of GET.
class Router {
  public:
    void add(Method method, std::string path, Handler handler, RouteOptions options = {});
    /// For answers that are at hand.
    void get(std::string path, PlainHandler handler);
    /// All methods below a path that ends in "/"; the longest prefix wins, exact paths come first.
    void add_prefix(std::string prefix, Handler handler, RouteOptions options = {});

    struct Match {
        const Handler* handler = nullptr;
        RouteOptions options;
        std::string allow;  ///< without a handler: methods the path has, empty for none (404)
    };
    [[nodiscard]] Match find(Method method, std::string_view path) const;

  private:
    struct Route {
        Handler handler;
        RouteOptions options;
    };
    std::map<std::string, std::map<Method, Route>, std::less<>> exact_;
    std::map<std::string, Route, std::less<>> prefixes_;
};

}  // namespace sg::server

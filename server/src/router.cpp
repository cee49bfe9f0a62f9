#include <utility>

#include <server/router.hpp>

namespace sg::server {

void Router::add(Method method, std::string path, Handler handler, RouteOptions options) {
    exact_[std::move(path)].insert_or_assign(method, Route{std::move(handler), options});
}

void Router::get(std::string path, PlainHandler handler) {
    add(Method::kGet, std::move(path), [handler = std::move(handler)](Exchange& exchange) {
        return exchange.send(handler(exchange.request()));
    });
}

void Router::add_prefix(std::string prefix, Handler handler, RouteOptions options) {
    prefixes_.insert_or_assign(std::move(prefix), Route{std::move(handler), options});
}

Router::Match Router::find(Method method, std::string_view path) const {
    if (const auto found = exact_.find(path); found != exact_.end()) {
        auto route = found->second.find(method);
        if (route == found->second.end() && method == Method::kHead) {
            route = found->second.find(Method::kGet);
        }
        if (route != found->second.end()) {
            return {&route->second.handler, route->second.options, {}};
        }
        Match match;
        for (const auto& [allowed, unused] : found->second) {
            if (!match.allow.empty()) match.allow += ", ";
            match.allow += method_name(allowed);
            if (allowed == Method::kGet) match.allow += ", HEAD";
        }
        return match;
    }
    for (auto end = path.rfind('/'); end != std::string_view::npos;
         end = end == 0 ? std::string_view::npos : path.rfind('/', end - 1)) {
        const auto found = prefixes_.find(path.substr(0, end + 1));
        if (found != prefixes_.end()) {
            return {&found->second.handler, found->second.options, {}};
        }
    }
    return {};
}

}  // namespace sg::server

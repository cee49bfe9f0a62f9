#include "route_table.hpp"

#include <algorithm>
#include <utility>

namespace sg::api {
namespace {

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> out;
    path.remove_prefix(1);
    for (;;) {
        const auto end = path.find('/');
        out.emplace_back(path.substr(0, end));
        if (end == std::string_view::npos) return out;
        path.remove_prefix(end + 1);
    }
}

bool is_parameter(std::string_view segment) {
    return segment.starts_with('{');
}
bool takes_rest(std::string_view segment) {
    return segment.ends_with("...}");
}

/// In the order in which routes are tried: literal, parameter, rest.
std::string rank(const std::vector<std::string>& segments) {
    std::string out;
    for (const auto& segment : segments) {
        out += takes_rest(segment) ? '2' : is_parameter(segment) ? '1' : '0';
    }
    return out;
}

bool matches(const std::vector<std::string>& segments,
             std::string_view path,
             RouteTable::Parameters& parameters) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
        if (path.empty()) return false;
        path.remove_prefix(1);
        const std::string_view wanted = segments[i];
        if (takes_rest(wanted)) {
            parameters[std::string(wanted.substr(1, wanted.size() - 5))] = path;
            return !path.empty();
        }
        const auto segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (!is_parameter(wanted)) {
            if (segment != wanted) return false;
        } else {
            if (segment.empty()) return false;
            parameters[std::string(wanted.substr(1, wanted.size() - 2))] = segment;
        }
    }
    return path.empty();
}

}  // namespace

void RouteTable::add(server::Method method, std::string_view pattern, std::size_t index) {
    auto segments = split(pattern);
    const auto same = std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) {
        return route.segments == segments;
    });
    if (same != routes_.end()) {
        same->methods[method] = index;
        return;
    }
    const auto key = rank(segments);
    const auto place = std::find_if(routes_.begin(), routes_.end(), [&](const Route& route) {
        return rank(route.segments) > key;
    });
    routes_.insert(place, Route{std::move(segments), {{method, index}}});
}

RouteTable::Match RouteTable::find(server::Method method, std::string_view path) const {
    Match out;
    for (const auto& route : routes_) {
        Parameters parameters;
        if (!matches(route.segments, path, parameters)) continue;
        auto found = route.methods.find(method);
        if (found == route.methods.end() && method == server::Method::kHead) {
            found = route.methods.find(server::Method::kGet);
        }
        if (found != route.methods.end()) {
            out.found = true;
            out.index = found->second;
            out.parameters = std::move(parameters);
            return out;
        }
        for (const auto& [allowed, unused] : route.methods) {
            if (!out.allow.empty()) out.allow += ", ";
            out.allow += server::method_name(allowed);
            if (allowed == server::Method::kGet) out.allow += ", HEAD";
        }
    }
    return out;
}

}  // namespace sg::api

#include <utility>

#include <api/call.hpp>

namespace sg::api {

std::string_view Call::param(std::string_view name) const {
    const auto found = path.find(name);
    return found == path.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<std::string> Call::asked(std::string_view name) const {
    const auto found = query.find(name);
    if (found == query.end()) return std::nullopt;
    return found->second;
}

server::Response json_response(int status, std::string text) {
    auto response = server::Response::text(status, "application/json", std::move(text));
    response.add("Cache-Control", "no-store");
    return response;
}

}  // namespace sg::api

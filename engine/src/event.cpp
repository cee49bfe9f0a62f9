#include <nlohmann/json.hpp>

#include <engine/event.hpp>

namespace sg::engine {

std::string Event::to_json() const {
    nlohmann::ordered_json line;
    line["seq"] = seq;
    line["id"] = id;
    line["time"] = time;
    line["type"] = type;
    line["subject"] = subject;
    line["version"] = version;
    line["data"] = nlohmann::json::parse(data.empty() ? "{}" : data, nullptr, false);
    return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sg::engine

#include "reporter.hpp"

#include <nlohmann/json.hpp>

#include <base/ids.hpp>

namespace sg::engine {

void Reporter::emit(const std::string& type,
                    const std::string& subject,
                    const nlohmann::json& data) {
    Event event;
    event.seq = next_++;
    event.id = make_id("evt", clock_);
    event.time = rfc3339(clock_.wall());
    event.type = type;
    event.subject = subject;
    event.data = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    sink_.on_event(event);
}

}  // namespace sg::engine

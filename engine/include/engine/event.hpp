#pragma once

#include <cstdint>
#include <string>

namespace sg::engine {

/// One fact about a running job. The same schema serves the CLI's --json lines, and later SSE and
/// webhooks.
struct Event {
    std::uint64_t seq = 0;  ///< counts from 1 within a run
    std::string id;         ///< "evt_<uuidv7>"
    std::string time;       ///< RFC 3339, UTC
    std::string type;       ///< "input.started", "progress", ... (docs/events.md)
    std::string subject;    ///< the input's name
    int version = 1;
    std::string data;  ///< a JSON object

    /// One line of NDJSON, without the newline.
    [[nodiscard]] std::string to_json() const;
};

/// Called on the thread that runs the job; must not block.
class EventSink {
  public:
    virtual ~EventSink() = default;
    virtual void on_event(const Event& event) = 0;
};

}  // namespace sg::engine

#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <base/clock.hpp>
#include <engine/event.hpp>

namespace sg::engine {

/// Numbers and stamps events. One thread.
class Reporter {
  public:
    Reporter(EventSink& sink, const Clock& clock) : sink_(sink), clock_(clock) {}

    void emit(const std::string& type, const std::string& subject, const nlohmann::json& data);
    [[nodiscard]] const Clock& clock() const { return clock_; }

  private:
    EventSink& sink_;
    const Clock& clock_;
    std::uint64_t next_ = 1;
};

}  // namespace sg::engine

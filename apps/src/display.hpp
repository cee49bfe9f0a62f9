#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <engine/event.hpp>

namespace sg::apps {

/// Shows a job's events while it runs. finish() (or the destructor) draws the last state.
class Display : public engine::EventSink {
  public:
    virtual void finish() = 0;
};

/// Redraws one line per active input on a terminal, from a thread of its own; ended inputs scroll
/// away above.
[[nodiscard]] std::unique_ptr<Display> make_live_display(int fd, std::size_t input_count);

/// A line at each change of stage and each tenth of a stage.
[[nodiscard]] std::unique_ptr<Display> make_plain_display(int fd, std::size_t input_count);

/// NDJSON. `gone` is called once when nobody reads any more.
[[nodiscard]] std::unique_ptr<Display> make_json_display(int fd, std::function<void()> gone);

/// Failures and warnings only.
[[nodiscard]] std::unique_ptr<Display> make_quiet_display(int fd);

}  // namespace sg::apps

#pragma once

#include <string>
#include <string_view>

#include <base/clock.hpp>
#include <base/log.hpp>

namespace sg::log {

/// kJson: one object a line, for collectors.
enum class Format { kText, kJson };

/// Called by the composition root with init(), before any thread.
void set_format(Format format);

/// What kJson writes for a line: "time", "level", then "event" (the line's first word), a member
/// for each key=value, and "msg" for what is neither. Values are strings whatever they look like,
/// so that a member has one type; of two with the same key the later counts. Broken UTF-8 is
/// replaced.
[[nodiscard]] std::string json_line(Clock::Wall time, Level level, std::string_view line);

}  // namespace sg::log

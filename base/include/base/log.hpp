#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace sg::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError, kOff };

/// Called once by the composition root, before any thread. Lines go to standard error.
void init(Level level);

/// Puts "key=value" in front of every later line of this process: a task child names its chunk with
/// it.
void set_context(std::string context);

[[nodiscard]] bool enabled(Level level) noexcept;

/// One line, key=value style: "segment_written rendition=1080p number=3". Thread-safe. Never per
/// frame above kTrace.
void write(Level level, std::string_view line);

template <class... Args>
void at(Level level, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(level)) write(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::kDebug, format, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::kInfo, format, std::forward<Args>(args)...);
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::kWarn, format, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
    at(Level::kError, format, std::forward<Args>(args)...);
}

}  // namespace sg::log

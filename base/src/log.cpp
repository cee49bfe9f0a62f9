#include <atomic>
#include <memory>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <base/log.hpp>
#include <base/log_format.hpp>

namespace sg::log {
namespace {

std::atomic<Level> current{Level::kWarn};
std::string context_prefix;  // these two are written once, before threads start
Format format_now = Format::kText;

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = std::make_shared<spdlog::logger>(
            "streamgate", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
        made->set_level(spdlog::level::trace);
        made->flush_on(spdlog::level::warn);
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum native(Level level) {
    switch (level) {
        case Level::kTrace:
            return spdlog::level::trace;
        case Level::kDebug:
            return spdlog::level::debug;
        case Level::kInfo:
            return spdlog::level::info;
        case Level::kWarn:
            return spdlog::level::warn;
        case Level::kError:
            return spdlog::level::err;
        case Level::kOff:
            return spdlog::level::off;
    }
    return spdlog::level::off;
}

}  // namespace

void init(Level level) {
    current.store(level, std::memory_order_relaxed);
}
void set_format(Format format) {
    format_now = format;
    if (format == Format::kJson) logger().set_pattern("%v");
}
void set_context(std::string context) {
    context_prefix = context.empty() ? std::string() : std::move(context) + " ";
}
bool enabled(Level level) noexcept {
    return level >= current.load(std::memory_order_relaxed);
}
void write(Level level, std::string_view line) {
    if (format_now == Format::kJson) {
        const auto whole = context_prefix + std::string(line);
        logger().log(
            native(level), "{}", json_line(std::chrono::system_clock::now(), level, whole));
    } else {
        logger().log(native(level), "{}{}", context_prefix, line);
    }
}

}  // namespace sg::log

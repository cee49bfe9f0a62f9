#include <atomic>
#include <memory>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <base/log.hpp>

namespace sg::log {
namespace {

std::atomic<Level> current{Level::kWarn};
std::string context_prefix;  // written once before threads start

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
void set_context(std::string context) {
    context_prefix = context.empty() ? std::string() : std::move(context) + " ";
}
bool enabled(Level level) noexcept {
    return level >= current.load(std::memory_order_relaxed);
}
void write(Level level, std::string_view line) {
    logger().log(native(level), "{}{}", context_prefix, line);
}

}  // namespace sg::log

#include "task_meter.hpp"

#include <fmt/format.h>

namespace sg::engine {

Status TaskMeter::advance(std::int64_t units, std::int64_t bytes) {
    std::string message;
    {
        const std::lock_guard lock(mutex_);
        done_ += units;
        bytes_ += bytes;
        const auto now = std::chrono::steady_clock::now();
        if (now - last_ < std::chrono::milliseconds(200)) return {};
        last_ = now;
        message = fmt::format(R"({{"done":{},"total":{},"bytes":{}}})", done_, total_, bytes_);
    }
    return send_(message);
}

Result<pipeline::Flow> MeterStage::process(int /*port*/, pipeline::Item item, pipeline::Emit& out) {
    if (pipeline::carries_media(item)) {
        const auto bytes = static_cast<std::int64_t>(pipeline::item_bytes(item));
        // Only what an encoder or a source gave is output; decoded frames are not.
        const bool packet = std::holds_alternative<media::Packet>(item);
        SG_TRY(meter_.advance(units_ == kBytes ? bytes : units_, packet ? bytes : 0));
    }
    return out.emit(0, std::move(item));
}

}  // namespace sg::engine

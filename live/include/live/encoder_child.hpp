#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <live/live_encoder.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>

namespace boost::asio {
class io_context;
}

namespace sg::live {

struct EncoderChildSettings {
    std::string channel;
    std::string preset;  ///< canonical JSON
    std::chrono::milliseconds segment{2000};
    bool low_latency = true;  ///< else encoders may look half a second ahead

    /// A child that is given media and makes none for so long hangs.
    std::chrono::milliseconds hang{1500};
    /// The same until its first sample, and for one rendition while others come.
    std::chrono::milliseconds start{8000};
    /// Input that waits for a child that reads none, because it starts; more is dropped.
    std::chrono::milliseconds queue{4000};
    std::uint64_t memory_limit_bytes = std::uint64_t{3} << 30;

    std::string executable = "/proc/self/exe";
    std::vector<std::string> argv{"streamgate", "task"};
};

/// Encodes a channel in a `streamgate task` child, which is started with the first unit, killed
/// when it hangs or grows too large, and started anew, at longer and longer intervals if it fails
/// again and again. The io_context's thread must stay as long as the process's children.
[[nodiscard]] std::unique_ptr<LiveEncoder> make_encoder_child(EncoderChildSettings settings,
                                                              boost::asio::io_context& home,
                                                              EncoderOutput& output,
                                                              const Clock& clock,
                                                              Metrics& metrics);

}  // namespace sg::live

#include <cstddef>
#include <cstdint>
#include <string>

#include <engine/job.hpp>

// A document that reads is written and read again as the same one, and its folder names are safe.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto job = sg::engine::parse_job(text, "fuzz");
    if (!job) return 0;
    for (const auto& name : sg::engine::output_names(*job)) {
        if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos)
            __builtin_trap();
    }
    const auto again = sg::engine::parse_job(sg::engine::to_json(*job), "fuzz");
    if (!again || sg::engine::to_json(*again) != sg::engine::to_json(*job)) __builtin_trap();
    return 0;
}

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <engine/job.hpp>

#include "json_items.hpp"

// The body of a submission. A document that is read is written as one that is read again; each
// fault has a code and words; the items of a batch are pieces of its text, in order.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::vector<sg::engine::JobFault> faults;
    const auto job = sg::engine::read_job(text, sg::engine::JobSyntax::kJson, faults);
    if (job.has_value() != faults.empty()) __builtin_trap();
    for (const auto& fault : faults) {
        if (fault.code.empty() || fault.message.empty()) __builtin_trap();
        if (!fault.pointer.empty() && fault.pointer.front() != '/') __builtin_trap();
    }
    if (job) {
        const auto written = sg::engine::to_json(*job);
        const auto again = sg::engine::read_job(written, sg::engine::JobSyntax::kJson, faults);
        if (!again || sg::engine::to_json(*again) != written) __builtin_trap();
    }
    constexpr std::size_t kMost = 16;
    const auto items = sg::api::json_items(text, "jobs", kMost);
    if (!items) return 0;
    if (items->size() > kMost) __builtin_trap();
    const auto* at = text.data();
    for (const auto item : *items) {
        if (item.empty() || item.data() < at || item.data() + item.size() > text.data() + size)
            __builtin_trap();
        at = item.data() + item.size();
    }
    return 0;
}

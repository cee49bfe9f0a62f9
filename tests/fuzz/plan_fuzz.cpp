#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <pipeline/plan.hpp>

// Any bytes are a plan or an error; a plan that was read writes text that reads as the same plan.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto plan =
        sg::pipeline::Plan::from_json(std::string(reinterpret_cast<const char*>(data), size));
    if (!plan) return 0;
    const auto text = plan->canonical_json();
    const auto again = sg::pipeline::Plan::from_json(text);
    if (!again || again->canonical_json() != text) std::abort();
    return 0;
}

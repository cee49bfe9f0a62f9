#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <engine/job.hpp>
#include <presets/document.hpp>

namespace sg::engine {

// In the order of their enumerators.
inline constexpr std::array kVerifyNames{"off", "quick", "full"};
inline constexpr std::array kPublishNames{"end", "early"};
inline constexpr std::array kPriorityNames{"bulk", "low", "normal", "high", "urgent"};

inline constexpr std::string_view kMissingField = "missing_field";

/// What a program is told of a fault beside the words.
struct Blame {
    std::string_view code = "malformed";
    const presets::Node* at = nullptr;
};

/// RFC 6901. Empty for the root, or what is not in it.
[[nodiscard]] std::string pointer_to(const presets::Node& from, const presets::Node* to);

/// Reads one document over `job`, collecting every fault, a blame for each. `exact`: values must
/// have JSON's types, a number is no text.
[[nodiscard]] JobDocument read_document(const presets::Node& root,
                                        JobDocument job,
                                        bool exact,
                                        std::vector<presets::Problem>& problems,
                                        std::vector<Blame>& blames);

}  // namespace sg::engine

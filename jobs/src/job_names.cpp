#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include <jobs/job.hpp>

namespace sg::jobs {
namespace {

constexpr std::array kJobStates{"accepted",
                                "queued",
                                "planning",
                                "running",
                                "verifying",
                                "publishing",
                                "succeeded",
                                "failed",
                                "cancelled"};
constexpr std::array kTaskStates{"waiting", "running", "succeeded", "failed", "cancelled"};
constexpr std::array kRetryClasses{"none", "transient", "resource", "input", "bug"};
constexpr std::array kPriorities{"bulk", "low", "normal", "high", "urgent"};

template <class Enum, std::size_t N>
std::optional<Enum> value_of(const std::array<const char*, N>& names, std::string_view name) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return std::nullopt;
    return static_cast<Enum>(std::distance(names.begin(), found));
}

}  // namespace

const char* name_of(JobState state) noexcept {
    return kJobStates[static_cast<std::size_t>(state)];
}
const char* name_of(TaskState state) noexcept {
    return kTaskStates[static_cast<std::size_t>(state)];
}
const char* name_of(RetryClass value) noexcept {
    return kRetryClasses[static_cast<std::size_t>(value)];
}
const char* name_of(Priority value) noexcept {
    return kPriorities[static_cast<std::size_t>(value)];
}
std::optional<JobState> job_state(std::string_view name) noexcept {
    return value_of<JobState>(kJobStates, name);
}
std::optional<TaskState> task_state(std::string_view name) noexcept {
    return value_of<TaskState>(kTaskStates, name);
}
std::optional<RetryClass> retry_class(std::string_view name) noexcept {
    return value_of<RetryClass>(kRetryClasses, name);
}
std::optional<Priority> priority(std::string_view name) noexcept {
    return value_of<Priority>(kPriorities, name);
}
bool ended(JobState state) noexcept {
    return state >= JobState::kSucceeded;
}

}  // namespace sg::jobs

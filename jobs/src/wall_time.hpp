#pragma once

#include <chrono>

#include <jobs/job.hpp>

#include <base/clock.hpp>

namespace sg::jobs {

[[nodiscard]] inline Millis millis_of(const Clock& clock) {
    return std::chrono::floor<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count();
}

}  // namespace sg::jobs

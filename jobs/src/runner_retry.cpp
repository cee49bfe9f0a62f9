#include "runner_retry.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace sg::jobs {

RetryClass retry_class_of(const Error& error, const std::string& stage, bool from_outside) {
    if (from_outside) return RetryClass::kTransient;
    switch (error.code) {
        case Errc::kIo:
        case Errc::kTimeout:
        case Errc::kAgain:
            return RetryClass::kTransient;
        case Errc::kNoSpace:
            return RetryClass::kResource;
        case Errc::kLimit:
            // While the source is being read it is the source that is over a limit.
            return stage == "open" || stage == "index" || stage == "plan" ? RetryClass::kInput
                                                                          : RetryClass::kResource;
        case Errc::kMismatch:
            // A source that changed, or a presentation of ours that does not hold.
            return stage == "verify" ? RetryClass::kBug : RetryClass::kInput;
        case Errc::kCrashed:
        case Errc::kInternal:
            return RetryClass::kBug;
        case Errc::kCancelled:
            return RetryClass::kNone;
        case Errc::kInvalidArgument:
        case Errc::kUnsupported:
        case Errc::kNotFound:
        case Errc::kPermission:
        case Errc::kBadData:
        case Errc::kEndOfStream:
            return RetryClass::kInput;
    }
    return RetryClass::kBug;
}

RetryClass retry_class_of(const engine::InputSummary& failed) {
    return retry_class_of(failed.error, failed.stage, failed.from_outside);
}

int failures_in_series(const Job& job) {
    if (job.retry_class == RetryClass::kNone) return 1;
    const auto failed = std::count_if(job.attempts.begin(),
                                      job.attempts.end(),
                                      [](const Attempt& a) { return a.outcome == "failed"; });
    return static_cast<int>(failed) + 1;
}

bool worth_retrying(RetryClass value, int failures, int attempts) {
    switch (value) {
        case RetryClass::kTransient:
        case RetryClass::kResource:
            return failures < attempts;
        case RetryClass::kBug:
            return failures < std::min(attempts, 2);
        case RetryClass::kNone:
        case RetryClass::kInput:
            return false;
    }
    return false;
}

std::chrono::milliseconds backoff(RetryClass value,
                                  int failures,
                                  std::chrono::milliseconds base,
                                  double chance) {
    constexpr double kGrowth = 3;
    constexpr double kResource = 8;
    constexpr double kMostFailures = 8;
    const double steps = std::clamp(static_cast<double>(failures - 1), 0.0, kMostFailures);
    const double scale = value == RetryClass::kResource ? kResource : 1.0;
    const double jitter = 0.7 + 0.6 * std::clamp(chance, 0.0, 1.0);
    return std::chrono::milliseconds(std::llround(static_cast<double>(base.count()) * scale *
                                                  std::pow(kGrowth, steps) * jitter));
}

}  // namespace sg::jobs

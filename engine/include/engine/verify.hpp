#pragma once

#include <base/result.hpp>
#include <engine/job.hpp>

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace sg::engine {

struct Check {
    std::string name;     ///< "segments_decode"
    std::string subject;  ///< rendition or file
    bool ok = false;
    bool warning = false;  ///< a recommendation of the standard, not a rule
    std::string detail;
};

struct VerifyReport {
    std::vector<Check> checks;
    std::int64_t segments = 0;
    std::int64_t pictures_decoded = 0;
    [[nodiscard]] bool ok() const;
    [[nodiscard]] std::string to_json() const;
};

/// Reads a published presentation (a folder, a manifest's path or an http(s) URL) and checks every rule it can.
/// The Result is an error only when there is nothing to check.
[[nodiscard]] Result<VerifyReport> verify(const std::string& location,
                                          VerifyMode mode,
                                          std::stop_token stop,
                                          const std::function<void(double fraction)>& progress);

}  // namespace sg::engine

#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <engine/job.hpp>
#include <pipeline/plan.hpp>

namespace sg::engine {

/// What was found by one kind of check on one subject: a single row when all is well, else a row
/// for each finding, at most six.
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
    std::int64_t pictures_decoded = 0;  ///< of video; audio frames are not counted
    /// Nothing failed; warnings may be there.
    [[nodiscard]] bool ok() const;
    [[nodiscard]] std::string to_json() const;
    [[nodiscard]] static Result<VerifyReport> from_json(std::string_view text);
};

/// A table for people: a line for each kind of check, failures and warnings in full.
[[nodiscard]] std::string describe(const VerifyReport& report);

struct VerifyOptions {
    VerifyMode mode = VerifyMode::kQuick;
    const pipeline::Plan* plan =
        nullptr;  ///< borrowed; the presentation must then be exactly what it says
    std::stop_token stop;
    /// Called on the caller's thread, only after work was done: it serves as a heartbeat.
    std::function<void(double fraction)> progress;
    int threads = 0;  ///< renditions read at once; 0: by the processors, at most four
};

/// Reads a published presentation (a folder, a manifest's path or an http(s) URL) and checks every
/// rule it can: RFC 8216, ISO/IEC 23009-1, and that the media is what the manifests say. Memory is
/// bounded by one segment a thread. The Result is an error only when there is nothing to check, or
/// kCancelled.
[[nodiscard]] Result<VerifyReport> verify(const std::string& location,
                                          const VerifyOptions& options);

/// The same in a child process, since what is read may be hostile: the child has no need of the
/// network, this process gets what an address publishes and hands it over. Without a plan. kCrashed
/// when the child died.
[[nodiscard]] Result<VerifyReport> verify_in_task(const std::string& location,
                                                  const VerifyOptions& options);

}  // namespace sg::engine

#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::engine {

struct ProbeRequest {
    UniqueFd fd;        ///< of a regular file
    std::string name;   ///< for messages
    bool full = false;  ///< also index the whole source
    /// presets::canonical_json(): also plan for it, which indexes. Empty: no plan.
    std::string preset;
    std::chrono::seconds stall{120};         ///< without a sign of life
    std::string program = "/proc/self/exe";  ///< its command `task` is the child
};

/// Empty where it was not asked for.
struct ProbeReport {
    std::string facts;       ///< ingest::to_json()
    std::string facts_text;  ///< ingest::describe()
    std::string index;       ///< engine::to_json()
    std::string index_text;
    std::string plan;                  ///< pipeline::Plan::canonical_json()
    std::optional<Error> plan_failed;  ///< instead: the source could be read, but not planned for
};

/// Looks at a source in a sandboxed child. Blocks. Errors are those of ingest::MediaInput::open()
/// and build_index(), and kCrashed and kTimeout when the child was brought down.
[[nodiscard]] Result<ProbeReport> probe_in_task(ProbeRequest request, std::stop_token stop);

/// Packs an image pattern into a file as InputKind::kImages asks for (ingest/spool.hpp), likewise.
[[nodiscard]] Result<UniqueFd> pack_images_in_task(const std::string& pattern,
                                                   std::stop_token stop);

}  // namespace sg::engine

#pragma once

#include <cstdint>
#include <string>

#include <base/result.hpp>
#include <pipeline/plan.hpp>

namespace sg::ingest {

/// A file up to this size is hashed whole.
inline constexpr std::int64_t kFullHashBytes = std::int64_t{64} << 20;

/// "sha256" of the whole file up to kFullHashBytes, else "sampled": size, time of change and 18
/// blocks of 64 KiB.
[[nodiscard]] Result<pipeline::SourceIdentity> identify(int fd, const std::string& name);

}  // namespace sg::ingest

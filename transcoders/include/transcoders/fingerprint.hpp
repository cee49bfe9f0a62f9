#pragma once

#include <string>

namespace sg::transcoders {

/// What encoded bytes depend on besides the plan: our version, libav and codec libraries as loaded
/// (with their build ids), and the processor's features. Two processes with equal fingerprints make
/// equal chunks. One line, stable within a process.
[[nodiscard]] std::string fingerprint();

}  // namespace sg::transcoders

#pragma once

#include "verify_model.hpp"

namespace sg::engine {

/// Reads, measures and decodes every track, several at once. kCancelled on stop; all else goes into
/// the book.
[[nodiscard]] Status read_tracks(VerifyRun& run, const VerifyOptions& options);

}  // namespace sg::engine

#pragma once

#include <base/result.hpp>
#include <engine/index.hpp>

namespace sg::ingest {
class TimedReader;
}

namespace sg::engine {

/// The fastest way to get to a key frame that really arrives there, tried on a few of this source's
/// own key frames.
[[nodiscard]] Result<pipeline::SeekMethod> prove_seek(ingest::TimedReader& reader,
                                                      const Index& index);

}  // namespace sg::engine

#pragma once

#include "plan_parts.hpp"

namespace sg::engine {

/// Everything done to every decoded picture before the grid picks one: deinterlacing, denoising,
/// the preset's own chain. These run on source pictures, which a chunk decodes from before its
/// first frame, so filters with a memory see the same film in every chunk.
void choose_source_filters(Planning& planning);

}  // namespace sg::engine

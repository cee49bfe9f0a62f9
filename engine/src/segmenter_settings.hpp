#pragma once

#include <packagers/segmenter.hpp>
#include <pipeline/plan.hpp>

namespace sg::engine {

/// How the segments of a planned rendition are made: one chunk of encoded pictures, all of encoded
/// sound, all of what is copied.
[[nodiscard]] packagers::SegmenterConfig encoded_segments(
    const pipeline::Plan& plan,
    const pipeline::Chunk& chunk,
    const pipeline::VideoRendition& rendition);
[[nodiscard]] packagers::SegmenterConfig encoded_segments(
    const pipeline::Plan& plan, const pipeline::AudioRendition& rendition);
[[nodiscard]] packagers::SegmenterConfig copied_segments(const pipeline::Plan& plan,
                                                         const pipeline::VideoRendition& rendition);
[[nodiscard]] packagers::SegmenterConfig copied_segments(const pipeline::Plan& plan,
                                                         const pipeline::AudioRendition& rendition);

}  // namespace sg::engine

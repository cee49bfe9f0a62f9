#pragma once

#include <ingest/facts.hpp>
#include <media/stream_info.hpp>

namespace sg::engine {

/// What the decoded pictures mean once they are in the working format: what the source says, and
/// what players assume where it says nothing (ITU-R BT.709 for HD, BT.601 for SD; BT.2020 for HDR).
/// Guessed once here, because a rendition of another size would be guessed differently.
[[nodiscard]] media::Colour source_colour(const ingest::VideoFacts& video);

/// What a rendition's pictures mean: limited range, a matrix that players know, and BT.709 unless
/// wide colours are kept.
[[nodiscard]] media::Colour rendition_colour(const media::Colour& source, bool keeps_wide_colours);

[[nodiscard]] media::Colour sdr_colour();

}  // namespace sg::engine

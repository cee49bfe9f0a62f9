#pragma once

#include <formats/bmff_reader.hpp>

namespace sg::formats {

/// Payload of moov. `sample_tables` gets each track's stbl payload (empty when it has none), in the
/// order of `tracks`.
[[nodiscard]] Result<MovieInfo> parse_movie(std::span<const std::byte> moov,
                                            std::vector<std::span<const std::byte>>& sample_tables);

/// First sample entry of an stsd payload.
void parse_sample_description(std::span<const std::byte> stsd, TrackInfo& track);

}  // namespace sg::formats

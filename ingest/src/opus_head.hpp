#pragma once

#include <cstddef>
#include <vector>

namespace sg::ingest {

/// OpusHead (RFC 7845 section 5.1) of 1 to 8 channels in Vorbis order, mapping families 0 and 1,
/// for senders that tell no more than their number; empty for others.
[[nodiscard]] std::vector<std::byte> opus_head(unsigned channels, unsigned pre_skip);

}  // namespace sg::ingest

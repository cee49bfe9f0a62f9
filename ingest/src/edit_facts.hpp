#pragma once

#include <ingest/facts.hpp>

namespace sg::ingest {

/// Fills in StreamFacts::edits of an MP4 or MOV from its movie header; leaves them alone when that
/// cannot be read.
void read_edit_facts(int fd, SourceFacts& facts);

}  // namespace sg::ingest

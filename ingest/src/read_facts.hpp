#pragma once

#include <ingest/facts.hpp>
#include <media_av/libav.hpp>

namespace sg::ingest {

/// What an opened demuxer knows, without warnings.
void read_facts(AVFormatContext* context, SourceFacts& facts);

[[nodiscard]] StreamFacts read_stream_facts(AVFormatContext* context, AVStream* stream);

/// Brings StreamFacts::info up to date with what was learnt since.
void refresh_info(StreamFacts& facts);

/// Fills in warnings from everything else.
void find_warnings(SourceFacts& facts);

}  // namespace sg::ingest

#include "same_stream.hpp"

#include <algorithm>

namespace sg::ingest {

bool same_stream(const formats::CodecConfig& a, const formats::CodecConfig& b) {
    if (a.codec != b.codec || a.video != b.video) return false;
    if (a.codec != formats::Codec::kEac3 || a.payload.size() != b.payload.size())
        return a.payload == b.payload;
    // EC3SpecificBox, ETSI TS 102 366 Annex F.6: 13 bits of data rate, then 3 of substreams.
    constexpr std::byte kSubstreams{7};
    return a.payload.size() >= 2 && (a.payload[1] & kSubstreams) == (b.payload[1] & kSubstreams) &&
           std::equal(a.payload.begin() + 2, a.payload.end(), b.payload.begin() + 2);
}

}  // namespace sg::ingest

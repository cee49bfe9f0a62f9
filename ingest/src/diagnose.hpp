#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <base/result.hpp>

namespace sg::ingest {

/// True for demuxers that read one file, by content, and open nothing else.
[[nodiscard]] bool demuxer_allowed(std::string_view short_name);
/// Why a demuxer that recognised the file is not allowed, in plain words.
[[nodiscard]] std::string why_not_allowed(std::string_view short_name);

/// What a file that no demuxer recognises seems to be: "it is text, not a media file".
[[nodiscard]] Error unrecognised(int fd, std::int64_t size, const std::string& name);

/// Top-level boxes of an ISO-BMFF file (ISO/IEC 14496-12 section 4.2), as far as they can be
/// followed.
struct BoxWalk {
    bool looks_like_mp4 = false;
    bool has_moov = false;
    bool has_moof = false;
    bool has_mdat = false;
    std::int64_t missing_bytes = 0;  ///< how far the last box reaches beyond the end of the file
};
[[nodiscard]] BoxWalk walk_boxes(int fd, std::int64_t size);

/// Packets with transport_scrambling_control set (ISO/IEC 13818-1 section 2.4.3.2), among the first
/// few MiB.
[[nodiscard]] bool ts_scrambled(int fd, std::int64_t size);

}  // namespace sg::ingest

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/codec_config.hpp>

// Writers of fragmented ISO-BMFF files: ISO/IEC 14496-12, with the constraints of CMAF, ISO/IEC
// 23000-19 section 7. All of them append to the caller's buffer.

namespace sg::formats {

/// btrt: bits, and bits per second.
struct BitRates {
    std::uint32_t buffer_bytes = 0;
    std::uint32_t maximum = 0;
    std::uint32_t average = 0;
};

struct InitTrack {
    std::uint32_t id = 1;
    std::uint32_t timescale = 0;
    CodecConfig config;  ///< `video` also gives size, pasp, colr, mdcv and clli: set them first
                         ///< when the container knows better
    std::string language = "und";  ///< BCP 47
    std::optional<BitRates> bit_rates;
    /// Media time at which presentation starts, as an edit list. Only for single-file output
    /// (DESIGN 4).
    std::optional<std::int64_t> edit_media_time;
};

/// ftyp and moov for one or more tracks whose samples follow in fragments. Two calls with equal
/// arguments give equal bytes.
[[nodiscard]] Status append_init_segment(std::span<const InitTrack> tracks,
                                         std::vector<std::byte>& out);

/// styp of a CMAF segment.
void append_segment_type(std::vector<std::byte>& out);

struct FragmentSample {
    std::uint32_t size = 0;
    std::uint32_t duration = 0;
    std::int32_t composition_offset = 0;
    bool key = false;
};

struct Fragment {
    std::uint32_t sequence = 1;
    std::uint32_t track_id = 1;
    std::uint64_t decode_time = 0;  ///< tfdt: of the first sample, with K
    std::span<const FragmentSample> samples;
};

/// moof and the header of its mdat; the caller writes the samples' bytes right behind it, in order.
/// kInvalidArgument without samples, kLimit when they are too many for one trun.
[[nodiscard]] Status append_fragment_header(const Fragment& fragment, std::vector<std::byte>& out);

struct SegmentReference {
    std::uint32_t bytes = 0;
    std::uint32_t duration = 0;
    bool starts_with_key = true;
};

/// sidx, ISO/IEC 14496-12 section 8.16.3, for segments that follow it immediately.
struct SegmentIndexBox {
    std::uint32_t track_id = 1;
    std::uint32_t timescale = 0;
    std::uint64_t earliest_presentation_time = 0;
    std::span<const SegmentReference> references;
};

/// Bytes that append_segment_index() will write.
[[nodiscard]] std::size_t segment_index_size(std::size_t references);

/// kLimit when there are over 65535 references or one is 2 GiB or larger.
[[nodiscard]] Status append_segment_index(const SegmentIndexBox& index,
                                          std::vector<std::byte>& out);

}  // namespace sg::formats

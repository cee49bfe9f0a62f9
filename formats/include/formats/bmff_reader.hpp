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
#include <formats/fourcc.hpp>

// Readers of ISO-BMFF (ISO/IEC 14496-12) and QuickTime movies. All take hostile bytes.

namespace sg::formats {

struct Box {
    FourCc type = 0;
    std::size_t offset = 0;  ///< of the box in the bytes walked
    std::span<const std::byte> whole;
    std::span<const std::byte> payload;  ///< after size, type and 64-bit size
};

/// Walks the boxes side by side in a byte span, without copying. Size 0 means "to the end".
class Boxes {
  public:
    explicit Boxes(std::span<const std::byte> bytes) : bytes_(bytes) {}

    /// False at the end and at a box that runs past it; the latter also makes damaged() true.
    bool next(Box& box);
    [[nodiscard]] bool damaged() const { return damaged_; }

  private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
    bool damaged_ = false;
};

/// The first box of a type among the boxes side by side in `bytes`.
[[nodiscard]] std::optional<Box> find_box(std::span<const std::byte> bytes, FourCc type);

struct Edit {
    std::uint64_t duration = 0;   ///< movie timescale; 0 in fragmented files: to the end
    std::int64_t media_time = 0;  ///< media timescale; -1 is an empty edit
};

struct NclxColour {
    std::uint16_t primaries = 2;
    std::uint16_t transfer = 2;
    std::uint16_t matrix = 2;
    bool full_range = false;
};

/// Defaults of trex, ISO/IEC 14496-12 section 8.8.3.
struct TrackExtends {
    std::uint32_t track_id = 0;
    std::uint32_t duration = 0;
    std::uint32_t size = 0;
    std::uint32_t flags = 0;
};

struct TrackInfo {
    std::uint32_t id = 0;
    FourCc handler = 0;  ///< vide, soun, text...
    std::uint32_t timescale = 0;
    std::uint64_t duration = 0;  ///< mdhd, media timescale
    std::string language;        ///< elng, else the three letters of mdhd
    bool enabled = true;
    std::array<std::int32_t, 9> matrix{};  ///< tkhd, row by row
    std::vector<Edit> edits;
    TrackExtends extends;

    std::uint32_t sample_entries = 0;  ///< more than one: the stream changes on the way
    FourCc sample_entry = 0;           ///< of the first
    FourCc config_type = 0;            ///< 0 when we know no configuration box in it
    std::vector<std::byte> config;
    std::uint32_t width = 0;  ///< video
    std::uint32_t height = 0;
    std::uint32_t sar_num = 0;
    std::uint32_t sar_den = 1;
    std::optional<NclxColour> colour;
    std::optional<MasteringDisplay> mastering;
    std::optional<ContentLight> content_light;
    std::uint32_t channels = 0;  ///< audio
    std::uint32_t sample_rate = 0;
};

struct MovieInfo {
    std::vector<FourCc> brands;  ///< the major one first
    std::uint32_t timescale = 0;
    std::uint64_t duration = 0;  ///< mvhd, movie timescale
    bool fragmented = false;     ///< has mvex
    std::vector<TrackInfo> tracks;
};

/// ftyp and moov of an init segment or of a whole file.
[[nodiscard]] Result<MovieInfo> parse_init(std::span<const std::byte> bytes);

/// What a player is told of a track, from its configuration box, and of colour from the boxes
/// beside it where that says nothing; the sample entry keeps the name it has in the file.
[[nodiscard]] Result<CodecConfig> codec_config_of(const TrackInfo& track);

struct ParsedSample {
    std::uint64_t offset = 0;  ///< in the bytes parsed
    std::uint32_t size = 0;
    std::uint32_t duration = 0;
    std::int32_t composition_offset = 0;
    bool key = false;
};

/// One traf.
struct ParsedFragment {
    std::uint32_t track_id = 0;
    std::uint32_t sequence = 0;
    std::uint64_t offset = 0;  ///< of its moof in the bytes parsed
    std::uint64_t decode_time = 0;
    bool has_decode_time = false;
    std::vector<ParsedSample> samples;

    [[nodiscard]] std::uint64_t duration() const;
};

struct ParsedReference {
    bool is_index = false;  ///< refers to another sidx
    std::uint32_t bytes = 0;
    std::uint32_t duration = 0;
    bool starts_with_sap = false;
    std::uint8_t sap_type = 0;
};

struct ParsedIndex {
    std::uint32_t track_id = 0;
    std::uint32_t timescale = 0;
    std::uint64_t earliest_presentation_time = 0;
    std::uint64_t first_offset = 0;  ///< from the end of the sidx
    std::vector<ParsedReference> references;
};

struct ParsedSegment {
    std::vector<FourCc> boxes;  ///< at the top, in order
    std::vector<ParsedIndex> indexes;
    std::vector<ParsedFragment> fragments;
};

/// One or more moof+mdat, with what may stand before them. kBadData when a box is broken or a
/// sample lies outside the bytes.
[[nodiscard]] Result<ParsedSegment> parse_segment(std::span<const std::byte> bytes,
                                                  std::span<const TrackExtends> defaults);

/// Payload of a sidx box.
[[nodiscard]] Result<ParsedIndex> parse_segment_index(std::span<const std::byte> payload);

}  // namespace sg::formats

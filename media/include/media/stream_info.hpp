#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <media/codec.hpp>
#include <media/timestamp.hpp>

namespace sg::media {

/// ISO/IEC 23091-2 code points; 2 is "unspecified".
struct Colour {
    int primaries = 2;
    int transfer = 2;
    int matrix = 2;
    bool full_range = false;

    friend bool operator==(const Colour&, const Colour&) = default;
    [[nodiscard]] bool pq() const { return transfer == 16; }
    [[nodiscard]] bool hlg() const { return transfer == 18; }
    [[nodiscard]] bool hdr() const { return pq() || hlg(); }
};

/// SMPTE ST 2086 in units of 0.00002 (chromaticity) and 0.0001 cd/m2 (luminance), as ISO-BMFF's
/// mdcv stores them.
struct MasteringDisplay {
    std::uint16_t primaries_x[3] = {};  ///< green, blue, red
    std::uint16_t primaries_y[3] = {};
    std::uint16_t white_x = 0;
    std::uint16_t white_y = 0;
    std::uint32_t max_luminance = 0;
    std::uint32_t min_luminance = 0;

    friend bool operator==(const MasteringDisplay&, const MasteringDisplay&) = default;
};

/// CTA-861.3 in cd/m2.
struct ContentLight {
    std::uint16_t max_cll = 0;
    std::uint16_t max_fall = 0;

    friend bool operator==(const ContentLight&, const ContentLight&) = default;
};

/// What a consumer of a stream's packets or frames must know before the first one. Immutable once
/// shared.
struct StreamInfo {
    int index = -1;  ///< in its source
    MediaType type = MediaType::kUnknown;
    CodecId codec = CodecId::kUnknown;  ///< kUnknown for raw frames
    std::string
        codec_detail;  ///< the library's own name ("mpeg2video"), for codecs that are kOther
    Timebase timebase{1, 1};
    std::vector<std::byte> extradata;
    // What some decoders cannot do without (ADPCM, WMA, raw video); 0 when not known.
    std::uint32_t codec_tag = 0;
    int block_align = 0;
    int bits_per_coded_sample = 0;
    std::int64_t bitrate = 0;  ///< bits per second as declared
    int profile = -99;         ///< libav's number; -99: unknown
    int level = -99;

    // Video.
    int width = 0;
    int height = 0;
    std::string pixel_format;  ///< libav's name: "yuv420p10le"
    Rational sar{1, 1};
    Rational frame_rate{0, 1};  ///< {0, 1} when unknown or variable
    Colour colour;
    bool has_mastering_display = false;
    MasteringDisplay mastering_display;
    bool has_content_light = false;
    ContentLight content_light;

    // Audio.
    int sample_rate = 0;
    int channels = 0;
    std::string channel_layout;  ///< libav's name: "stereo", "5.1(side)"
    std::string sample_format;   ///< libav's name: "fltp"
    int frame_samples = 0;       ///< samples in each coded frame when fixed, else 0
    int priming_samples = 0;     ///< encoder delay: decoded samples in front of the first real one
};

using StreamInfoPtr = std::shared_ptr<const StreamInfo>;

}  // namespace sg::media

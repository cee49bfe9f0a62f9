#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <base/result.hpp>
#include <media/codec.hpp>
#include <media/rational.hpp>
#include <media/stream_info.hpp>
#include <pipeline/plan.hpp>

namespace sg::transcoders {

/// What a planner wants from a video encoder.
struct EncoderRequest {
    media::CodecId codec = media::CodecId::kH264;  ///< kH264, kHevc, kAv1 or kVp9
    std::int64_t width = 0;
    std::int64_t height = 0;
    media::Rational frame_rate{25, 1};
    std::int64_t gop_frames =
        0;                       ///< of the rendition's own grid; every GOP is closed and that long
    std::int64_t crf_x100 = -1;  ///< constant quality; negative: `bitrate` rules
    std::int64_t bitrate = 0;    ///< average, bits per second; only without a CRF
    std::int64_t max_bitrate = 0;  ///< VBV rate, bits per second; 0: uncapped
    std::int64_t buffer_bits = 0;  ///< VBV size; 0: one second of max_bitrate
    std::string speed;    ///< preset name (x264, x265), "0".."13" (SVT-AV1), "0".."8" (libvpx);
                          ///< empty: the default
    std::string tune;     ///< empty: none
    std::string profile;  ///< empty: high or main, as the depth asks
    std::string level;    ///< "4.1"; empty: the lowest that fits
    int bit_depth = 8;    ///< 8, or 10 for HEVC, AV1 and VP9
    media::Colour colour;
    std::optional<media::MasteringDisplay> mastering_display;
    std::optional<media::ContentLight> content_light;
    std::optional<int> b_frames;
    std::optional<int> lookahead;  ///< frames
    std::optional<int> threads;    ///< default 1
    std::map<std::string, std::string>
        extra;  ///< set last: libav options by name, or keys of x264-params and the like
};

/// Resolves a request into everything the encoder is told, in order: the same request gives the
/// same bytes of settings anywhere. Errors: kInvalidArgument naming the field and what is accepted,
/// kUnsupported for a codec or encoder that is not there.
[[nodiscard]] Result<pipeline::EncoderSettings> encoder_settings(const EncoderRequest& request);

/// Gives an encoder so many threads although its request did not say: bytes then differ between
/// machines. H.264 without look-ahead shares out each picture, which keeps none back.
void use_threads(pipeline::EncoderSettings& settings, int threads);

/// libav's name of the pixel format such an encoder is fed with: "yuv420p", "yuv420p10le".
[[nodiscard]] std::string encoder_pixel_format(media::CodecId codec, int bit_depth);

struct AudioEncoderRequest {
    media::CodecId codec = media::CodecId::kAac;  ///< kAac, kOpus, kAc3, kEac3, kFlac or kMp3
    int channels = 2;
    int sample_rate =
        48000;  ///< wanted; the nearest the codec has is taken, never above 48 kHz for lossy codecs
    std::int64_t bitrate =
        0;  ///< bits per second; 0: a good one for the channels. Clamped to what the codec allows.
};

/// What an audio encoder will be and do; fills AudioRendition.
struct AudioEncoderChoice {
    pipeline::EncoderSettings settings;
    int sample_rate = 0;
    int channels = 0;  ///< fewer than asked when the codec has no such layout (MP3: 2, AC-3: 6)
    std::string channel_layout;  ///< libav's name: "stereo", "5.1"
    std::string sample_format;   ///< libav's name: "fltp"
    std::int64_t frame_samples = 0;
    std::int64_t priming = 0;  ///< samples
    std::int64_t bitrate = 0;  ///< after clamping; 0 for FLAC
};

[[nodiscard]] Result<AudioEncoderChoice> audio_encoder_settings(const AudioEncoderRequest& request);

}  // namespace sg::transcoders

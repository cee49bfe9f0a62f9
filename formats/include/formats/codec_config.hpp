#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/audio_facts.hpp>
#include <formats/fourcc.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

/// The codecs that we package.
enum class Codec { kH264, kHevc, kAv1, kVp9, kAac, kOpus, kAc3, kEac3, kFlac, kMp3 };

[[nodiscard]] bool is_video(Codec codec);

/// A codec's name for people: "H.264".
[[nodiscard]] const char* codec_name(Codec codec);

/// All that an init segment, a playlist and an MPD say of an elementary stream.
struct CodecConfig {
    Codec codec = Codec::kH264;
    FourCc sample_entry = 0;  ///< avc1, hvc1, av01, vp09, mp4a, Opus, ac-3, ec-3, fLaC
    FourCc box_type = 0;      ///< avcC, hvcC, av1C, vpcC, esds, dOps, dac3, dec3, dfLa
    std::vector<std::byte>
        payload;         ///< of that box; version and flags included where it is a full box
    std::string codecs;  ///< RFC 6381
    VideoFacts video;    ///< of video codecs
    AudioFacts audio;    ///< of audio codecs

    /// Length size of the samples that go with `payload` (H.264, HEVC), else 0.
    unsigned nal_length_size = 0;
    /// The source's extradata was Annex B, so its samples are too and must be converted.
    bool from_annex_b = false;
    /// Parameter sets (NAL units) and, for AV1, the sequence header OBU, in the order of `payload`.
    std::vector<std::vector<std::byte>> parameter_sets;
};

/// From a decoder's extradata:
/// H.264: avcC or Annex B; HEVC: hvcC or Annex B; AV1: av1C or OBUs with a sequence header; VP9: a
/// vpcC payload, also without version and flags, which has no picture size, or a key frame; AAC:
/// AudioSpecificConfig; Opus: OpusHead (RFC 7845 section 5.1); AC-3, E-AC-3, MP3: the first frame;
/// FLAC: STREAMINFO with or without "fLaC" before it. kBadData when it breaks its own rules,
/// kUnsupported for what MP4 cannot carry.
[[nodiscard]] Result<CodecConfig> make_codec_config(Codec codec,
                                                    std::span<const std::byte> extradata);

/// Of a configuration made from Annex B, when the samples' NAL units stand behind lengths of 1, 2
/// or 4 bytes.
void use_nal_lengths(CodecConfig& config, unsigned bytes);

/// VP9 from facts known elsewhere (its stream carries no level: 0 lets it follow from size and
/// frame rate).
[[nodiscard]] CodecConfig make_vp9_config(const VideoFacts& facts);

/// Lets decoders trim nothing from the start of Opus: for tracks whose times place the priming
/// before the beginning, where browsers would take away as much again of the sound itself.
void keep_priming(CodecConfig& config);

}  // namespace sg::formats

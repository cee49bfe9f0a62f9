#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/fourcc.hpp>
#include <formats/video_facts.hpp>

namespace sg::formats {

/// What a packet in an FLV tag body, or in an RTMP audio or video message, carries.
enum class FlvPacketType {
    kSequenceStart,  ///< decoder configuration: avcC, hvcC, av1C, vpcC, AudioSpecificConfig...
    kMpeg2TsSequenceStart,  ///< AV1 video descriptor as in MPEG-2 TS
    kFrames,                ///< one picture, or one or more audio frames
    kSequenceEnd,
    kMetadata,            ///< AMF0 values, the first one a name ("colorInfo")
    kMultichannelConfig,  ///< order and number of audio channels
};

/// One packet of one track; `data` lies in the bytes that were read.
struct FlvPacket {
    FlvPacketType type = FlvPacketType::kFrames;
    /// avc1, hvc1, vvc1, av01, vp08, vp09; mp4a, .mp3, Opus, fLaC, ac-3, ec-3. Legacy codec ids are
    /// told as these.
    FourCc codec = 0;
    std::uint8_t track = 0;
    bool key = false;               ///< video: a key frame
    bool disposable = false;        ///< video: no other picture refers to it
    std::int32_t composition = 0;   ///< video: presentation minus decode time, milliseconds
    std::uint32_t nanoseconds = 0;  ///< to add to the tag's timestamp
    std::span<const std::byte> data;
};

/// The body of a video tag: FLV 10.1 Annex E.4.3 and Enhanced RTMP v2 "Enhanced Video". `packets`
/// is emptied and filled, so that a caller may use it again and again; it stays empty for what says
/// nothing about pictures (commands, empty bodies). A codec that nobody streams today is refused by
/// its name.
[[nodiscard]] Status read_flv_video(std::span<const std::byte> body,
                                    std::vector<FlvPacket>& packets);

/// The same for audio: FLV 10.1 Annex E.4.2 and Enhanced RTMP v2 "Enhanced Audio".
[[nodiscard]] Status read_flv_audio(std::span<const std::byte> body,
                                    std::vector<FlvPacket>& packets);

/// Appends the header that stands before the packet's data in a tag body: legacy form for avc1,
/// mp4a and .mp3 on track 0, which every server understands, Enhanced RTMP for the rest.
void write_flv_video_header(const FlvPacket& packet, std::vector<std::byte>& out);
void write_flv_audio_header(const FlvPacket& packet, std::vector<std::byte>& out);

/// What a kMetadata packet says of colour (Enhanced RTMP v2 "Metadata Frame"): all of it nothing
/// takes back what was said before.
struct FlvColorInfo {
    std::optional<std::uint32_t> primaries;  ///< ISO/IEC 23091-2 code points
    std::optional<std::uint32_t> transfer;
    std::optional<std::uint32_t> matrix;
    std::optional<MasteringDisplay> mastering;
    std::optional<ContentLight> content_light;

    bool operator==(const FlvColorInfo&) const = default;
    /// Sets what the bitstream leaves open.
    void complete(VideoFacts& facts) const;
};
/// Nothing when the packet is about something else.
[[nodiscard]] Result<std::optional<FlvColorInfo>> read_flv_color_info(
    std::span<const std::byte> data);

/// Multichannel configuration (Enhanced RTMP v2 "Enhanced Audio").
struct FlvChannels {
    std::uint8_t count = 0;
    /// One bit a speaker, as in WAVE_FORMAT_EXTENSIBLE and its extension; 0 when not told by flags.
    std::uint32_t mask = 0;
};
[[nodiscard]] Result<FlvChannels> read_flv_channels(std::span<const std::byte> data);

}  // namespace sg::formats

#include <algorithm>

#include <fmt/format.h>

#include <formats/byte_writer.hpp>
#include <formats/elementary_stream.hpp>

namespace sg::formats {
namespace {

constexpr unsigned kH264Sps = 7;
constexpr unsigned kH264Delimiter = 9;
constexpr unsigned kHevcVps = 32;
constexpr unsigned kHevcSps = 33;
constexpr unsigned kHevcDelimiter = 35;
constexpr std::size_t kMaxAdtsFrame = 8191;

void append_nal(std::span<const std::byte> nal, ByteWriter& to) {
    to.u32(1);
    to.bytes(nal);
}

bool is_delimiter(NalCodec codec, std::span<const std::byte> nal) {
    return codec == NalCodec::kH264 ? h264_nal_type(nal) == kH264Delimiter
                                    : hevc_nal_type(nal) == kHevcDelimiter;
}

bool is_parameter_set(NalCodec codec, std::span<const std::byte> nal) {
    if (codec == NalCodec::kH264) return h264_nal_type(nal) == kH264Sps;
    return hevc_nal_type(nal) == kHevcVps || hevc_nal_type(nal) == kHevcSps;
}

/// Any picture types may follow (H.264 section 7.4.2.4, H.265 section 7.4.3.5).
void append_delimiter(NalCodec codec, ByteWriter& to) {
    to.u32(1);
    if (codec == NalCodec::kH264) {
        to.u16(0x09f0);
    } else {
        to.u16(0x4601);
        to.u8(0x50);
    }
}

}  // namespace

Status append_annex_b(NalCodec codec,
                      std::span<const std::byte> sample,
                      unsigned length_size,
                      std::span<const std::vector<std::byte>> parameter_sets,
                      std::vector<std::byte>& out) {
    ByteWriter to(out);
    append_delimiter(codec, to);
    std::span<const std::byte> nal;
    bool has_own = parameter_sets.empty();
    for (LengthPrefixedNals nals(sample, length_size); !has_own && nals.next(nal);)
        has_own = is_parameter_set(codec, nal);
    if (!has_own)
        for (const std::vector<std::byte>& set : parameter_sets) append_nal(set, to);
    LengthPrefixedNals nals(sample, length_size);
    while (nals.next(nal))
        if (!nal.empty() && !is_delimiter(codec, nal)) append_nal(nal, to);
    if (nals.damaged())
        return Error{Errc::kBadData, "convert a sample to Annex B: a NAL unit runs past its end"};
    return {};
}

Result<AdtsFramer> AdtsFramer::create(const AudioFacts& facts) {
    static constexpr std::array<std::uint32_t, 13> kRates{
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350};
    const auto unsupported = [](const std::string& what) {
        return Error{Errc::kUnsupported,
                     "put AAC into a transport stream: ADTS has no code for " + what +
                         "; encode the audio instead of copying it"};
    };
    std::uint32_t object = facts.object_type;
    std::uint32_t channels = facts.channels;
    // The core of parametric stereo is mono.
    if (object == 29) channels = 1;
    if (object == 5 || object == 29) object = 2;
    if (object < 1 || object > 4) return unsupported(fmt::format("object type {}", object));
    const auto rate = std::find(kRates.begin(), kRates.end(), facts.core_sample_rate);
    if (rate == kRates.end())
        return unsupported(fmt::format("the sampling rate {}", facts.core_sample_rate));
    if (channels == 8)
        channels = 7;
    else if (channels < 1 || channels > 6)
        return unsupported(fmt::format("{} channels", channels));
    const auto index = static_cast<std::uint32_t>(rate - kRates.begin());
    AdtsFramer framer;
    auto& h = framer.header_;
    h[0] = std::byte{0xff};
    h[1] = std::byte{0xf1};  // MPEG-4, no CRC
    h[2] = static_cast<std::byte>((object - 1) << 6 | index << 2 | channels >> 2);
    h[3] = static_cast<std::byte>((channels & 3U) << 6);
    h[5] = std::byte{0x1f};  // buffer fullness 0x7ff: variable rate
    h[6] = std::byte{0xfc};
    return framer;
}

Status AdtsFramer::append(std::span<const std::byte> frame, std::vector<std::byte>& out) const {
    const std::size_t length = frame.size() + kAdtsHeaderBytes;
    if (length > kMaxAdtsFrame)
        return Error{Errc::kUnsupported,
                     fmt::format("put AAC into a transport stream: a frame of {} bytes is too long "
                                 "for ADTS; encode the audio instead of copying it",
                                 frame.size())};
    auto header = header_;
    header[3] |= static_cast<std::byte>(length >> 11);
    header[4] = static_cast<std::byte>(length >> 3);
    header[5] |= static_cast<std::byte>((length & 7) << 5);
    ByteWriter to(out);
    to.bytes(header);
    to.bytes(frame);
    return {};
}

}  // namespace sg::formats

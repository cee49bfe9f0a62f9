#include <algorithm>

#include <formats/audio_headers.hpp>
#include <formats/bit_reader.hpp>
#include <formats/latm.hpp>

#include "aac_config.hpp"

namespace sg::formats {

namespace {

/// An AudioSpecificConfig with a program_config_element and comments may be so long.
constexpr std::size_t kMaxConfigBits = std::size_t{512} * 8;

Error bad(const char* why) {
    return Error{Errc::kBadData, std::string("read AAC in LATM: ") + why};
}

Error unsupported(const char* what) {
    return Error{
        Errc::kUnsupported,
        std::string("read AAC in LATM: ") + what + " is not supported; let the sender use ADTS"};
}

}  // namespace

class LatmReader::Bits : public BitReader {
  public:
    using BitReader::BitReader;

    /// LatmGetValue().
    std::uint32_t value() {
        const unsigned bytes = u(2) + 1;
        return u(8 * bytes);
    }
    /// Copied, since nothing here is aligned to bytes.
    std::vector<std::byte> take(std::size_t count) {
        std::vector<std::byte> out;
        out.reserve((count + 7) / 8);
        for (; count >= 8; count -= 8) out.push_back(static_cast<std::byte>(u(8)));
        if (count > 0)
            out.push_back(static_cast<std::byte>(u(static_cast<unsigned>(count)) << (8 - count)));
        return out;
    }
};

std::size_t LatmReader::element_bytes(std::span<const std::byte> bytes) {
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
    if (at(0) != 0x56 || (at(1) & 0xe0U) != 0xe0) return 0;
    return std::size_t{at(1) & 0x1fU} << 8 | at(2);
}

Status LatmReader::read(std::span<const std::byte> element) {
    frames_.clear();
    Bits bits(element);
    const bool same_config = bits.flag();
    if (!same_config) SG_TRY(read_mux_config(bits));
    if (config_.empty()) return Error{Errc::kAgain, "read AAC in LATM: no configuration yet"};
    for (unsigned i = 0; i < frames_in_element_; ++i) SG_TRY(read_payload(bits));
    return {};
}

/// StreamMuxConfig(), section 1.7.3.2.3.
Status LatmReader::read_mux_config(Bits& bits) {
    const bool version = bits.flag();
    if (version && bits.flag()) return unsupported("audioMuxVersionA 1");
    if (version) bits.value();  // taraBufferFullness
    const bool same_framing = bits.flag();
    const unsigned frames = bits.u(6) + 1;
    const bool one_program = bits.u(4) == 0;
    const bool one_layer = bits.u(3) == 0;
    if (!bits.ok()) return bad("its configuration is cut short");
    if (!same_framing || !one_program || !one_layer)
        return unsupported("more than one program or layer");

    const std::size_t length = version ? bits.value() : 0;
    if (length > kMaxConfigBits) return bad("its configuration is too long");
    // The alignment inside counts from where the configuration begins.
    Bits ahead = bits;
    const std::vector<std::byte> front =
        ahead.take(version ? length : std::min(bits.bits_left(), kMaxConfigBits));
    if (!ahead.ok()) return bad("its configuration is cut short");
    BitReader config_bits(front);
    SG_TRY_ASSIGN(const AudioFacts facts, read_audio_specific_config(config_bits, version));
    std::vector<std::byte> config = bits.take(version ? length : config_bits.position());

    unsigned fixed_bytes = 0;
    switch (bits.u(3)) {
        case 0:
            bits.skip(8);  // latmBufferFullness
            break;
        case 1:
            fixed_bytes = bits.u(9) + 20;
            break;
        default:
            return unsupported("a codec other than AAC");
    }
    if (bits.flag()) {  // otherData, which is not read
        if (version) {
            bits.value();
        } else {
            while (bits.flag()) bits.skip(8);
            bits.skip(8);
        }
    }
    if (bits.flag()) bits.skip(8);  // crcCheckSum
    if (!bits.ok()) return bad("its configuration is cut short");
    config_ = std::move(config);
    facts_ = facts;
    frames_in_element_ = frames;
    fixed_bytes_ = fixed_bytes;
    return {};
}

/// PayloadLengthInfo() and PayloadMux().
Status LatmReader::read_payload(Bits& bits) {
    std::size_t size = fixed_bytes_;
    if (size == 0) {
        std::uint32_t part = 255;
        while (part == 255 && bits.ok()) size += part = bits.u(8);
    }
    if (!bits.ok() || size * 8 > bits.bits_left()) return bad("a frame is cut short");
    if (size > 0) frames_.push_back(bits.take(size * 8));
    return {};
}

}  // namespace sg::formats

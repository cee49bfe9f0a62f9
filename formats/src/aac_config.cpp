#include "aac_config.hpp"

#include <array>

#include <formats/audio_headers.hpp>
#include <formats/bit_reader.hpp>

namespace sg::formats {

namespace {

constexpr std::uint32_t kAotSbr = 5;
constexpr std::uint32_t kAotPs = 29;
constexpr std::uint32_t kAotBsac = 22;
constexpr std::uint32_t kEscapeFrequency = 15;
constexpr std::uint32_t kSbrSync = 0x2b7;
constexpr std::uint32_t kPsSync = 0x548;

std::uint32_t read_object_type(BitReader& bits) {
    const std::uint32_t type = bits.u(5);
    return type == 31 ? 32 + bits.u(6) : type;
}

std::uint32_t read_frequency(BitReader& bits) {
    static constexpr std::array<std::uint32_t, 13> kFrequencies{
        96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350};
    const std::uint32_t index = bits.u(4);
    if (index == kEscapeFrequency) return bits.u(24);
    return index < kFrequencies.size() ? kFrequencies[index] : 0;
}

std::uint32_t channels_of(std::uint32_t configuration) {
    static constexpr std::array<std::uint8_t, 16> kChannels{
        0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};
    return kChannels[configuration];
}

bool is_general_audio(std::uint32_t type) {
    return (type >= 1 && type <= 4) || type == 6 || type == 7 || type == 17 ||
           (type >= 19 && type <= 23);
}

/// program_config_element(), ISO/IEC 14496-3 section 4.4.1.1: only the channels are counted.
std::uint32_t read_program_config(BitReader& bits) {
    bits.skip(4 + 2 + 4);
    const std::uint32_t front = bits.u(4);
    const std::uint32_t side = bits.u(4);
    const std::uint32_t back = bits.u(4);
    const std::uint32_t lfe = bits.u(2);
    const std::uint32_t data = bits.u(3);
    const std::uint32_t coupling = bits.u(4);
    if (bits.flag()) bits.skip(4);
    if (bits.flag()) bits.skip(4);
    if (bits.flag()) bits.skip(3);
    std::uint32_t channels = lfe;
    for (std::uint32_t i = 0; i < front + side + back; ++i) {
        channels += bits.flag() ? 2U : 1U;
        bits.skip(4);
    }
    bits.skip(std::size_t{4} * lfe + std::size_t{4} * data + std::size_t{5} * coupling);
    bits.align();
    bits.skip(std::size_t{8} * bits.u(8));
    return channels;
}

}  // namespace

Result<AudioFacts> parse_audio_specific_config(std::span<const std::byte> config) {
    BitReader bits(config);
    return read_audio_specific_config(bits, true);
}

Result<AudioFacts> read_audio_specific_config(BitReader& bits, bool extension) {
    const auto bad = [](const char* why) {
        return Error{Errc::kBadData, std::string("read AAC configuration: ") + why};
    };
    AudioFacts facts;
    std::uint32_t type = read_object_type(bits);
    facts.object_type = type;
    facts.core_sample_rate = read_frequency(bits);
    facts.sample_rate = facts.core_sample_rate;
    const std::uint32_t configuration = bits.u(4);
    facts.channels = channels_of(configuration);
    bool sbr = false;
    bool ps = false;
    if (type == kAotSbr || type == kAotPs) {
        sbr = true;
        ps = type == kAotPs;
        facts.sample_rate = read_frequency(bits);
        type = read_object_type(bits);
        if (type == kAotBsac) bits.skip(4);
    }
    if (!bits.ok() || facts.sample_rate == 0 || facts.core_sample_rate == 0) {
        return bad("it is cut short or its sampling frequency is reserved");
    }
    facts.samples_per_frame = 1024;
    if (is_general_audio(type)) {
        if (bits.flag()) facts.samples_per_frame = 960;
        if (type == 23) facts.samples_per_frame /= 2;
        if (bits.flag()) bits.skip(14);
        const bool more = bits.flag();
        if (configuration == 0) facts.channels = read_program_config(bits);
        if (type == 6 || type == 20) bits.skip(3);
        if (more) {
            if (type == 22) bits.skip(16);
            if (type == 17 || type == 19 || type == 20 || type == 23) bits.skip(3);
            bits.skip(1);
        }
        if (!bits.ok()) return bad("it is cut short");
    }
    // The backward compatible way: SBR and PS behind a sync word that old decoders do not look for.
    if (extension && !sbr && bits.bits_left() >= 16 && bits.u(11) == kSbrSync) {
        if (read_object_type(bits) == kAotSbr && bits.flag()) {
            const std::uint32_t rate = read_frequency(bits);
            if (bits.ok() && rate != 0) {
                sbr = true;
                facts.sample_rate = rate;
            }
            if (bits.bits_left() >= 12 && bits.u(11) == kPsSync) ps = bits.flag();
        }
    }
    if (facts.channels == 0 || facts.channels > 64) {
        return Error{
            Errc::kUnsupported,
            "read AAC configuration: it names no channels; encode the audio instead of copying it"};
    }
    if (ps && facts.channels == 1) facts.channels = 2;
    if (sbr && facts.sample_rate == 2 * facts.core_sample_rate) facts.samples_per_frame *= 2;
    return facts;
}

}  // namespace sg::formats

#include <formats/adts.hpp>

namespace sg::formats {
namespace {

constexpr std::array<std::uint32_t, 13> kRates{
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350};

}  // namespace

std::array<std::byte, 2> AdtsHeader::audio_specific_config() const {
    const unsigned bits = static_cast<unsigned>(object_type) << 11 |
                          static_cast<unsigned>(rate_index) << 7 |
                          static_cast<unsigned>(channel_configuration) << 3;
    return {static_cast<std::byte>(bits >> 8), static_cast<std::byte>(bits)};
}

std::optional<AdtsHeader> parse_adts_header(std::span<const std::byte> bytes) {
    if (bytes.size() < 7) return std::nullopt;
    const auto at = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
    // Sync word, and layer 0.
    if (at(0) != 0xff || (at(1) & 0xf6) != 0xf0) return std::nullopt;
    AdtsHeader h;
    h.header_bytes = (at(1) & 1) != 0 ? 7 : 9;
    h.object_type = static_cast<std::uint8_t>((at(2) >> 6) + 1);
    h.rate_index = static_cast<std::uint8_t>(at(2) >> 2 & 15);
    if (h.rate_index >= kRates.size()) return std::nullopt;
    h.sample_rate = kRates[h.rate_index];
    h.channel_configuration = static_cast<std::uint8_t>((at(2) & 1) << 2 | at(3) >> 6);
    h.frame_bytes = (at(3) & 3) << 11 | at(4) << 3 | at(5) >> 5;
    h.blocks = (at(6) & 3) + 1;
    if (h.frame_bytes <= h.header_bytes) return std::nullopt;
    return h;
}

}  // namespace sg::formats

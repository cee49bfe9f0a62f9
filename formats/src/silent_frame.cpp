#include <array>
#include <string_view>
#include <utility>

#include <formats/silent_frame.hpp>

namespace sg::formats {
namespace {

class BitWriter {
  public:
    void put(std::uint32_t value, int bits) {
        for (int i = bits - 1; i >= 0; --i) {
            if (used_ % 8 == 0) bytes_.push_back(std::byte{0});
            bytes_.back() |= static_cast<std::byte>((value >> i & 1U) << (7 - used_ % 8));
            ++used_;
        }
    }
    [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

  private:
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

// id_syn_ele, ISO/IEC 14496-3 Table 4.85.
constexpr std::uint32_t kSingle = 0;
constexpr std::uint32_t kPair = 1;
constexpr std::uint32_t kLowFrequency = 3;
constexpr std::uint32_t kEnd = 7;

/// Elements of a raw_data_block by channel count, ISO/IEC 14496-3 Table 1.19: Single channel, Pair,
/// Low frequency.
std::string_view elements_of(std::uint32_t channels) {
    constexpr std::array<std::string_view, 9> kElements{
        "", "S", "P", "SP", "SPS", "SPP", "SPPL", "", "SPPPL"};
    return channels < kElements.size() ? kElements[channels] : "";
}

/// ics_info of one long window without any scale factor band, §4.4.2.1.
void put_window(BitWriter& out) {
    out.put(0, 1 + 2 + 1);  // reserved, long window, sine
    out.put(0, 6 + 1);      // max_sfb, no prediction
}

/// What is left of an individual_channel_stream when no band is coded.
void put_tools(BitWriter& out) {
    out.put(0, 3);  // no pulses, no noise shaping, no gain control
}

}  // namespace

std::vector<std::byte> silent_aac_lc(std::uint32_t channels) {
    const auto elements = elements_of(channels);
    if (elements.empty()) return {};
    BitWriter out;
    std::array<std::uint32_t, 4> tags{};
    for (const char letter : elements) {
        const auto element = letter == 'S' ? kSingle : letter == 'P' ? kPair : kLowFrequency;
        out.put(element, 3);
        out.put(tags[element]++, 4);
        if (element == kPair) {
            out.put(1, 1);  // common_window
            put_window(out);
            out.put(0, 2);  // no mid/side
            for (int i = 0; i < 2; ++i) {
                out.put(0, 8);  // global_gain
                put_tools(out);
            }
        } else {
            out.put(0, 8);
            put_window(out);
            put_tools(out);
        }
    }
    out.put(kEnd, 3);
    return out.take();
}

std::optional<SilentFrame> silent_frame(const CodecConfig& config) {
    const auto& audio = config.audio;
    if (config.codec == Codec::kAac && config.codecs == "mp4a.40.2" &&
        audio.samples_per_frame == 1024) {
        auto block = silent_aac_lc(audio.channels);
        if (block.empty()) return std::nullopt;
        return SilentFrame{std::move(block), 1024};
    }
    if (config.codec == Codec::kOpus && (audio.channels == 1 || audio.channels == 2)) {
        // CELT, full band, 20 ms, one frame of nothing.
        const std::byte head{audio.channels == 2 ? std::uint8_t{0xFC} : std::uint8_t{0xF8}};
        return SilentFrame{{head, std::byte{0xFF}, std::byte{0xFE}}, 960};
    }
    return std::nullopt;
}

}  // namespace sg::formats

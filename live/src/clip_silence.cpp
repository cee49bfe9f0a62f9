#include "clip_silence.hpp"

#include <array>
#include <string_view>
#include <utility>

#include <formats/bmff_writer.hpp>

namespace sg::live {
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
    switch (channels) {
        case 1:
            return "S";
        case 2:
            return "P";
        case 3:
            return "SP";
        case 4:
            return "SPS";
        case 5:
            return "SPP";
        case 6:
            return "SPPL";
        case 8:
            return "SPPPL";
        default:
            return {};
    }
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

/// raw_data_block (§4.4.2.1) in which no spectral line is coded.
std::vector<std::byte> silent_frame(std::uint32_t channels) {
    BitWriter out;
    std::array<std::uint32_t, 4> tags{};
    for (const char letter : elements_of(channels)) {
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

}  // namespace

bool can_be_silent(const packagers::TrackDescription& description) {
    return description.codecs == "mp4a.40.2" && !elements_of(description.channels).empty();
}

Result<std::vector<std::byte>> silent_segment(const packagers::TrackDescription& description,
                                              std::uint64_t decode_time,
                                              std::uint32_t frames,
                                              std::uint32_t& sequence) {
    const auto frame = silent_frame(description.channels);
    const std::vector<formats::FragmentSample> samples(frames,
                                                       {static_cast<std::uint32_t>(frame.size()),
                                                        static_cast<std::uint32_t>(kSilentFrame),
                                                        0,
                                                        true});
    formats::Fragment fragment;
    fragment.sequence = ++sequence;
    fragment.decode_time = decode_time;
    fragment.samples = samples;
    std::vector<std::byte> out;
    formats::append_segment_type(out);
    SG_TRY(formats::append_fragment_header(fragment, out));
    for (std::uint32_t i = 0; i < frames; ++i) out.insert(out.end(), frame.begin(), frame.end());
    return out;
}

}  // namespace sg::live

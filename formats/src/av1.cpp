#include <numeric>

#include <formats/av1.hpp>
#include <formats/bit_reader.hpp>

namespace sg::formats {

namespace {

constexpr std::uint32_t kIdentityMatrix = 0;
constexpr std::uint32_t kBt709 = 1;
constexpr std::uint32_t kSrgb = 13;

Error bad_sequence(const char* why) {
    return Error{Errc::kBadData, std::string("read AV1 sequence header: ") + why};
}

std::uint32_t uvlc(BitReader& bits) {
    unsigned zeros = 0;
    while (bits.ok() && !bits.flag()) ++zeros;
    if (zeros >= 32) return 0xFFFFFFFFU;
    return bits.u(zeros) + (1U << zeros) - 1;
}

struct DecoderModel {
    bool present = false;
    unsigned delay_bits = 0;
};

void parse_timing(BitReader& bits, VideoFacts& facts, DecoderModel& model) {
    const std::uint32_t tick_units = bits.u(32);
    const std::uint32_t time_scale = bits.u(32);
    if (bits.flag()) {
        const std::uint64_t ticks = std::uint64_t{uvlc(bits)} + 1;
        const std::uint64_t per_picture = ticks * tick_units;
        if (time_scale != 0 && per_picture != 0) {
            const std::uint64_t divisor = std::gcd(std::uint64_t{time_scale}, per_picture);
            if (per_picture / divisor <= 0xFFFFFFFFU) {
                facts.frame_rate_num = static_cast<std::uint32_t>(time_scale / divisor);
                facts.frame_rate_den = static_cast<std::uint32_t>(per_picture / divisor);
            }
        }
    }
    model.present = bits.flag();
    if (model.present) {
        model.delay_bits = bits.u(5) + 1;
        bits.skip(32 + 5 + 5);
    }
}

void parse_operating_points(BitReader& bits, Av1Sequence& sequence) {
    DecoderModel model;
    const bool timing = bits.flag();
    if (timing) parse_timing(bits, sequence.facts, model);
    const bool display_delay = bits.flag();
    const unsigned points = bits.u(5) + 1;
    for (unsigned i = 0; i < points && bits.ok(); ++i) {
        bits.skip(12);
        const auto level = static_cast<std::uint8_t>(bits.u(5));
        const bool high = level > 7 && bits.flag();
        if (i == 0) {
            sequence.level_idx = level;
            sequence.high_tier = high;
        }
        if (model.present && bits.flag()) bits.skip(2 * std::size_t{model.delay_bits} + 1);
        if (display_delay && bits.flag()) bits.skip(4);
    }
}

void parse_tools(BitReader& bits) {
    bits.skip(4);
    const bool order_hint = bits.flag();
    if (order_hint) bits.skip(2);
    const bool choose_screen_tools = bits.flag();
    const bool screen_tools = choose_screen_tools || bits.flag();
    if (screen_tools) {
        if (!bits.flag()) bits.skip(1);
    }
    if (order_hint) bits.skip(3);
}

bool parse_colour(BitReader& bits, Av1Sequence& sequence) {
    VideoFacts& facts = sequence.facts;
    sequence.high_bitdepth = bits.flag();
    if (sequence.profile == 2 && sequence.high_bitdepth) sequence.twelve_bit = bits.flag();
    facts.bit_depth = sequence.twelve_bit ? 12 : sequence.high_bitdepth ? 10 : 8;
    sequence.monochrome = sequence.profile != 1 && bits.flag();
    if (bits.flag()) {
        facts.colour_primaries = bits.u(8);
        facts.transfer = bits.u(8);
        facts.matrix = bits.u(8);
    }
    if (sequence.monochrome) {
        facts.full_range = bits.flag();
        facts.chroma_format = 0;
        return bits.ok();
    }
    if (facts.colour_primaries == kBt709 && facts.transfer == kSrgb &&
        facts.matrix == kIdentityMatrix) {
        facts.full_range = true;
        sequence.subsampling_x = sequence.subsampling_y = false;
    } else {
        facts.full_range = bits.flag();
        if (sequence.profile == 1) {
            sequence.subsampling_x = sequence.subsampling_y = false;
        } else if (sequence.profile == 2) {
            if (sequence.twelve_bit) {
                sequence.subsampling_x = bits.flag();
                sequence.subsampling_y = sequence.subsampling_x && bits.flag();
            } else {
                sequence.subsampling_x = true;
                sequence.subsampling_y = false;
            }
        }
        if (sequence.subsampling_x && sequence.subsampling_y) {
            sequence.chroma_sample_position = static_cast<std::uint8_t>(bits.u(2));
        }
    }
    facts.chroma_format = sequence.subsampling_y ? 1 : sequence.subsampling_x ? 2 : 3;
    return bits.ok();
}

}  // namespace

bool Obus::next(Obu& obu) {
    if (bytes_.empty()) return false;
    const auto header = std::to_integer<unsigned>(bytes_[0]);
    const bool extension = (header >> 2 & 1) != 0;
    const bool has_size = (header >> 1 & 1) != 0;
    std::size_t at = extension ? 2 : 1;
    std::size_t size = 0;
    if (has_size) {
        bool ended = false;
        for (unsigned i = 0; i < 8 && at < bytes_.size() && !ended; ++i) {
            const auto byte = std::to_integer<std::size_t>(bytes_[at++]);
            size |= (byte & 127) << (7 * i);
            ended = byte < 128;
        }
        if (!ended) size = bytes_.size();
    } else {
        size = at <= bytes_.size() ? bytes_.size() - at : 0;
    }
    if ((header & 0x80) != 0 || at > bytes_.size() || size > bytes_.size() - at) {
        damaged_ = true;
        bytes_ = {};
        return false;
    }
    obu.type = header >> 3 & 15;
    obu.whole = bytes_.first(at + size);
    obu.payload = obu.whole.subspan(at);
    bytes_ = bytes_.subspan(obu.whole.size());
    return true;
}

Result<Av1Sequence> parse_av1_sequence(std::span<const std::byte> payload) {
    BitReader bits(payload);
    Av1Sequence sequence;
    sequence.profile = static_cast<std::uint8_t>(bits.u(3));
    if (sequence.profile > 2) return bad_sequence("unknown profile");
    bits.skip(1);
    sequence.reduced_still_picture = bits.flag();
    if (sequence.reduced_still_picture) {
        sequence.level_idx = static_cast<std::uint8_t>(bits.u(5));
    } else {
        parse_operating_points(bits, sequence);
    }
    VideoFacts& facts = sequence.facts;
    const unsigned width_bits = bits.u(4) + 1;
    const unsigned height_bits = bits.u(4) + 1;
    facts.width = bits.u(width_bits) + 1;
    facts.height = bits.u(height_bits) + 1;
    if (!sequence.reduced_still_picture && bits.flag()) bits.skip(4 + 3);  // frame id lengths
    bits.skip(3);
    if (!sequence.reduced_still_picture) parse_tools(bits);
    bits.skip(3);
    if (!parse_colour(bits, sequence)) return bad_sequence("it is cut short");
    facts.profile = sequence.profile;
    facts.level = sequence.level_idx;
    return sequence;
}

RandomAccess av1_random_access(std::span<const std::byte> temporal_unit) {
    Obus obus(temporal_unit);
    Obu obu;
    bool still = false;
    while (obus.next(obu)) {
        if (obu.type == kObuSequenceHeader) {
            BitReader bits(obu.payload);
            bits.skip(4);
            still = bits.flag();
        }
        if (obu.type != kObuFrame && obu.type != kObuFrameHeader) continue;
        if (still) return RandomAccess::kClosed;
        BitReader bits(obu.payload);
        const bool show_existing = bits.flag();
        const std::uint32_t frame_type = bits.u(2);
        const bool shown = bits.flag();
        return bits.ok() && !show_existing && frame_type == 0 && shown ? RandomAccess::kClosed
                                                                       : RandomAccess::kNone;
    }
    return RandomAccess::kNone;
}

}  // namespace sg::formats

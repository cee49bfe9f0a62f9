#include "picture_order.hpp"

#include <algorithm>

#include <formats/bit_reader.hpp>
#include <formats/h264.hpp>
#include <formats/hevc.hpp>
#include <formats/nal.hpp>

namespace sg::ingest::repair {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kSliceHeader = 48;
constexpr unsigned kH264Slice = 1;
constexpr unsigned kH264Idr = 5;
constexpr unsigned kH264Sps = 7;
constexpr unsigned kHevcFirstIrap = 16;
constexpr unsigned kHevcLastIrap = 23;
constexpr unsigned kHevcIdrWRadl = 19;
constexpr unsigned kHevcIdrNLp = 20;
constexpr unsigned kHevcFirstSet = 32;
constexpr unsigned kHevcSps = 33;
constexpr unsigned kHevcPps = 34;
constexpr unsigned kMostBits = 16;

std::vector<std::byte> front_of(Bytes nal, std::size_t header) {
    return formats::unescape_nal(nal.subspan(header, std::min(nal.size() - header, kSliceHeader)));
}

}  // namespace

void PictureOrderReader::configure(const LiveTrack& track) {
    *this = PictureOrderReader();
    if (track.annex_b) return;
    const unsigned lengths = track.config.nal_length_size;
    if (lengths != 1 && lengths != 2 && lengths != 4) return;
    length_size_ = lengths;
    hevc_ = track.config.codec == formats::Codec::kHevc;
    if (hevc_)
        configure_hevc(track.config.parameter_sets);
    else if (track.config.codec == formats::Codec::kH264)
        configure_h264(track.config.parameter_sets);
}

void PictureOrderReader::configure_h264(std::span<const std::vector<std::byte>> sets) {
    const auto sps = std::find_if(sets.begin(), sets.end(), [](const auto& set) {
        return set.size() > 4 && formats::h264_nal_type(set) == kH264Sps;
    });
    if (sps == sets.end()) return;
    const std::vector<std::byte> rbsp = formats::unescape_nal(Bytes(*sps).subspan(1));
    formats::BitReader bits(rbsp);
    const auto profile = static_cast<std::uint8_t>(bits.u(8));
    bits.skip(16);
    bits.ue();
    if (formats::h264_is_high_profile(profile)) {
        if (bits.ue() == 3) separate_planes_ = bits.flag();
        bits.ue();
        bits.ue();
        bits.skip(1);
        if (bits.flag()) return;  // scaling lists: no streaming encoder sends them
    }
    frame_num_bits_ = bits.ue() + 4;
    // Type 2 is display in decoding order; type 1 is not in use.
    if (bits.ue() != 0) return;
    const unsigned count_bits = bits.ue() + 4;
    bits.ue();
    bits.skip(1);
    bits.ue();
    bits.ue();
    frames_only_ = bits.flag();
    if (bits.ok() && frame_num_bits_ <= kMostBits && count_bits <= kMostBits) bits_ = count_bits;
}

/// All picture parameter sets must agree: which one a slice uses is not looked up.
void PictureOrderReader::configure_hevc(std::span<const std::vector<std::byte>> sets) {
    unsigned count_bits = 0;
    std::optional<unsigned> flags;
    for (const auto& set : sets) {
        const unsigned type = formats::hevc_nal_type(set);
        if (type == kHevcSps && count_bits == 0) {
            const auto sps = formats::parse_hevc_sps(set);
            if (!sps) return;
            count_bits = sps->order_count_bits;
            separate_planes_ = sps->separate_planes;
        } else if (type == kHevcPps && set.size() > 2) {
            const std::vector<std::byte> rbsp = front_of(set, 2);
            formats::BitReader bits(rbsp);
            bits.ue();
            bits.ue();
            bits.skip(1);
            output_flag_ = bits.flag();
            extra_bits_ = bits.u(3);
            const unsigned both = extra_bits_ << 1 | (output_flag_ ? 1U : 0U);
            if (!bits.ok() || flags.value_or(both) != both) return;
            flags = both;
        }
    }
    if (flags) bits_ = count_bits;
}

std::optional<PictureOrderReader::Count> PictureOrderReader::read(Bytes unit) const {
    formats::LengthPrefixedNals nals(unit, length_size_);
    Bytes nal;
    while (nals.next(nal)) {
        if (hevc_) {
            if (formats::hevc_nal_type(nal) < kHevcFirstSet && nal.size() > 2)
                return read_hevc(nal);
        } else if (const unsigned type = formats::h264_nal_type(nal);
                   type == kH264Slice || type == kH264Idr) {
            return read_h264(nal);
        }
    }
    return std::nullopt;
}

std::optional<PictureOrderReader::Count> PictureOrderReader::read_h264(Bytes slice) const {
    const bool idr = formats::h264_nal_type(slice) == kH264Idr;
    const std::vector<std::byte> header = front_of(slice, 1);
    formats::BitReader bits(header);
    bits.ue();
    bits.ue();
    bits.ue();
    if (separate_planes_) bits.skip(2);
    bits.skip(frame_num_bits_);
    if (!frames_only_ && bits.flag()) bits.skip(1);
    if (idr) bits.ue();
    const Count count{bits.u(bits_), idr, idr};
    if (!bits.ok()) return std::nullopt;
    return count;
}

std::optional<PictureOrderReader::Count> PictureOrderReader::read_hevc(Bytes slice) const {
    const unsigned type = formats::hevc_nal_type(slice);
    const bool refresh = type >= kHevcFirstIrap && type <= kHevcLastIrap;
    if (type == kHevcIdrWRadl || type == kHevcIdrNLp) return Count{0, true, true};
    const std::vector<std::byte> header = front_of(slice, 2);
    formats::BitReader bits(header);
    if (!bits.flag()) return std::nullopt;  // not the picture's first slice
    if (refresh) bits.skip(1);
    bits.ue();
    bits.skip(extra_bits_);
    bits.ue();
    if (output_flag_) bits.skip(1);
    if (separate_planes_) bits.skip(2);
    const Count count{bits.u(bits_), false, refresh};
    if (!bits.ok()) return std::nullopt;
    return count;
}

}  // namespace sg::ingest::repair

#include "timeline_repair_order.hpp"

#include <algorithm>

#include <formats/bit_reader.hpp>
#include <formats/h264.hpp>
#include <formats/nal.hpp>

namespace sg::ingest::repair {

namespace {

constexpr std::size_t kSliceHeader = 48;
constexpr unsigned kSlice = 1;
constexpr unsigned kIdr = 5;
constexpr unsigned kSps = 7;
constexpr std::int64_t kMostDepth = 16;

}  // namespace

void DisplayOrder::configure(const LiveTrack& track) {
    *this = DisplayOrder();
    if (track.config.codec != formats::Codec::kH264 || track.annex_b) return;
    const auto sps = std::find_if(
        track.config.parameter_sets.begin(),
        track.config.parameter_sets.end(),
        [](const auto& set) { return set.size() > 4 && formats::h264_nal_type(set) == kSps; });
    if (sps == track.config.parameter_sets.end()) return;
    const std::vector<std::byte> rbsp = formats::unescape_nal(std::span(*sps).subspan(1));
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
    if (!bits.ok() || frame_num_bits_ > 16 || count_bits > 16) return;
    length_size_ = track.config.nal_length_size;
    if (length_size_ == 1 || length_size_ == 2 || length_size_ == 4) count_bits_ = count_bits;
}

std::optional<DisplayOrder::Count> DisplayOrder::read(std::span<const std::byte> unit) const {
    formats::LengthPrefixedNals nals(unit, length_size_);
    std::span<const std::byte> nal;
    while (nals.next(nal)) {
        const unsigned type = formats::h264_nal_type(nal);
        if (type != kSlice && type != kIdr) continue;
        const std::vector<std::byte> header =
            formats::unescape_nal(nal.subspan(1, std::min(nal.size() - 1, kSliceHeader)));
        formats::BitReader bits(header);
        bits.ue();
        bits.ue();
        bits.ue();
        if (separate_planes_) bits.skip(2);
        bits.skip(frame_num_bits_);
        if (!frames_only_ && bits.flag()) bits.skip(1);
        if (type == kIdr) bits.ue();
        const Count count{bits.u(count_bits_), type == kIdr};
        if (!bits.ok()) return std::nullopt;
        return count;
    }
    return std::nullopt;
}

std::int64_t DisplayOrder::delay(std::span<const std::byte> unit, bool told) {
    if (count_bits_ == 0) return 0;
    if (told) {
        count_bits_ = 0;
        return 0;
    }
    const std::optional<Count> count = read(unit);
    if (!count) return 0;
    std::int64_t order = count->lsb;
    if (count->idr) {
        active_ = active_ || reorders_;
        depth_ = depth_seen_;
        decoded_ = 0;
        highest_ = order;
    } else {
        ++decoded_;
        // The value nearest to the furthest picture so far.
        const std::int64_t range = std::int64_t{1} << count_bits_;
        order += (highest_ - order + range / 2) / range * range;
        if (order > highest_ + range / 2) order -= range;
        if (order < highest_) reorders_ = true;
        highest_ = std::max(highest_, order);
        const std::int64_t distance = order > last_ ? order - last_ : last_ - order;
        if (distance > 0 && distance < step_) {
            step_ = distance;
            depth_seen_ = 0;
        }
    }
    last_ = order;
    if (decoded_ == 0) return active_ ? depth_ : 0;
    const std::int64_t ahead = order / step_ - decoded_;
    depth_seen_ = std::min(std::max(depth_seen_, -ahead), kMostDepth);
    return active_ ? std::clamp<std::int64_t>(ahead + depth_, 0, 2 * kMostDepth) : 0;
}

}  // namespace sg::ingest::repair

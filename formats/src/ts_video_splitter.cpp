#include <algorithm>
#include <cstring>
#include <vector>

#include <formats/bit_reader.hpp>
#include <formats/h264.hpp>

#include "ts_unit_splitter.hpp"

namespace sg::formats::ts {
namespace {

using Bytes = std::span<const std::byte>;

/// What must be there behind a start code before it is judged: enough of a slice header.
constexpr std::size_t kLookAhead = 24;
/// At the end of a PES packet: NAL header and the first bit of a slice.
constexpr std::size_t kLeastLook = 3;
constexpr std::size_t kMaxAnchors = 64;
constexpr std::int64_t kLongestStep = 2 * 90'000;

enum class NalRole {
    kPictureStart,  ///< a slice that begins a picture
    kSlice,         ///< any other slice
    kUnitStart,     ///< can stand only before the first slice of an access unit
    kLikelyStart,   ///< should stand only there, but is also seen between slices
    kOther,
};

NalRole h264_role(Bytes nal) {
    switch (h264_nal_type(nal)) {
        case 1:
        case 2:
        case 5:
            return nal.size() > 1 && (nal[1] & std::byte{0x80}) != std::byte{0}
                       ? NalRole::kPictureStart
                       : NalRole::kSlice;
        case 3:
        case 4:
            return NalRole::kSlice;
        case 7:
        case 9:
            return NalRole::kUnitStart;
        case 6:
        case 8:
        case 15:
        case 16:
        case 17:
        case 18:
            return NalRole::kLikelyStart;
        default:
            return NalRole::kOther;
    }
}

NalRole hevc_role(Bytes nal) {
    if (nal.size() < 2) return NalRole::kOther;
    const unsigned type = hevc_nal_type(nal);
    const unsigned layer =
        (std::to_integer<unsigned>(nal[0]) & 1) << 5 | std::to_integer<unsigned>(nal[1]) >> 3;
    if (layer != 0) return NalRole::kOther;
    if (type < 32) {
        return nal.size() > 2 && (nal[2] & std::byte{0x80}) != std::byte{0} ? NalRole::kPictureStart
                                                                            : NalRole::kSlice;
    }
    if (type == 32 || type == 33 || type == 35) return NalRole::kUnitStart;
    if (type == 34 || type == 39 || (type >= 41 && type <= 44) || (type >= 48 && type <= 55))
        return NalRole::kLikelyStart;
    return NalRole::kOther;
}

/// Which field of which frame a slice belongs to.
struct Field {
    bool single = false;  ///< a field, not a frame
    bool bottom = false;
    std::uint32_t frame_num = 0;
};

/// ITU-T H.264 section 7.3.3, up to bottom_field_flag.
Field read_field(Bytes nal, const H264Sps& sps) {
    const std::vector<std::byte> rbsp =
        unescape_nal(nal.subspan(1, std::min<std::size_t>(nal.size() - 1, kLookAhead)));
    BitReader bits(rbsp);
    bits.ue();
    bits.ue();
    bits.ue();
    if (sps.separate_planes) bits.skip(2);
    Field field;
    field.frame_num = bits.u(sps.frame_num_bits);
    field.single = bits.flag();
    field.bottom = field.single && bits.flag();
    if (!bits.ok()) return {};
    return field;
}

class VideoSplitter final : public UnitSplitter {
  public:
    VideoSplitter(NalCodec codec, std::size_t max_bytes, DemuxCounters& counters, Out out)
        : UnitSplitter(counters, std::move(out)), codec_(codec), max_bytes_(max_bytes) {}

    void begin_pes(const PesTimes& times) override;
    void data(Bytes bytes) override;
    void end_pes() override;
    void lost() override;
    void flush() override;
    [[nodiscard]] std::size_t buffered() const override { return buffer_.size(); }
    void drop() override;

  private:
    struct Anchor {
        std::size_t at = 0;
        PesTimes times;
    };

    void scan(bool all);
    void take_nal(std::size_t start_code);
    void take_slice(std::size_t start_code, bool begins_picture);
    [[nodiscard]] std::size_t unit_start(std::size_t start_code) const;
    [[nodiscard]] bool second_field(Bytes slice);
    void note_sequence(std::size_t end);
    void emit(std::size_t end);
    void put_times(AccessUnit& unit);
    void forget_unit();

    NalCodec codec_;
    std::size_t max_bytes_;
    std::vector<std::byte> buffer_;  ///< the access unit being gathered
    std::vector<Anchor> anchors_;    ///< PES packets that begin in it
    bool started_ = false;           ///< since a PES packet's start
    std::size_t scanned_ = 0;
    std::optional<std::size_t> first_nal_;
    std::optional<std::size_t> first_slice_;
    std::optional<std::size_t> border_;  ///< where the next unit may start
    bool border_is_sure_ = false;
    bool damaged_ = false;
    bool units_span_pes_ = false;

    std::optional<std::size_t> sequence_at_;  ///< an SPS whose end has not come
    std::optional<H264Sps> sequence_;         ///< only if it may hold fields
    Field field_;
    bool awaits_field_ = false;

    std::optional<std::int64_t> last_dts_;
    std::int64_t step_ = 0;
    std::int64_t units_since_ = 0;  ///< since last_dts_
    bool reorders_ = false;
};

void VideoSplitter::begin_pes(const PesTimes& times) {
    started_ = true;
    scan(true);
    if (!first_nal_) {
        buffer_.clear();
        anchors_.clear();
        scanned_ = 0;
    }
    if (anchors_.size() == kMaxAnchors) anchors_.erase(anchors_.begin());
    anchors_.push_back({buffer_.size(), times});
}

void VideoSplitter::data(Bytes bytes) {
    if (!started_) return;
    if (bytes.size() > max_bytes_ - std::min(max_bytes_, buffer_.size())) {
        ++counters().dropped_units;
        drop();
        return;
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    scan(false);
}

void VideoSplitter::end_pes() {
    scan(true);
    if (first_slice_ && !units_span_pes_ && !awaits_field_) emit(buffer_.size());
}

void VideoSplitter::lost() {
    if (buffer_.empty()) started_ = false;
    damaged_ = !buffer_.empty();
    mark_discontinuity();
}

void VideoSplitter::flush() {
    scan(true);
    if (first_slice_) emit(buffer_.size());
    drop();
}

void VideoSplitter::drop() {
    buffer_.clear();
    anchors_.clear();
    started_ = false;
    forget_unit();
    sequence_at_.reset();
    scanned_ = 0;
    last_dts_.reset();
    mark_discontinuity();
}

void VideoSplitter::forget_unit() {
    first_nal_.reset();
    first_slice_.reset();
    border_.reset();
    damaged_ = false;
    awaits_field_ = false;
}

void VideoSplitter::scan(bool all) {
    while (scanned_ + 3 < buffer_.size()) {
        // The byte 01 is rare in coded data.
        const std::size_t from = scanned_ + 2;
        const void* hit = std::memchr(buffer_.data() + from, 1, buffer_.size() - from);
        if (hit == nullptr) {
            scanned_ = buffer_.size() - 2;
            return;
        }
        const auto one =
            static_cast<std::size_t>(static_cast<const std::byte*>(hit) - buffer_.data());
        scanned_ = one - 1;
        if (buffer_[one - 1] != std::byte{0} || buffer_[one - 2] != std::byte{0}) continue;
        if (buffer_.size() - one - 1 < (all ? kLeastLook : kLookAhead)) {
            scanned_ = one - 2;
            return;
        }
        scanned_ = one + 1;
        take_nal(one - 2);
    }
}

/// A zero byte before the start code belongs to it, unless it ended a PES packet.
std::size_t VideoSplitter::unit_start(std::size_t start_code) const {
    if (start_code == 0 || buffer_[start_code - 1] != std::byte{0}) return start_code;
    const bool at_pes = std::any_of(
        anchors_.begin(), anchors_.end(), [&](const Anchor& a) { return a.at == start_code; });
    return at_pes ? start_code : start_code - 1;
}

void VideoSplitter::take_nal(std::size_t start_code) {
    note_sequence(start_code);
    if (!first_nal_) first_nal_ = unit_start(start_code);
    const Bytes nal = Bytes(buffer_).subspan(start_code + 3);
    if (codec_ == NalCodec::kH264 && h264_nal_type(nal) == 7) sequence_at_ = start_code + 3;
    switch (codec_ == NalCodec::kH264 ? h264_role(nal) : hevc_role(nal)) {
        case NalRole::kPictureStart:
            take_slice(start_code, true);
            break;
        case NalRole::kSlice:
            take_slice(start_code, false);
            break;
        case NalRole::kUnitStart:
            if (first_slice_ && !border_) border_ = unit_start(start_code);
            border_is_sure_ = true;
            break;
        case NalRole::kLikelyStart:
            if (first_slice_ && !border_) {
                border_ = unit_start(start_code);
                border_is_sure_ = false;
            }
            break;
        case NalRole::kOther:
            break;
    }
}

void VideoSplitter::take_slice(std::size_t start_code, bool begins_picture) {
    const Bytes nal = Bytes(buffer_).subspan(start_code + 3);
    if (!first_slice_) {
        first_slice_ = start_code;
        // Without its first slice: it was lost, or stands in the PES packet before.
        if (!begins_picture) {
            units_span_pes_ = units_span_pes_ || !damaged_;
            damaged_ = true;
        }
        if (sequence_) {
            field_ = read_field(nal, *sequence_);
            awaits_field_ = field_.single;
        }
        border_.reset();
        return;
    }
    const bool same_unit = begins_picture ? second_field(nal) : !(border_ && border_is_sure_);
    if (same_unit) {
        border_.reset();
        return;
    }
    const std::size_t cut = border_ ? *border_ : unit_start(start_code);
    emit(cut);
    take_slice(start_code - cut, begins_picture);
}

bool VideoSplitter::second_field(Bytes slice) {
    if (!awaits_field_ || !sequence_) return false;
    const Field next = read_field(slice, *sequence_);
    if (!next.single || next.frame_num != field_.frame_num || next.bottom == field_.bottom)
        return false;
    awaits_field_ = false;
    return true;
}

void VideoSplitter::note_sequence(std::size_t end) {
    if (!sequence_at_) return;
    const auto sps = parse_h264_sps(Bytes(buffer_).subspan(*sequence_at_, end - *sequence_at_));
    sequence_at_.reset();
    if (!sps) return;
    sequence_.reset();
    if (sps->facts.interlaced) sequence_ = *sps;
}

/// Delivers the bytes before `end`; what follows begins the next unit.
void VideoSplitter::emit(std::size_t end) {
    AccessUnit unit;
    unit.bytes = Bytes(buffer_).first(end).subspan(first_nal_.value_or(0));
    unit.random_access = access_unit_random_access(codec_, unit.bytes, 0);
    unit.damaged = damaged_;
    put_times(unit);
    for (const Anchor& anchor : anchors_)
        if (anchor.at > *first_slice_ && anchor.at < end && !damaged_) units_span_pes_ = true;
    deliver(unit);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(end));
    for (Anchor& anchor : anchors_) anchor.at -= std::min(anchor.at, end);
    scanned_ -= std::min(scanned_, end);
    if (sequence_at_) *sequence_at_ -= std::min(*sequence_at_, end);
    forget_unit();
    if (!buffer_.empty()) first_nal_ = 0;
}

/// From the last PES packet that began before the unit's first slice.
void VideoSplitter::put_times(AccessUnit& unit) {
    PesTimes times;
    const auto mine = [&](const Anchor& a) { return a.at <= *first_slice_; };
    const auto after = std::find_if_not(anchors_.begin(), anchors_.end(), mine);
    for (auto a = anchors_.begin(); a != after; ++a)
        if (a->times.pts) times = a->times;
    anchors_.erase(anchors_.begin(), after);
    ++units_since_;
    if (times.pts) {
        unit.pts = times.pts;
        unit.dts = times.dts ? times.dts : times.pts;
        reorders_ = reorders_ || *unit.pts != *unit.dts;
        if (last_dts_) {
            const std::int64_t step = time_difference(*unit.dts, *last_dts_) / units_since_;
            if (step > 0 && step < kLongestStep) step_ = step;
        }
        last_dts_ = unit.dts;
        units_since_ = 0;
        return;
    }
    if (!last_dts_ || step_ == 0) return;
    unit.estimated = true;
    unit.dts = (*last_dts_ + units_since_ * step_) & kTimeMask;
    if (!reorders_) unit.pts = unit.dts;
}

}  // namespace

std::unique_ptr<UnitSplitter> make_video_splitter(NalCodec codec,
                                                  std::size_t max_bytes,
                                                  DemuxCounters& counters,
                                                  UnitSplitter::Out out) {
    return std::make_unique<VideoSplitter>(codec, max_bytes, counters, std::move(out));
}

}  // namespace sg::formats::ts

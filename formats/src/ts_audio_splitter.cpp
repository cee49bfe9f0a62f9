#include <algorithm>
#include <vector>

#include <formats/latm.hpp>

#include "ts_audio_frames.hpp"
#include "ts_unit_splitter.hpp"

namespace sg::formats::ts {
namespace {

using Bytes = std::span<const std::byte>;

/// Above the longest frame of any of the formats.
constexpr std::size_t kMaxBuffer = 256U << 10;
constexpr std::size_t kMaxAnchors = 64;

class AudioSplitter final : public UnitSplitter {
  public:
    AudioSplitter(TrackFormat format, DemuxCounters& counters, Out out)
        : UnitSplitter(counters, std::move(out)), format_(format) {}

    void begin_pes(const PesTimes& times) override;
    void data(Bytes bytes) override;
    void end_pes() override { take_frames(true); }
    void lost() override;
    void flush() override;
    [[nodiscard]] std::size_t buffered() const override { return buffer_.size(); }
    void drop() override;

  private:
    struct Anchor {
        std::size_t at = 0;
        std::int64_t pts = 0;
        bool passed = false;  ///< it began before what is still in the buffer
    };

    void take_frames(bool last);
    /// False when more bytes are needed to say.
    bool take_frame(std::size_t& at, bool last);
    void take_frame_at(const AudioFrame& frame, std::size_t at, bool damaged);
    void emit(const AudioFrame& frame, Bytes bytes, std::size_t at, bool damaged);
    [[nodiscard]] bool begins_pes(std::size_t at) const;
    void skip_byte(std::size_t& at);

    TrackFormat format_;
    LatmReader latm_;
    std::vector<std::byte> buffer_;
    std::vector<Anchor> anchors_;  ///< PES packets with a time that begin in it
    bool started_ = false;         ///< since a PES packet's start
    bool synced_ = false;

    std::optional<std::int64_t> base_;  ///< time of the first of samples_
    std::uint64_t samples_ = 0;         ///< since base_
    std::uint32_t rate_ = 0;
};

void AudioSplitter::begin_pes(const PesTimes& times) {
    if (!started_) buffer_.clear();
    started_ = true;
    if (!times.pts) return;
    if (anchors_.size() == kMaxAnchors) anchors_.erase(anchors_.begin());
    anchors_.push_back({buffer_.size(), *times.pts, false});
}

void AudioSplitter::data(Bytes bytes) {
    if (!started_) return;
    if (buffer_.size() + bytes.size() > kMaxBuffer) {
        ++counters().dropped_units;
        drop();
        return;
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    take_frames(false);
}

void AudioSplitter::lost() {
    if (!buffer_.empty()) ++counters().damaged_units;
    drop();
}

void AudioSplitter::flush() {
    take_frames(true);
    drop();
}

void AudioSplitter::drop() {
    buffer_.clear();
    anchors_.clear();
    started_ = false;
    synced_ = false;
    base_.reset();
    mark_discontinuity();
}

void AudioSplitter::take_frames(bool last) {
    std::size_t at = 0;
    while (at < buffer_.size() && take_frame(at, last)) {
    }
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at));
    for (Anchor& anchor : anchors_) {
        anchor.passed = anchor.passed || anchor.at < at;
        anchor.at -= std::min(anchor.at, at);
    }
}

bool AudioSplitter::begins_pes(std::size_t at) const {
    return std::any_of(anchors_.begin(), anchors_.end(), [at](const Anchor& a) {
        return a.at == at && !a.passed;
    });
}

void AudioSplitter::skip_byte(std::size_t& at) {
    if (synced_) {
        ++counters().audio_resyncs;
        base_.reset();
        mark_discontinuity();
    }
    synced_ = false;
    ++at;
}

bool AudioSplitter::take_frame(std::size_t& at, bool last) {
    const Bytes bytes = Bytes(buffer_).subspan(at);
    AudioFrame frame;
    const FrameLook look = look_at_frame(format_, bytes, last, frame);
    if (look == FrameLook::kMore) return false;
    if (look == FrameLook::kNone) {
        skip_byte(at);
        return true;
    }
    if (frame.bytes > bytes.size()) {
        if (!last || synced_ || begins_pes(at)) return false;
        skip_byte(at);
        return true;
    }
    // What follows must be a frame too, else this one's length is not to be trusted.
    const Bytes behind = bytes.subspan(frame.bytes);
    AudioFrame next;
    const FrameLook then =
        behind.empty() ? FrameLook::kMore : look_at_frame(format_, behind, last, next);
    if (!synced_) {
        if (then == FrameLook::kMore && !(last && behind.empty())) return false;
        if (then == FrameLook::kNone) {
            skip_byte(at);
            return true;
        }
    }
    synced_ = true;
    take_frame_at(frame, at, then == FrameLook::kNone);
    at += frame.bytes;
    return true;
}

void AudioSplitter::take_frame_at(const AudioFrame& frame, std::size_t at, bool damaged) {
    const Bytes bytes = Bytes(buffer_).subspan(at, frame.bytes).subspan(frame.header_bytes);
    if (format_ != TrackFormat::kAacLatm) {
        emit(frame, bytes, at, damaged);
        return;
    }
    if (const Status read = latm_.read(bytes); !read) {
        if (read.error().code != Errc::kAgain) ++counters().damaged_units;
        return;
    }
    AudioFrame inner = frame;
    inner.samples = latm_.facts().samples_per_frame;
    inner.sample_rate = latm_.facts().sample_rate;
    for (const auto& each : latm_.frames()) emit(inner, each, at, damaged);
}

void AudioSplitter::emit(const AudioFrame& frame, Bytes bytes, std::size_t at, bool damaged) {
    const auto after =
        std::find_if(anchors_.begin(), anchors_.end(), [at](const Anchor& a) { return a.at > at; });
    const bool timed = after != anchors_.begin();
    if (timed) {
        base_ = std::prev(after)->pts;
        samples_ = 0;
        anchors_.erase(anchors_.begin(), after);
    } else if (base_ && rate_ != frame.sample_rate) {
        base_ = (*base_ + static_cast<std::int64_t>(samples_ * 90'000 / rate_)) & kTimeMask;
        samples_ = 0;
    }
    rate_ = frame.sample_rate;
    // Frames before the first time stamp cannot be placed.
    if (!base_) return;
    AccessUnit unit;
    unit.bytes = bytes;
    unit.config = latm_.config();
    unit.pts = (*base_ + static_cast<std::int64_t>(samples_ * 90'000 / rate_)) & kTimeMask;
    unit.dts = unit.pts;
    unit.estimated = !timed;
    unit.damaged = damaged;
    unit.random_access = RandomAccess::kClosed;
    unit.samples = frame.samples;
    unit.sample_rate = frame.sample_rate;
    unit.trim_start = frame.trim_start;
    unit.trim_end = frame.trim_end;
    samples_ += frame.samples;
    deliver(unit);
}

}  // namespace

std::unique_ptr<UnitSplitter> make_audio_splitter(TrackFormat format,
                                                  DemuxCounters& counters,
                                                  UnitSplitter::Out out) {
    return std::make_unique<AudioSplitter>(format, counters, std::move(out));
}

}  // namespace sg::formats::ts

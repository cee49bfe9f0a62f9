#include "live_gate.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include <formats/nal.hpp>

namespace sg::engine {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

/// As long as a burst of the network lasts.
constexpr std::int64_t kBurst = 600 * kMillisecond;
/// What an encoder that is too slow has in front of it, until it has kept up for a while.
constexpr std::int64_t kTight = 150 * kMillisecond;
constexpr std::int64_t kCalm = 5 * kSecond;
constexpr std::int64_t kLongestHole = 300 * kMillisecond;
constexpr std::int64_t kStuck = 2 * kBurst;  ///< the encoder does not get on

constexpr std::int64_t kThin = 250 * kMillisecond;      ///< disposable pictures go
constexpr std::int64_t kSkip = 700 * kMillisecond;      ///< all go up to a key frame
constexpr std::int64_t kTooMuch = 1500 * kMillisecond;  ///< also key frames
/// What comes while a child starts, and what it does again of one that hung.
constexpr std::int64_t kAtStart = 4 * kSecond;
constexpr std::int64_t kPicturesAtStart = 2 * kSecond;

bool disposable_nal(formats::Codec codec, Bytes nal) {
    if (nal.empty()) return true;
    if (codec == formats::Codec::kH264) {
        const auto type = formats::h264_nal_type(nal);
        const bool slice = type >= 1 && type <= 5;
        return !slice || (std::to_integer<unsigned>(nal[0]) >> 5U & 3U) == 0;
    }
    const auto type = formats::hevc_nal_type(nal);
    return type >= 32 || (type <= 14 && type % 2 == 0);
}

}  // namespace

void LiveBacklog::sent(std::int64_t at) {
    if (!first_) first_ = at;
    last_.store(at, std::memory_order_relaxed);
}

std::int64_t LiveBacklog::behind(std::int64_t at) const {
    const auto taken = taken_.load(std::memory_order_relaxed);
    if (!first_ || taken >= last_.load(std::memory_order_relaxed)) return 0;
    return at - std::max(taken, *first_);
}

bool LiveBacklog::has_room(std::int64_t at, std::int64_t most, std::int64_t at_start) {
    const auto waited = behind(at);
    const auto since = first_ ? at - *first_ : 0;
    if (since > at_start || (since > at_start / 2 && waited <= most))
        caught_up_.store(true, std::memory_order_relaxed);
    return waited <= (caught_up() ? most : at_start);
}

Result<pipeline::Flow> LiveIntakeStage::process(int, pipeline::Item item, pipeline::Emit& out) {
    if (pipeline::carries_media(item)) backlog_.taken(pipeline::item_time(item));
    return out.emit(0, std::move(item));
}

bool PictureGate::take(std::int64_t frame, bool marked) {
    const bool tight = frame < tight_until_;
    const auto most = (tight ? kTight : kBurst) / frame_ns_;
    if (!backlog_.has_room(frame, most, kPicturesAtStart / frame_ns_) && !marked) {
        tight_until_ = frame + kCalm / frame_ns_;
        const bool stuck = backlog_.behind(frame) * frame_ns_ > kStuck;
        if (stuck || !too_long(-backlog_.ahead_of(frame))) return false;
    }
    backlog_.sent(frame);
    return true;
}

bool PictureGate::stale(std::int64_t frame) const {
    return backlog_.caught_up() && backlog_.ahead_of(frame) * frame_ns_ > kBurst;
}

bool PictureGate::too_long(std::int64_t frames) const {
    return frames * frame_ns_ >= kLongestHole;
}

Result<pipeline::Flow> PictureIntakeStage::process(int, pipeline::Item item, pipeline::Emit& out) {
    if (std::holds_alternative<pipeline::Cue>(item)) marked_ = true;
    if (const auto* frame = std::get_if<media::Frame>(&item)) {
        gate_.backlog().taken(frame->pts());
        const bool wanted = std::exchange(marked_, false) || gate_.too_long(frame->pts() - last_);
        if (!wanted && gate_.stale(frame->pts())) return pipeline::Flow::kContinue;
        last_ = frame->pts();
    }
    return out.emit(0, std::move(item));
}

bool PacketGate::take(std::int64_t dts_ns, bool key, bool disposable) {
    if (!backlog_.has_room(dts_ns, key ? kTooMuch : kSkip, kAtStart))
        needs_key_ = true;
    else if (key)
        needs_key_ = false;
    if (needs_key_ || (disposable && !backlog_.has_room(dts_ns, kThin, kAtStart))) return false;
    backlog_.sent(dts_ns);
    return true;
}

bool is_disposable(const LiveSourceTrack& track, Bytes unit) {
    if (track.codec != formats::Codec::kH264 && track.codec != formats::Codec::kHevc) return false;
    Bytes nal;
    const Bytes extradata(track.extradata);
    if (formats::starts_with_start_code(extradata) || extradata.size() < 22) {
        formats::AnnexBNals nals(unit);
        while (nals.next(nal))
            if (!disposable_nal(track.codec, nal)) return false;
        return true;
    }
    // ISO/IEC 14496-15 sections 5.3.3.1 and 8.3.3.1: lengthSizeMinusOne.
    const auto at = track.codec == formats::Codec::kH264 ? 4U : 21U;
    formats::LengthPrefixedNals nals(unit, (std::to_integer<unsigned>(extradata[at]) & 3U) + 1);
    while (nals.next(nal))
        if (!disposable_nal(track.codec, nal)) return false;
    return !nals.damaged();
}

}  // namespace sg::engine

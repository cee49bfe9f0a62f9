#include <limits>

#include <fmt/format.h>

#include <media/timestamp.hpp>
#include <packagers/cmaf_init.hpp>
#include <packagers/live_rendition.hpp>

#include "sample_cleaner.hpp"

namespace sg::packagers {
namespace {

using formats::Codec;

constexpr std::uint32_t kVideoTimescale = 90'000;
constexpr std::int64_t kNanos = 1'000'000'000;

/// Samples at 48 kHz of an Opus packet, RFC 6716 §3.1; 0 when it is none.
std::int64_t opus_samples(std::span<const std::byte> packet) {
    if (packet.empty()) return 0;
    const auto toc = std::to_integer<unsigned>(packet[0]);
    const unsigned config = toc >> 3;
    constexpr std::int64_t kSilk[] = {480, 960, 1920, 2880};
    constexpr std::int64_t kHybrid[] = {480, 960};
    constexpr std::int64_t kCelt[] = {120, 240, 480, 960};
    const std::int64_t frame = config < 12   ? kSilk[config & 3U]
                               : config < 16 ? kHybrid[config & 1U]
                                             : kCelt[config & 3U];
    const unsigned code = toc & 3U;
    if (code == 0) return frame;
    if (code < 3) return 2 * frame;
    return packet.size() < 2 ? 0 : frame * (std::to_integer<unsigned>(packet[1]) & 63U);
}

}  // namespace

Result<LiveRenditionWriter> LiveRenditionWriter::create(LiveRenditionConfig config,
                                                        std::chrono::seconds offset,
                                                        std::chrono::nanoseconds part_target,
                                                        std::chrono::nanoseconds segment) {
    LiveRenditionWriter writer(std::move(config));
    const LiveRenditionConfig& own = writer.config_;
    const Codec codec = own.codec.codec;
    const bool has_nals = codec == Codec::kH264 || codec == Codec::kHevc;
    writer.video_ = formats::is_video(codec);
    if (has_nals && own.codec.nal_length_size == 0) {
        return Error{
            Errc::kInvalidArgument,
            fmt::format("package rendition {}: its codec configuration is empty", own.name)};
    }
    formats::InitTrack track;
    track.timescale = writer.video_ ? kVideoTimescale : own.codec.audio.sample_rate;
    track.config = own.codec;
    track.language = own.language.empty() ? "und" : own.language;
    if (track.timescale == 0) {
        return Error{Errc::kBadData,
                     fmt::format("package rendition {}: its sampling rate is 0", own.name)};
    }
    writer.timescale_ = track.timescale;
    writer.offset_ = offset.count() * writer.timescale_;
    writer.part_target_ =
        media::mul_div(part_target.count(), writer.timescale_, kNanos, media::Rounding::kDown);
    writer.segment_span_ = writer.ticks(segment.count());
    SG_TRY_ASSIGN(CmafInit made, make_cmaf_init(track, writer.offset_));
    auto init = std::make_shared<LiveInit>();
    init->description = std::move(made.description);
    init->description.rendition = own.name;
    init->description.label = own.label;
    init->description.is_default = own.is_default;
    init->description.source_track = own.source_track;
    init->bytes = std::make_shared<const std::vector<std::byte>>(std::move(made.bytes));
    writer.init_ = std::move(init);
    return writer;
}

std::int64_t LiveRenditionWriter::ticks(std::int64_t ns) const {
    return media::mul_div(ns, timescale_, kNanos, media::Rounding::kNearest);
}

std::int64_t LiveRenditionWriter::frame_ticks(std::span<const std::byte> data) const {
    if (video_) return 0;
    if (config_.codec.audio.samples_per_frame != 0) return config_.codec.audio.samples_per_frame;
    return config_.codec.codec == Codec::kOpus ? opus_samples(data) * timescale_ / 48'000 : 0;
}

std::optional<LiveRenditionWriter::Place> LiveRenditionWriter::place(
    const LiveSample& sample) const {
    Place out{ticks(sample.pts_ns), ticks(sample.dts_ns)};
    if (const std::int64_t frame = frame_ticks(sample.data); frame > 0) {
        if (expected_) {
            const std::int64_t late = out.pts - *expected_;
            if (late < -frame) return std::nullopt;
            if (late <= frame) out.pts = *expected_;
        }
        out.dts = out.pts;
        return out;
    }
    if (last_dts_ && out.dts <= *last_dts_) {
        // Two that rounding has made one stay apart.
        if (*last_dts_ - out.dts > 1) return std::nullopt;
        out.dts = *last_dts_ + 1;
    }
    out.pts = std::max(out.pts, out.dts);
    return out;
}

void LiveRenditionWriter::begin_segment(std::int64_t start) {
    segment_start_ = start;
    before_first_dts_ = segment_first_dts_;
    segment_first_dts_.reset();
    parts_made_ = 0;
}

/// Segments repeat: parts divide the one before evenly, so that no scrap is left for the last one,
/// which players skip. None but the last is shorter than 85 % of the target.
bool LiveRenditionWriter::part_is_full(std::int64_t next_dts, std::int64_t estimate) const {
    if (next_dts - held_.front().dts + estimate > part_target_ + rounding()) return true;
    const std::int64_t count =
        std::max<std::int64_t>(1, (segment_span_ - rounding() + part_target_ - 1) / part_target_);
    // The last one goes to the segment's end, wherever that comes to be.
    if (parts_made_ + 1 >= count) return false;
    const std::int64_t share = std::max(segment_span_ / count, shortest_part());
    return next_dts - *segment_first_dts_ + rounding() >= share * (parts_made_ + 1) &&
           next_dts - held_.front().dts >= shortest_part();
}

Status LiveRenditionWriter::settle(std::int64_t next_dts,
                                   std::int64_t estimate,
                                   std::vector<LivePart>& parts) {
    // The last sample came to last longer than expected: it goes into a part of its own.
    if (held_.size() > 1 && next_dts - held_.front().dts > part_target_ + rounding())
        SG_TRY(close(held_.size() - 1, held_.back().dts, parts));
    if (!held_.empty() && part_is_full(next_dts, estimate))
        SG_TRY(close(held_.size(), next_dts, parts));
    return {};
}

Status LiveRenditionWriter::add(const Place& place,
                                LiveSample sample,
                                std::vector<LivePart>& parts) {
    SG_TRY_ASSIGN(const std::size_t size,
                  clean_sample_size(config_.codec, config_.annex_b, sample.data));
    if (size > std::numeric_limits<std::uint32_t>::max())
        return Error{Errc::kLimit, "package sample: it is 4 GiB or larger"};
    if (place.dts + offset_ < 0)
        return Error{
            Errc::kInvalidArgument,
            fmt::format("package a sample of {}: its time is before the timeline", config_.name)};
    const std::int64_t frame = frame_ticks(sample.data);
    if (last_dts_) last_duration_ = place.dts - *last_dts_;
    if (!held_.empty()) {
        // A frame of known length does not last across a hole.
        const std::int64_t end = expected_ ? std::min(place.dts, *expected_) : place.dts;
        SG_TRY(settle(end, frame > 0 ? frame : last_duration_, parts));
    }
    // A part that begins with a key frame is one that players can begin with.
    if (video_ && sample.key && !held_.empty() && place.dts - held_.front().dts >= shortest_part())
        SG_TRY(close(held_.size(), place.dts, parts));
    if (!segment_first_dts_) {
        if (before_first_dts_ && place.dts > *before_first_dts_)
            segment_span_ = place.dts - *before_first_dts_;
        segment_first_dts_ = place.dts;
        if (sample.key) segment_lead_ = place.pts - place.dts;
        segment_latest_pts_ = place.pts;
    }
    segment_latest_pts_ = std::max(segment_latest_pts_, place.pts);
    held_.push_back({place.pts,
                     place.dts,
                     static_cast<std::uint32_t>(size),
                     sample.key || !video_,
                     std::move(sample.data)});
    last_dts_ = place.dts;
    if (frame > 0) {
        last_duration_ = frame;
        expected_ = place.pts + frame;
    }
    return {};
}

std::int64_t LiveRenditionWriter::presented_until() const {
    if (!segment_first_dts_ || !last_dts_) return segment_start_;
    const std::int64_t lasts = std::max<std::int64_t>(1, last_duration_);
    const auto decoded = [this](std::int64_t dts) {
        return segment_start_ + (dts - *segment_first_dts_);
    };
    const std::int64_t until = decoded(*last_dts_) + lasts;
    if (!video_ || held_.empty()) return until;
    // A picture that others were to be shown before, had it not ended there; as far as its part has
    // room.
    return std::max(
        until, std::min(segment_latest_pts_ + lasts, decoded(held_.front().dts) + part_target_));
}

Status LiveRenditionWriter::end_segment(std::optional<std::int64_t> next_dts,
                                        std::int64_t end,
                                        std::vector<LivePart>& parts) {
    const std::size_t before = parts.size();
    if (!held_.empty()) {
        std::int64_t end_dts = held_.back().dts + std::max<std::int64_t>(1, last_duration_);
        // Across a hole the last sample does not last; frames of known length never do.
        const bool known = next_dts && expected_ == std::nullopt &&
                           *next_dts - held_.front().dts <= 2 * part_target_;
        if (known && *next_dts <= end) {
            end_dts = *next_dts;
        } else if (video_) {
            // A picture with none behind it is seen until the segment ends.
            end_dts = std::max(end - segment_lead_, held_.back().dts + 1);
        }
        SG_TRY(settle(end_dts, 0, parts));
        if (!held_.empty()) SG_TRY(close(held_.size(), end_dts, parts));
    }
    if (parts.size() > before) {
        LivePart& last = parts.back();
        const std::int64_t duration = end - last.start;
        if (duration > 0 && duration <= part_target_) last.duration = duration;
    }
    return {};
}

Status LiveRenditionWriter::close(std::size_t count,
                                  std::int64_t end_dts,
                                  std::vector<LivePart>& parts) {
    table_.clear();
    std::size_t payload = 0;
    LivePart part;
    for (std::size_t i = 0; i < count; ++i) {
        const Held& h = held_[i];
        const std::int64_t next = i + 1 < held_.size() ? held_[i + 1].dts : end_dts;
        const std::int64_t duration = (i + 1 == count ? end_dts : next) - h.dts;
        const std::int64_t offset = h.pts - h.dts;
        if (duration > std::numeric_limits<std::uint32_t>::max() ||
            offset > std::numeric_limits<std::int32_t>::max()) {
            held_.clear();
            return Error{Errc::kBadData,
                         fmt::format("package {}: two samples are hours apart", config_.name)};
        }
        table_.push_back({h.size,
                          static_cast<std::uint32_t>(duration),
                          static_cast<std::int32_t>(offset),
                          h.key});
        payload += h.size;
        part.independent |= h.key;
    }
    header_.clear();
    if (parts_made_ == 0) formats::append_segment_type(header_);
    formats::Fragment fragment;
    fragment.sequence = ++sequence_;
    fragment.decode_time = static_cast<std::uint64_t>(held_.front().dts + offset_);
    fragment.samples = table_;
    SG_TRY(formats::append_fragment_header(fragment, header_));
    std::vector<std::byte> bytes;
    bytes.reserve(header_.size() + payload);
    bytes.insert(bytes.end(), header_.begin(), header_.end());
    for (std::size_t i = 0; i < count; ++i)
        SG_TRY(append_clean_sample(config_.codec, config_.annex_b, held_[i].data, bytes));
    part.start = segment_start_ + (held_.front().dts - *segment_first_dts_);
    part.duration = end_dts - held_.front().dts;
    if (part.duration - part_target_ <= rounding())
        part.duration = std::min(part.duration, part_target_);
    part.samples = static_cast<std::uint32_t>(count);
    part.bytes = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    parts.push_back(std::move(part));
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
    ++parts_made_;
    return {};
}

void LiveRenditionWriter::reset_times() {
    held_.clear();
    last_dts_.reset();
    before_first_dts_.reset();
    segment_first_dts_.reset();
    expected_.reset();
    last_duration_ = 0;
}

}  // namespace sg::packagers

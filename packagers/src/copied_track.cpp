#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <packagers/copied_track.hpp>

#include "held_end.hpp"

namespace sg::packagers {
namespace {

Error unsupported(const char* why) {
    return Error{Errc::kUnsupported, fmt::format("copy by sample tables: {}", why)};
}
Error mismatch(std::size_t segment, const char* why) {
    return Error{Errc::kMismatch, fmt::format("copy segment {}: {}", segment + 1, why)};
}

/// A key frame of a video track is a fragment of its own, as CmafTrackWriter makes them.
std::vector<std::size_t> fragment_starts(std::span<const LayoutSample> samples, bool video) {
    std::vector<std::size_t> starts{0};
    for (std::size_t i = 1; video && i < samples.size(); ++i) {
        if (samples[i].key || samples[i - 1].key) starts.push_back(i);
    }
    return starts;
}

}  // namespace

CopiedTrack::CopiedTrack(CopiedTrackConfig config,
                         CopyTimes times,
                         const formats::SampleTable& table)
    : config_(std::move(config)), times_(times), cursor_(table) {}

bool CopiedTrack::decodable(std::int64_t pts_ns, bool key) {
    if (!first_pts_)
        first_pts_ = pts_ns;
    else if (key)
        first_group_ = false;
    // Pictures shown before the first key frame lack what they refer to.
    return !first_group_ || pts_ns >= *first_pts_;
}

/// Samples up to the next border; false at the end of the track.
Result<bool> CopiedTrack::fill() {
    const auto last = config_.borders.size() - 2;
    if (ahead_) {
        samples_.push_back(ahead_->sample);
        extents_.push_back(ahead_->extent);
        ahead_.reset();
    }
    formats::Sample s;
    while (cursor_.next(s) && s.index < config_.span.end) {
        if (s.description != 1) return unsupported("the stream changes its parameters on the way");
        if (s.size == 0) return unsupported("a sample is empty");
        if (config_.video && s.index == config_.span.first && !s.key)
            return unsupported("the first picture is no key frame");
        const auto source_pts = s.dts + s.composition_offset + config_.span.pts_offset;
        const auto pts_ns = config_.timeline.to_presentation(
            source_pts, config_.timebase, static_cast<std::int64_t>(s.offset));
        if (config_.video && !decodable(pts_ns, s.key)) continue;
        const auto duration_ns = media::rescale(
            s.duration, config_.timebase, media::kNanoseconds, media::Rounding::kNearest);
        const auto placed = times_.place(
            pts_ns, duration_ns, s.index - config_.span.first < config_.span.discarded);
        if (!placed) continue;
        const bool key = !config_.video || s.key;
        const auto duration =
            config_.sample_duration > 0 ? config_.sample_duration : placed->duration;
        Pending pending{{placed->pts, static_cast<std::uint32_t>(duration), s.size, key},
                        {s.offset, s.size}};
        const bool border = key && current_ < last && placed->pts >= config_.borders[current_ + 1];
        if (border && !samples_.empty()) {
            ahead_ = pending;
            return true;
        }
        if (border) return mismatch(current_, "it has no samples");
        if (samples_.empty() && config_.video && placed->pts != config_.borders[current_])
            return mismatch(current_, "it does not start at its border");
        samples_.push_back(pending.sample);
        extents_.push_back(pending.extent);
    }
    if (cursor_.damaged()) return unsupported("the sample table is damaged");
    return false;
}

Result<std::optional<CopiedSegment>> CopiedTrack::next() {
    if (ended_) return std::optional<CopiedSegment>();
    if (!std::exchange(sought_, true)) {
        if (config_.borders.size() < 2) return mismatch(0, "the plan has no borders");
        if (config_.timeline.epochs().size() != 1) return unsupported("the source's clock jumps");
        SG_TRY(cursor_.seek(config_.span.first));
    }
    SG_TRY_ASSIGN(const bool more, fill());
    if (more) return close();
    ended_ = true;
    if (current_ + 2 != config_.borders.size() || samples_.empty())
        return mismatch(current_, "the source ends before it");
    return close();
}

Result<std::optional<CopiedSegment>> CopiedTrack::close() {
    // The first sample of a later segment was met as the border; the plan says where it must stand.
    if (config_.video && samples_.front().pts != config_.borders[current_])
        return mismatch(current_, "it does not start at its border");
    std::optional<std::int64_t> end;
    if (config_.video) {
        end = config_.borders[current_ + 1];
    } else if (config_.hold_last_sample && current_ + 2 == config_.borders.size()) {
        const auto& last = samples_.back();
        end = held_end(last.pts + last.duration, config_.borders.back(), config_.timescale);
    }
    const auto number = static_cast<std::int64_t>(current_) + 1;
    CopiedSegment segment;
    SG_TRY_ASSIGN(
        segment.layout,
        lay_out_segment(
            config_.layout, number, samples_, fragment_starts(samples_, config_.video), end));
    auto& index = segment.layout.index;
    std::int64_t filled = index.start;
    if (last_end_ && *last_end_ != index.start)
        return mismatch(current_, "it does not start where the one before ends");
    last_end_ = index.start + index.duration;
    if (config_.hold_last_sample && current_ + 2 == config_.borders.size()) {
        for (const auto& s : samples_) filled = std::max(filled, s.pts + s.duration);
        index.duration = std::min(index.duration, filled - index.start);
    }
    segment.samples = std::exchange(extents_, {});
    samples_.clear();
    ++current_;
    return std::optional(std::move(segment));
}

}  // namespace sg::packagers

#include "index_video.hpp"

#include <algorithm>

namespace sg::engine {
namespace {

using media::kNoTime;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
/// Pictures are reordered by at most 16 frames, 32 fields (ISO/IEC 14496-10 section A.3.1).
constexpr std::size_t kReorderWindow = 36;
constexpr std::size_t kMaxGaps = 100;
constexpr std::int64_t kLeastGap = 100 * kMs;
/// Streams refreshed bit by bit have no key frames: after so many packets the first one must do.
constexpr std::int64_t kPatience = 600;
constexpr std::int64_t kThinSpacing = kSecond / 2;

std::vector<media::Rational> hints(const ingest::StreamFacts& facts) {
    return {facts.video.declared_rate, facts.video.average_rate};
}

}  // namespace

VideoTracker::VideoTracker(const ingest::StreamFacts& facts, std::int64_t max_key_frames)
    : max_key_frames_(max_key_frames), meter_(facts.timebase, hints(facts)) {
    index_.stream = facts.index;
}

void VideoTracker::add_key(const IndexRecord& record, std::int64_t ns) {
    ++keys_in_a_row_;
    // Every picture a key frame: the list holds what seeking needs.
    if (keys_in_a_row_ > 3 && ns < last_key_ns_ + kThinSpacing) {
        index_.key_frames_thinned = true;
        return;
    }
    if (std::ssize(index_.key_frames) >= max_key_frames_) {
        index_.key_frames_thinned = true;
        return;
    }
    KeyFrame key;
    key.pts = record.pts;
    key.dts = record.dts;
    key.position = record.position;
    key.presentation_ns = ns;
    key.idr = record.idr;
    index_.key_frames.push_back(key);
    last_key_ns_ = ns;
}

void VideoTracker::add(const IndexRecord& record) {
    const std::int64_t ns = record.pts_ns + record.shift_ns;
    index_.bytes += record.bytes;
    const std::int64_t second = ns / kSecond;
    if (second != second_) {
        second_ = second;
        second_bytes_ = 0;
    }
    second_bytes_ += record.bytes;
    index_.largest_second_bytes = std::max(index_.largest_second_bytes, second_bytes_);

    if (record.filled) ++index_.untimed;
    if (record.second_field) {
        index_.field_pairs = true;
        return;
    }
    if (record.key) {
        add_key(record, ns);
    } else {
        keys_in_a_row_ = 0;
    }
    if (!started_) {
        if (!record.key && index_.lost_before_key_frame < kPatience) {
            ++index_.lost_before_key_frame;
            return;
        }
        started_ = true;
        start_ns_ = ns;
        if (index_.key_frames.empty()) {
            add_key(record, ns);
            index_.key_frames.back().idr = false;
        }
    }
    if (record.dts != kNoTime)
        index_.reorder_ns = std::max(index_.reorder_ns, record.pts_ns - record.time_ns);
    if (!record.key && !index_.key_frames.empty() &&
        ns < index_.key_frames.back().presentation_ns) {
        if (!index_.key_frames_thinned || keys_in_a_row_ == 0) {
            index_.key_frames.back().closed = false;
            index_.has_leading_pictures = true;
        }
        // Led by a key frame that is not in the source.
        if (index_.key_frames.size() == 1 && ns < start_ns_) {
            ++index_.lost_before_key_frame;
            return;
        }
    }
    if (record.discard) {
        ++index_.discarded;
        return;
    }
    index_.reorders |= ns < newest_ns_;
    newest_ns_ = std::max(newest_ns_, ns);
    waiting_.push({ns, record.pts, record.shift_ns, record.duration_ns});
    if (waiting_.size() > kReorderWindow) {
        show(waiting_.top());
        waiting_.pop();
    }
}

void VideoTracker::show(const Shown& picture) {
    if (!any_shown_) {
        any_shown_ = true;
        index_.first_ns = picture.ns;
        index_.frames = 1;
        last_ = picture;
        meter_.add(picture.pts);
        return;
    }
    const std::int64_t delta = picture.ns - last_.ns;
    if (delta <= 0) {
        ++index_.duplicates;
        return;
    }
    ++index_.frames;
    const bool new_epoch = picture.shift_ns != last_.shift_ns;
    std::int64_t usual = 0;
    if (meter_.usual_delta() > 0 && last_.pts != picture.pts && !new_epoch)
        usual = media::mul_div(delta,
                               meter_.usual_delta(),
                               std::max<std::int64_t>(1, picture.pts - last_.pts),
                               media::Rounding::kNearest);
    const bool gap = usual > 0 && delta > kLeastGap && delta > usual * 5 / 2;
    if (gap) {
        const std::int64_t end = last_.ns + usual;
        ++index_.gap_count;
        if (index_.gaps.size() < kMaxGaps) index_.gaps.push_back({end, picture.ns - end});
    }
    if (new_epoch || (gap && delta > kSecond)) meter_.skip();
    meter_.add(picture.pts);
    if (index_.min_delta_ns == 0 || delta < index_.min_delta_ns) index_.min_delta_ns = delta;
    index_.max_delta_ns = std::max(index_.max_delta_ns, delta);
    last_ = picture;
}

VideoIndex VideoTracker::finish() {
    for (; !waiting_.empty(); waiting_.pop()) show(waiting_.top());
    if (!any_shown_) return std::move(index_);
    const auto verdict = meter_.verdict();
    index_.last_ns = last_.ns;
    index_.constant_rate =
        verdict.constant && index_.gap_count <= std::max<std::int64_t>(2, index_.frames / 100);
    index_.frame_rate = verdict.rate;
    index_.grid_rate = verdict.grid_rate;
    for (const auto& d : verdict.deltas) {
        const std::int64_t rounded = (d.delta_ns + 50'000) / 100'000 * 100'000;
        const auto same = std::find_if(index_.deltas.begin(),
                                       index_.deltas.end(),
                                       [&](const DeltaCount& c) { return c.delta_ns == rounded; });
        if (same != index_.deltas.end())
            same->count += d.count;
        else
            index_.deltas.push_back({rounded, d.count});
    }
    std::int64_t last_duration = last_.duration_ns;
    const std::int64_t usual =
        verdict.rate.positive()
            ? media::mul_div(kSecond, verdict.rate.den, verdict.rate.num, media::Rounding::kNearest)
            : 0;
    // Containers guess the last duration; a constant rate knows it.
    if (index_.constant_rate || last_duration <= 0) last_duration = usual;
    if (last_duration <= 0 || last_duration > 10 * kSecond)
        last_duration = usual > 0 ? usual : kSecond / 25;
    index_.end_ns = last_.ns + last_duration;
    return std::move(index_);
}

}  // namespace sg::engine

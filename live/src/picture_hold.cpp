#include "picture_hold.hpp"

#include <algorithm>

#include <base/log.hpp>
#include <formats/nal.hpp>

namespace sg::live {
namespace {

/// Pictures may be so far behind the sound; packaging would soon go on without them.
constexpr std::int64_t kPatienceNs = 1'500'000'000;
/// Pictures that come rarely are waited for longer.
constexpr std::int64_t kPatienceIntervals = 4;
/// Where open GOPs follow, a closed key frame of longer ago shows what is long past.
constexpr std::int64_t kOldKeyNs = 5'000'000'000;

bool is_closed_key(const ingest::LiveTrack& track, const ingest::TimedUnit& unit) {
    if (!unit.key || unit.damaged) return false;
    const auto& config = track.config;
    if (config.codec != formats::Codec::kH264 && config.codec != formats::Codec::kHevc) return true;
    const auto codec =
        config.codec == formats::Codec::kH264 ? formats::NalCodec::kH264 : formats::NalCodec::kHevc;
    const unsigned lengths = track.annex_b ? 0 : config.nal_length_size;
    return formats::access_unit_random_access(codec, unit.data, lengths) ==
           formats::RandomAccess::kClosed;
}

bool same_pictures(const ingest::LiveTrack& a, const ingest::LiveTrack& b) {
    return a.config.codec == b.config.codec && a.config.payload == b.config.payload &&
           a.config.parameter_sets == b.config.parameter_sets && a.annex_b == b.annex_b;
}

}  // namespace

std::int64_t PictureHold::Video::patience_ns() const {
    return std::max(kPatienceNs, kPatienceIntervals * interval_ns);
}

void PictureHold::on_track(const ingest::LiveTrack& track) {
    if (formats::is_video(track.config.codec)) {
        const auto [entry, fresh] = videos_.try_emplace(track.id);
        auto& video = entry->second;
        const bool same = !fresh && same_pictures(video.track, track);
        // As if it had never been away.
        if (same && std::exchange(video.ended, false)) return;
        video.track = track;
        video.ended = false;
        if (!same) {
            video.key.clear();
            video.holding = false;
        }
    }
    sink_.on_track(track);
}

void PictureHold::on_unit(ingest::TimedUnit unit) {
    if (const auto found = videos_.find(unit.track); found != videos_.end()) {
        if (take_picture(unit.track, found->second, unit)) sink_.on_unit(std::move(unit));
        return;
    }
    const auto time_ns = unit.dts_ns;
    const auto arrival_ns = unit.arrival_ns;
    sound_ns_ = std::max(sound_ns_, time_ns);
    sink_.on_unit(std::move(unit));
    for (auto& [id, video] : videos_) {
        if (!video.due_ns || video.key.empty()) continue;
        if (video.holding || video.ended || time_ns - *video.due_ns > video.patience_ns())
            hold(id, video, time_ns, arrival_ns);
    }
}

bool PictureHold::take_picture(int id, Video& video, const ingest::TimedUnit& unit) {
    video.lag_ns = std::clamp(sound_ns_ - unit.dts_ns, video.lag_ns, kPatienceNs);
    if (video.holding) {
        // What a repeat refers to is gone; pictures begin again with a key frame.
        if (!unit.key || unit.dts_ns <= video.last_dts_ns) return false;
        video.holding = false;
        video.interval_ns = 0;
        log::info("live_pictures_back channel={} track={}", channel_, id);
    } else if (video.due_ns) {
        video.interval_ns = unit.dts_ns - video.last_dts_ns;
    }
    if (is_closed_key(video.track, unit)) {
        video.key = unit.data;
        video.key_dts_ns = unit.dts_ns;
    } else if (unit.key && unit.dts_ns - video.key_dts_ns > kOldKeyNs) {
        video.key.clear();
    }
    video.last_dts_ns = unit.dts_ns;
    const auto lasts_ns = video.interval_ns > 0 ? video.interval_ns : cadence_ns_;
    video.due_ns = std::max(video.due_ns.value_or(unit.pts_ns), unit.pts_ns + lasts_ns);
    return true;
}

/// A repeat is sent when all of its time has passed, and as much more as pictures lag behind sound,
/// so that those that are back find their place.
void PictureHold::hold(int id, Video& video, std::int64_t until_ns, std::int64_t arrival_ns) {
    while (*video.due_ns + cadence_ns_ + video.lag_ns <= until_ns) {
        if (!std::exchange(video.holding, true))
            log::info(
                "live_pictures_missing channel={} track={} effect=\"the last key frame stays\"",
                channel_,
                id);
        ingest::TimedUnit unit;
        unit.track = id;
        unit.pts_ns = unit.dts_ns = *video.due_ns;
        unit.arrival_ns = arrival_ns;
        unit.key = true;
        unit.data = video.key;
        video.last_dts_ns = *video.due_ns;
        *video.due_ns += cadence_ns_;
        ++pictures_;
        sink_.on_unit(std::move(unit));
    }
}

/// Whether no other pictures are seen.
bool PictureHold::alone(int track) const {
    return std::none_of(videos_.begin(), videos_.end(), [track](const auto& each) {
        const auto& video = each.second;
        return each.first != track && video.due_ns && !video.holding && !video.ended;
    });
}

void PictureHold::on_track_end(int track) {
    const auto found = videos_.find(track);
    if (found != videos_.end()) {
        auto& video = found->second;
        if (video.due_ns && !video.key.empty() && alone(track)) {
            video.ended = true;
            return;
        }
        videos_.erase(found);
    }
    sink_.on_track_end(track);
}

void PictureHold::on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) {
    for (auto& [id, video] : videos_) {
        if (video.due_ns) video.due_ns = std::max(discontinuity.at_ns, *video.due_ns);
    }
    sink_.on_discontinuity(discontinuity);
}

}  // namespace sg::live

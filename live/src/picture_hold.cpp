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

void PictureHold::Video::forget() {
    gop.clear();
    holding = false;
    cut_ns.reset();
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
        if (!same) video.forget();
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
        if (!video.due_ns || video.gop.empty()) continue;
        if (video.holding || video.ended || time_ns - *video.due_ns > video.patience_ns())
            hold(id, video, time_ns, arrival_ns);
    }
}

bool PictureHold::take_picture(int id, Video& video, const ingest::TimedUnit& unit) {
    video.lag_ns = std::clamp(sound_ns_ - unit.dts_ns, video.lag_ns, kPatienceNs);
    const bool away = video.lost_place();
    const bool passes = !away || come_back(id, video, unit);
    if (is_closed_key(video.track, unit)) {
        video.gop.begin(unit);
    } else if (unit.key || unit.damaged) {
        video.gop.keep_key_only();
        if (unit.key && !video.gop.empty() && unit.dts_ns - video.gop.key_dts_ns() > kOldKeyNs)
            video.gop.clear();
    } else {
        video.gop.add(unit);
    }
    if (!passes) return false;
    video.interval_ns = away || !video.due_ns ? 0 : unit.dts_ns - video.last_dts_ns;
    video.last_dts_ns = unit.dts_ns;
    const auto lasts_ns = video.interval_ns > 0 ? video.interval_ns : cadence_ns_;
    video.due_ns = std::max(video.due_ns.value_or(unit.pts_ns), unit.pts_ns + lasts_ns);
    return true;
}

bool PictureHold::come_back(int id, Video& video, const ingest::TimedUnit& unit) {
    if (unit.key ? unit.dts_ns <= video.last_dts_ns : unit.damaged || !send_again(video, unit)) {
        // Behind a border nothing is seen before the next key frame, and no sound is heard: what
        // there is of pictures goes on at once.
        if (!video.holding && !video.gop.empty() && !video.gop.whole() && sound_ns_ > 0)
            begin_hold(id, video);
        // Without a key frame there is nothing to wait for here.
        if (video.holding || video.gop.whole()) return false;
    }
    if (unit.key) fill(video, unit);
    if (std::exchange(video.holding, false))
        log::info("live_pictures_back channel={} track={}", channel_, id);
    video.cut_ns.reset();
    return true;
}

/// The GOP so far, up to `next`.
bool PictureHold::send_again(Video& video, const ingest::TimedUnit& next) {
    if (!video.gop.whole()) return false;
    auto from_ns = video.last_dts_ns + LastGop::kTickNs;
    if (!video.holding) from_ns = std::max(from_ns, *video.cut_ns - video.gop.lead_ns());
    auto pictures = video.gop.squeezed(from_ns, next);
    if (pictures.empty()) return false;
    fill(video, pictures.front());
    pictures_ += pictures.size();
    for (auto& picture : pictures) sink_.on_unit(std::move(picture));
    return true;
}

/// No repeat lasts longer than the others.
void PictureHold::fill(Video& video, const ingest::TimedUnit& until) {
    while (video.holding && !video.gop.empty() && *video.due_ns + LastGop::kTickNs < until.dts_ns)
        repeat(video, until.arrival_ns - (until.dts_ns - *video.due_ns));
}

void PictureHold::begin_hold(int id, Video& video) {
    video.holding = true;
    log::info("live_pictures_missing channel={} track={} effect=\"the last key frame stays\"",
              channel_,
              id);
}

/// A repeat is sent when all of its time has passed, and as much more as pictures lag behind sound,
/// so that those that are back find their place.
void PictureHold::hold(int id, Video& video, std::int64_t until_ns, std::int64_t arrival_ns) {
    while (*video.due_ns + cadence_ns_ + video.lag_ns <= until_ns) {
        if (!video.holding) begin_hold(id, video);
        repeat(video, arrival_ns);
    }
}

void PictureHold::repeat(Video& video, std::int64_t arrival_ns) {
    auto unit = video.gop.key();
    unit.pts_ns = unit.dts_ns = *video.due_ns;
    unit.arrival_ns = arrival_ns;
    video.last_dts_ns = *video.due_ns;
    *video.due_ns += cadence_ns_;
    ++pictures_;
    sink_.on_unit(std::move(unit));
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
        if (video.due_ns && !video.gop.empty() && alone(track)) {
            video.ended = true;
            return;
        }
        videos_.erase(found);
    }
    sink_.on_track_end(track);
}

void PictureHold::on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) {
    for (auto& [id, video] : videos_) {
        if (!video.due_ns) continue;
        if (!video.holding && !video.cut_ns) video.cut_ns = video.due_ns;
        video.due_ns = std::max(discontinuity.at_ns, *video.due_ns);
    }
    sink_.on_discontinuity(discontinuity);
}

}  // namespace sg::live

#include "silence_fill.hpp"

#include <algorithm>
#include <utility>

#include <base/log.hpp>

namespace sg::live {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
/// Sound may be so far behind the pictures; packaging would soon go on without it.
constexpr std::int64_t kPatienceNs = 1'500'000'000;

bool same_sound(const ingest::LiveTrack& a, const ingest::LiveTrack& b) {
    return a.config.codec == b.config.codec && a.config.payload == b.config.payload &&
           a.language == b.language;
}

}  // namespace

std::int64_t SilenceFill::Sound::frame_ns(std::int64_t frames) const {
    const std::int64_t samples = frames * silence->samples;
    const std::int64_t rate = track.config.audio.sample_rate;
    return samples / rate * kSecondNs + samples % rate * kSecondNs / rate;
}

void SilenceFill::on_track(const ingest::LiveTrack& track) {
    if (formats::is_video(track.config.codec)) {
        sink_.on_track(track);
        return;
    }
    const auto [entry, fresh] = sounds_.try_emplace(track.id);
    auto& sound = entry->second;
    // As if it had never been away.
    if (!fresh && std::exchange(sound.ended, false) && same_sound(sound.track, track)) return;
    sound.track = track;
    sound.silence = formats::silent_frame(track.config);
    if (track.config.audio.sample_rate == 0) sound.silence.reset();
    if (sound.base_ns && sound.silence) {
        // Frames may have another length now.
        sound.base_ns = sound.due_ns();
        sound.count = 0;
    }
    sink_.on_track(track);
}

void SilenceFill::on_unit(ingest::TimedUnit unit) {
    if (const auto found = sounds_.find(unit.track); found != sounds_.end()) {
        if (take_sound(unit.track, found->second, unit)) sink_.on_unit(std::move(unit));
        return;
    }
    const auto time_ns = unit.dts_ns;
    const auto arrival_ns = unit.arrival_ns;
    pictures_ns_ = std::max(pictures_ns_, time_ns);
    sink_.on_unit(std::move(unit));
    for (auto& [id, sound] : sounds_) {
        if (!sound.silence || !sound.base_ns) continue;
        if (!sound.filling && (sound.ended || time_ns - sound.due_ns() > kPatienceNs)) {
            sound.filling = true;
            log::info("live_sound_missing channel={} track={} effect=\"silence\"", channel_, id);
        }
        // Sound that always lags finds its place when it is back.
        if (sound.filling) fill(id, sound, time_ns - sound.lag_ns, arrival_ns);
    }
}

bool SilenceFill::take_sound(int id, Sound& sound, const ingest::TimedUnit& unit) {
    if (!sound.silence) return true;
    sound.lag_ns = std::clamp(pictures_ns_ - unit.pts_ns, sound.lag_ns, kPatienceNs);
    if (sound.filling) {
        if (unit.pts_ns + sound.frame_ns(1) / 2 < sound.due_ns()) return false;
        fill(id, sound, unit.pts_ns, unit.arrival_ns);
        sound.filling = false;
        log::info("live_sound_back channel={} track={}", channel_, id);
    }
    sound.base_ns = unit.pts_ns;
    sound.count = 1;
    return true;
}

void SilenceFill::fill(int id, Sound& sound, std::int64_t until_ns, std::int64_t arrival_ns) {
    const auto half_ns = sound.frame_ns(1) / 2;
    while (sound.due_ns() + half_ns < until_ns) {
        ingest::TimedUnit unit;
        unit.track = id;
        unit.pts_ns = unit.dts_ns = sound.due_ns();
        unit.arrival_ns = arrival_ns;
        unit.key = true;
        unit.data = sound.silence->bytes;
        ++sound.count;
        ++frames_;
        sink_.on_unit(std::move(unit));
    }
}

/// Whether no other sound is heard.
bool SilenceFill::alone(int track) const {
    return std::none_of(sounds_.begin(), sounds_.end(), [track](const auto& each) {
        const auto& sound = each.second;
        return each.first != track && sound.base_ns && !sound.filling && !sound.ended;
    });
}

void SilenceFill::on_track_end(int track) {
    const auto found = sounds_.find(track);
    if (found == sounds_.end()) {
        sink_.on_track_end(track);
        return;
    }
    auto& sound = found->second;
    if (sound.silence && sound.base_ns && alone(track)) {
        sound.ended = true;
        return;
    }
    sounds_.erase(found);
    sink_.on_track_end(track);
}

void SilenceFill::on_discontinuity(const ingest::TimelineDiscontinuity& discontinuity) {
    for (auto& [id, sound] : sounds_) {
        if (!sound.base_ns || !sound.silence) continue;
        sound.base_ns = std::max(discontinuity.at_ns, sound.due_ns());
        sound.count = 0;
    }
    sink_.on_discontinuity(discontinuity);
}

}  // namespace sg::live

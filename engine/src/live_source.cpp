#include "live_source.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <media_av/libav.hpp>
#include <pipeline/packaged_codec.hpp>

namespace sg::engine {
namespace {

using media::MediaType;
using pipeline::PortItem;

constexpr std::int64_t kMillisecond = 1'000'000;
/// Holes up to this are bridged: the last picture is held, silence fills in.
constexpr std::int64_t kBridged = 1'000 * kMillisecond;
/// A track of which nothing came while another one went on for so long has stopped.
constexpr std::int64_t kStopped = 700 * kMillisecond;
/// What fills in for it stays so far behind, so that nothing is lost when it comes back.
constexpr std::int64_t kBehind = 500 * kMillisecond;
constexpr std::int64_t kTick = 100 * kMillisecond;

media::StreamInfoPtr stream_info(const LiveSourceTrack& track, int port) {
    auto info = std::make_shared<media::StreamInfo>();
    info->index = port;
    info->codec = pipeline::codec_id(track.codec);
    info->codec_detail = std::string(media::codec_name(info->codec));
    info->timebase = media::kNanoseconds;
    info->extradata = track.extradata;
    if (formats::is_video(track.codec)) {
        info->type = MediaType::kVideo;
        info->width = static_cast<int>(track.video.width);
        info->height = static_cast<int>(track.video.height);
        if (track.video.sar_num > 0 && track.video.sar_den > 0)
            info->sar = {track.video.sar_num, track.video.sar_den};
        info->colour = {static_cast<int>(track.video.colour_primaries),
                        static_cast<int>(track.video.transfer),
                        static_cast<int>(track.video.matrix),
                        track.video.full_range};
    } else {
        info->type = MediaType::kAudio;
        info->sample_rate = static_cast<int>(track.audio.sample_rate);
        info->channels = static_cast<int>(track.audio.channels);
        info->frame_samples = static_cast<int>(track.audio.samples_per_frame);
        info->bits_per_coded_sample = static_cast<int>(track.audio.bits_per_sample);
    }
    return info;
}

media::StreamInfoPtr clock_info(int port) {
    auto info = std::make_shared<media::StreamInfo>();
    info->index = port;
    info->timebase = media::kNanoseconds;
    return info;
}

}  // namespace

LiveSource::LiveSource(LiveStart start, Settings settings, LiveInput& input)
    : start_(std::move(start)), settings_(std::move(settings)), input_(input) {
    newest_ns_ = start_.origin_ns;
    for (const auto& seen : start_.tracks) {
        known_.push_back(seen.track.id);
        const auto port = settings_.ports.find(seen.track.id);
        if (port == settings_.ports.end()) continue;
        Track track;
        track.id = seen.track.id;
        track.port = port->second;
        track.last_ns = start_.origin_ns;
        if (formats::is_video(seen.track.codec)) track.rate.emplace(seen.rate, seen.track.video);
        tracks_.push_back(std::move(track));
    }
    for (auto& track : tracks_) {
        track.marks.assign(tracks_.size(), start_.origin_ns);
        ready_.push_back({clock_of(track), pipeline::StreamStart{clock_info(clock_of(track))}});
    }
    for (const auto& seen : start_.tracks)
        if (const auto* track = find(seen.track.id)) start_stream(seen.track, *track);
    for (const auto& unit : std::exchange(start_.past, {}))
        if (const auto* track = find(unit.track)) ready_.push_back(item_of(unit, track->port));
}

LiveSource::Track* LiveSource::find(int id) {
    const auto found = std::ranges::find(tracks_, id, &Track::id);
    return found == tracks_.end() ? nullptr : &*found;
}

int LiveSource::clock_of(const Track& track) const {
    return track.port + static_cast<int>(settings_.ports.size());
}

void LiveSource::start_stream(const LiveSourceTrack& described, const Track& track) {
    ready_.push_back({track.port, pipeline::StreamStart{stream_info(described, track.port)}});
}

PortItem LiveSource::item_of(const ingest::TimedUnit& unit, int port) const {
    media::Packet packet;
    auto* native = packet.native();
    if (av_new_packet(native, static_cast<int>(unit.data.size())) == 0)
        std::memcpy(native->data, unit.data.data(), unit.data.size());
    native->pts = unit.pts_ns - start_.origin_ns;
    native->dts = unit.dts_ns - start_.origin_ns;
    native->stream_index = port;
    if (unit.key) native->flags |= AV_PKT_FLAG_KEY;
    return {port, std::move(packet)};
}

void LiveSource::end(std::optional<LiveInputMessage> again) {
    for (; !start_.units.empty(); start_.units.pop_back())
        input_.put_back(std::move(start_.units.back()));
    if (again) input_.put_back(std::move(*again));
    for (const auto& track : tracks_) {
        ready_.push_back({track.port, pipeline::EndOfStream{}});
        ready_.push_back({clock_of(track), pipeline::EndOfStream{}});
    }
}

void LiveSource::advance(Track& track, std::int64_t dts_ns) {
    newest_ns_ = std::max(newest_ns_, dts_ns);
    track.last_ns = dts_ns;
    if (!std::exchange(track.begun, true)) {
        const auto number = static_cast<std::size_t>(&track - tracks_.data());
        for (auto& other : tracks_) other.marks[number] = dts_ns;
    }
    for (std::size_t i = 0; i < tracks_.size(); ++i) track.marks[i] = tracks_[i].last_ns;
    track.ticked_ns = dts_ns;
    tick();
}

/// How late a track is against others is its own affair; that it stops while they go on is not.
void LiveSource::tick() {
    for (auto& track : tracks_) {
        std::int64_t passed = 0;
        for (std::size_t i = 0; i < tracks_.size(); ++i)
            passed = std::max(passed, tracks_[i].last_ns - track.marks[i]);
        const auto now = track.last_ns + passed - kBehind;
        if (passed < kStopped || now < track.ticked_ns + kTick) continue;
        track.ticked_ns = now;
        media::Packet packet;
        packet.native()->pts = packet.native()->dts = now - start_.origin_ns;
        ready_.push_back({clock_of(track), std::move(packet)});
    }
}

bool LiveSource::passes_gate(const Track& track, const ingest::TimedUnit& unit) {
    if (!track.rate) return true;
    const auto described = input_.tracks.find(track.id);
    const bool disposable = described != input_.tracks.end() && !unit.key &&
                            is_disposable(described->second, unit.data);
    return settings_.gate->take(unit.dts_ns - start_.origin_ns, unit.key, disposable);
}

Status LiveSource::take(ingest::TimedUnit unit) {
    auto* track = find(unit.track);
    const auto described = input_.tracks.find(unit.track);
    const bool known = std::ranges::find(known_, unit.track) != known_.end();
    const bool comes_late = !known && described != input_.tracks.end() &&
                            (unit.key || !formats::is_video(described->second.codec));
    const bool hole = track != nullptr && unit.dts_ns - newest_ns_ > kBridged;
    const bool faster = track != nullptr && unit.key && track->rate && track->rate->changed();
    if (comes_late || hole || faster) {
        end(std::move(unit));
        return {};
    }
    if (track == nullptr || unit.data.empty()) return {};
    if (track->rate) track->rate->picture(unit.dts_ns);
    if (!passes_gate(*track, unit)) {
        newest_ns_ = std::max(newest_ns_, unit.dts_ns);
        return settings_.dropped();
    }
    ready_.push_back(item_of(unit, track->port));
    advance(*track, unit.dts_ns);
    return {};
}

void LiveSource::take(LiveSourceTrack described) {
    auto* track = find(described.id);
    if (track != nullptr && !settings_.serves(described)) {
        end(std::move(described));
        return;
    }
    if (track != nullptr) {
        track->ended = false;
        if (track->rate) {
            track->rate->restart(described.video);
            settings_.gate->restart();
        }
        start_stream(described, *track);
    }
    input_.tracks[described.id] = std::move(described);
}

Status LiveSource::take(LiveInputMessage message) {
    if (auto* unit = std::get_if<ingest::TimedUnit>(&message)) return take(std::move(*unit));
    if (auto* past = std::get_if<LivePast>(&message)) return take(std::move(past->unit));
    if (auto* described = std::get_if<LiveSourceTrack>(&message)) {
        take(std::move(*described));
    } else if (const auto* gone = std::get_if<LiveTrackEnd>(&message)) {
        input_.tracks.erase(gone->track);
        if (auto* track = find(gone->track)) track->ended = true;
        if (std::ranges::all_of(tracks_, &Track::ended)) end(std::nullopt);
    } else if (const auto* at = std::get_if<LiveBreak>(&message)) {
        if (at->at_ns - newest_ns_ > kBridged || at->at_ns < newest_ns_ - kBridged) {
            end(std::nullopt);
        } else {
            for (const auto& track : tracks_)
                ready_.push_back({track.port, pipeline::Discontinuity{}});
        }
    } else {
        end(LiveFinish{});
    }
    return {};
}

Result<PortItem> LiveSource::read(std::stop_token stop) {
    while (ready_.empty()) {
        if (!start_.units.empty()) {
            auto unit = std::move(start_.units.front());
            start_.units.pop_front();
            SG_TRY(take(std::move(unit)));
            continue;
        }
        SG_TRY_ASSIGN(auto message, input_.next(stop));
        SG_TRY(take(std::move(message)));
    }
    auto item = std::move(ready_.front());
    ready_.pop_front();
    return item;
}

}  // namespace sg::engine

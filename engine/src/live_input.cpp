#include "live_input.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <media_av/libav.hpp>

namespace sg::engine {
namespace {

using media::MediaType;
using pipeline::PortItem;

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

/// Pictures that tell a rate.
constexpr std::size_t kPictures = 12;
/// A track that delivers nothing for so long is not waited for.
constexpr std::int64_t kWaitForTrack = kSecond;
/// Sound alone: pictures may still come.
constexpr std::int64_t kWaitForPictures = 700 * kMillisecond;
/// Holes up to this are bridged: the last picture is held, silence fills in.
constexpr std::int64_t kBridged = kSecond;
constexpr std::int64_t kTrackBridged = 5 * kSecond;

media::StreamInfoPtr stream_info(const LiveSourceTrack& track, int port) {
    auto info = std::make_shared<media::StreamInfo>();
    info->index = port;
    info->codec = codec_id(track.codec);
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

/// What has come of one track.
struct Gathered {
    std::size_t units = 0;
    std::int64_t first_pts = 0;
    std::int64_t last_pts = 0;
    std::int64_t first_dts = 0;
    std::int64_t last_dts = 0;
};

/// By decoding times: among the times of what has come so far, those of B-frames are missing.
media::Rational measured_rate(const Gathered& video) {
    const auto span = video.last_dts - video.first_dts;
    if (video.units < 3 || span <= 0) return {0, 1};
    return media::reduced({static_cast<std::int64_t>(video.units - 1) * 1'000'000,
                           std::max<std::int64_t>(1, span / 1'000)});
}

class Gathering {
  public:
    void add(const LiveSourceTrack& track, ingest::TimedUnit unit) {
        auto& g = tracks_[unit.track];
        const bool video = formats::is_video(track.codec);
        // Nothing before a key frame can be shown.
        if (video && g.units == 0 && !unit.key) return;
        if (g.units++ == 0) {
            g.first_pts = g.last_pts = unit.pts_ns;
            g.first_dts = unit.dts_ns;
        }
        g.last_pts = std::max(g.last_pts, unit.pts_ns);
        g.last_dts = unit.dts_ns;
        start_.units.push_back(std::move(unit));
    }
    void forget(int track) {
        tracks_.erase(track);
        std::erase_if(start_.units, [&](const auto& u) { return u.track == track; });
    }
    void restart() {
        tracks_.clear();
        start_.units.clear();
    }

    [[nodiscard]] bool enough(const std::map<int, LiveSourceTrack>& announced) const {
        std::int64_t first = INT64_MAX;
        std::int64_t last = INT64_MIN;
        bool all = true;
        bool pictures = false;
        bool counted = true;
        for (const auto& [id, track] : announced) {
            const auto found = tracks_.find(id);
            if (found == tracks_.end() || found->second.units == 0) {
                all = false;
                continue;
            }
            first = std::min(first, found->second.first_pts);
            last = std::max(last, found->second.last_pts);
            if (!formats::is_video(track.codec)) continue;
            pictures = true;
            counted = counted && found->second.units >= kPictures;
        }
        if (first > last) return false;
        const auto span = last - first;
        if (!all || !counted) return span >= kWaitForTrack;
        return pictures || span >= kWaitForPictures;
    }

    [[nodiscard]] LiveStart finish(const std::map<int, LiveSourceTrack>& announced) && {
        std::optional<std::int64_t> picture;
        std::optional<std::int64_t> sound;
        // Pictures first: the planner takes the first stream of equals.
        for (const bool video : {true, false}) {
            for (const auto& [id, track] : announced) {
                const auto found = tracks_.find(id);
                if (formats::is_video(track.codec) != video || found == tracks_.end() ||
                    found->second.units == 0) {
                    continue;
                }
                LiveSeen seen;
                seen.track = track;
                if (video) seen.rate = live_rate(measured_rate(found->second), track.video);
                start_.tracks.push_back(std::move(seen));
                auto& origin = video ? picture : sound;
                if (!origin) origin = found->second.first_pts;
            }
        }
        start_.origin_ns = picture ? *picture : sound.value_or(0);
        return std::move(start_);
    }

  private:
    LiveStart start_;
    std::map<int, Gathered> tracks_;
};

process::MessageLimits limits() {
    return {};
}

}  // namespace

LiveInput::LiveInput(UniqueFd socket) : channel_(std::move(socket), limits()) {}

Result<LiveInputMessage> LiveInput::next(std::stop_token stop) {
    if (!back_.empty()) {
        auto message = std::move(back_.front());
        back_.pop_front();
        return message;
    }
    SG_TRY_ASSIGN(auto message, channel_.receive({std::move(stop), std::nullopt}));
    if (message.type != process::MessageType::kMedia)
        return Error{Errc::kBadData, "live encoding: the channel sent something else than media"};
    return decode_live_input(message.payload);
}

Result<std::optional<LiveStart>> LiveInput::gather(std::stop_token stop) {
    Gathering gathering;
    for (;;) {
        SG_TRY_ASSIGN(auto message, next(stop));
        if (auto* unit = std::get_if<ingest::TimedUnit>(&message)) {
            const auto track = tracks.find(unit->track);
            if (track == tracks.end()) continue;
            gathering.add(track->second, std::move(*unit));
            if (gathering.enough(tracks)) return std::optional(std::move(gathering).finish(tracks));
        } else if (auto* track = std::get_if<LiveSourceTrack>(&message)) {
            gathering.forget(track->id);
            tracks[track->id] = std::move(*track);
        } else if (const auto* end = std::get_if<LiveTrackEnd>(&message)) {
            gathering.forget(end->track);
            tracks.erase(end->track);
        } else if (std::holds_alternative<LiveBreak>(message)) {
            gathering.restart();
        } else {
            return std::optional<LiveStart>();
        }
    }
}

LiveSource::LiveSource(LiveStart start, std::map<int, int> ports, LiveInput& input)
    : start_(std::move(start)), ports_(std::move(ports)), input_(input) {
    newest_ns_ = start_.origin_ns;
    for (const auto& seen : start_.tracks) {
        known_.push_back(seen.track.id);
        const auto port = ports_.find(seen.track.id);
        if (port == ports_.end()) continue;
        ready_.push_back(
            {port->second, pipeline::StreamStart{stream_info(seen.track, port->second)}});
    }
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

void LiveSource::end() {
    for (const auto& [track, port] : ports_) ready_.push_back({port, pipeline::EndOfStream{}});
}

void LiveSource::take_unit(ingest::TimedUnit unit) {
    const auto port = ports_.find(unit.track);
    const bool known = std::find(known_.begin(), known_.end(), unit.track) != known_.end();
    const bool comes_late = !known && input_.tracks.contains(unit.track) &&
                            (unit.key || !formats::is_video(input_.tracks[unit.track].codec));
    const auto last = last_ns_.find(unit.track);
    const bool hole = unit.dts_ns - newest_ns_ > kBridged ||
                      (last != last_ns_.end() && unit.dts_ns - last->second > kTrackBridged);
    if (comes_late || (hole && port != ports_.end())) {
        input_.put_back(std::move(unit));
        end();
        return;
    }
    if (port == ports_.end() || unit.data.empty()) return;
    newest_ns_ = std::max(newest_ns_, unit.dts_ns);
    last_ns_[unit.track] = unit.dts_ns;
    ready_.push_back(item_of(unit, port->second));
}

void LiveSource::take(LiveInputMessage message) {
    if (auto* unit = std::get_if<ingest::TimedUnit>(&message)) {
        take_unit(std::move(*unit));
    } else if (auto* track = std::get_if<LiveSourceTrack>(&message)) {
        const auto port = ports_.find(track->id);
        const auto before = input_.tracks.find(track->id);
        const bool same_kind =
            before != input_.tracks.end() &&
            formats::is_video(before->second.codec) == formats::is_video(track->codec);
        if (port != ports_.end() && same_kind) {
            ready_.push_back(
                {port->second, pipeline::StreamStart{stream_info(*track, port->second)}});
        }
        input_.tracks[track->id] = std::move(*track);
    } else if (const auto* gone = std::get_if<LiveTrackEnd>(&message)) {
        input_.tracks.erase(gone->track);
        if (ports_.contains(gone->track)) end();
    } else if (const auto* at = std::get_if<LiveBreak>(&message)) {
        if (at->at_ns - newest_ns_ > kBridged || at->at_ns < newest_ns_ - kBridged) {
            end();
        } else {
            for (const auto& [track_id, port] : ports_)
                ready_.push_back({port, pipeline::Discontinuity{}});
        }
    } else {
        input_.put_back(LiveFinish{});
        end();
    }
}

Result<PortItem> LiveSource::read(std::stop_token stop) {
    while (ready_.empty()) {
        if (!start_.units.empty()) {
            auto unit = std::move(start_.units.front());
            start_.units.pop_front();
            take_unit(std::move(unit));
            continue;
        }
        SG_TRY_ASSIGN(auto message, input_.next(stop));
        take(std::move(message));
    }
    auto item = std::move(ready_.front());
    ready_.pop_front();
    return item;
}

}  // namespace sg::engine

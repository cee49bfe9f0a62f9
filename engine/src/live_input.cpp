#include "live_input.hpp"

#include <algorithm>
#include <utility>

#include "live_rate.hpp"

namespace sg::engine {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMillisecond;

/// Pictures that tell a rate.
constexpr std::size_t kPictures = 12;
/// A track that delivers nothing for so long is not waited for.
constexpr std::int64_t kWaitForTrack = kSecond;
/// Sound alone: pictures may still come.
constexpr std::int64_t kWaitForPictures = 700 * kMillisecond;

/// What has come of one track.
struct Gathered {
    std::size_t seen = 0;  ///< pictures, past ones as well
    std::size_t units = 0;
    std::int64_t first_pts = 0;
    std::int64_t last_pts = 0;
    std::int64_t first_dts = 0;
    std::int64_t last_dts = 0;
};

/// By decoding times: among the times of what has come so far, those of B-frames are missing.
media::Rational measured_rate(const Gathered& video) {
    const auto span = video.last_dts - video.first_dts;
    if (video.seen < 3 || span <= 0) return {0, 1};
    return media::reduced({static_cast<std::int64_t>(video.seen - 1) * 1'000'000,
                           std::max<std::int64_t>(1, span / 1'000)});
}

class Gathering {
  public:
    void add(const LiveSourceTrack& track, ingest::TimedUnit unit) {
        auto& g = tracks_[unit.track];
        const bool video = formats::is_video(track.codec);
        // Nothing before a key frame can be shown.
        if (video && g.seen == 0 && !unit.key) return;
        count(g, unit);
        if (g.units++ == 0) g.first_pts = g.last_pts = unit.pts_ns;
        g.last_pts = std::max(g.last_pts, unit.pts_ns);
        start_.units.push_back(std::move(unit));
    }
    void add_past(ingest::TimedUnit unit) {
        count(tracks_[unit.track], unit);
        start_.past.push_back(std::move(unit));
    }
    void forget(int track) {
        const auto of_track = [&](const auto& u) { return u.track == track; };
        tracks_.erase(track);
        std::erase_if(start_.past, of_track);
        std::erase_if(start_.units, of_track);
    }
    void restart() {
        tracks_.clear();
        start_.past.clear();
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
            counted = counted && found->second.seen >= kPictures;
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
    static void count(Gathered& g, const ingest::TimedUnit& unit) {
        if (g.seen++ == 0) g.first_dts = unit.dts_ns;
        g.last_dts = unit.dts_ns;
    }

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
        } else if (auto* past = std::get_if<LivePast>(&message)) {
            if (tracks.contains(past->unit.track)) gathering.add_past(std::move(past->unit));
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

}  // namespace sg::engine

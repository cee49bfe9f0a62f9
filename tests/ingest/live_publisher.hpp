#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <ingest/timeline_repair.hpp>

// A publisher with free time stamps in front of a TimelineRepair, and what comes out behind it.

namespace sg::tests {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000 * kMs;

inline ingest::LiveTrack video_track(int id, unsigned height = 720) {
    ingest::LiveTrack track;
    track.id = id;
    track.config.codec = formats::Codec::kH264;
    track.config.payload = {std::byte{1}, std::byte(height & 0xFFU), std::byte(height >> 8U)};
    track.config.video.height = height;
    track.config.nal_length_size = 4;
    return track;
}

inline ingest::LiveTrack audio_track(int id, unsigned rate = 48000) {
    ingest::LiveTrack track;
    track.id = id;
    track.config.codec = formats::Codec::kAac;
    track.config.payload = {std::byte{2}, std::byte(rate & 0xFFU), std::byte(rate >> 8U)};
    track.config.audio.sample_rate = rate;
    track.config.audio.samples_per_frame = 1024;
    return track;
}

/// Keeps all that was delivered.
class Recorder final : public ingest::TimelineSink {
  public:
    struct Event {
        enum class Kind { kTrack, kUnit, kEnd, kBorder, kMarker } kind;
        int track = -1;
        std::int64_t dts = 0;
        std::int64_t pts = 0;
        bool key = false;
        std::int64_t arrival = 0;
        unsigned size = 0;   ///< height or sample rate at a kTrack
        std::string what{};  ///< the unit's content
        ingest::TimelineDiscontinuity::Reason reason = ingest::TimelineDiscontinuity::Reason::kGap;
    };
    using Kind = Event::Kind;

    void on_track(const ingest::LiveTrack& t) override {
        Event e{Kind::kTrack, t.id};
        e.size = t.config.video.height != 0 ? t.config.video.height : t.config.audio.sample_rate;
        add(e);
    }
    void on_unit(ingest::TimedUnit u) override {
        Event e{Kind::kUnit, u.track, u.dts_ns, u.pts_ns, u.key};
        e.what.assign(reinterpret_cast<const char*>(u.data.data()), u.data.size());
        add(e);
    }
    void on_marker(ingest::TimedMarker m) override {
        add({Kind::kMarker, -1, m.time_ns, m.time_ns});
    }
    void on_track_end(int track) override { add({Kind::kEnd, track}); }
    void on_discontinuity(const ingest::TimelineDiscontinuity& d) override {
        Event e{Kind::kBorder, -1, d.at_ns, d.at_ns};
        e.reason = d.reason;
        add(e);
    }

    std::vector<Event> events;
    std::int64_t now = 0;

    [[nodiscard]] std::vector<Event> units(int track) const {
        std::vector<Event> found;
        for (const Event& e : events) {
            if (e.kind == Kind::kUnit && e.track == track) found.push_back(e);
        }
        return found;
    }
    [[nodiscard]] std::size_t count(Kind kind) const {
        return static_cast<std::size_t>(std::count_if(
            events.begin(), events.end(), [&](const Event& e) { return e.kind == kind; }));
    }
    [[nodiscard]] std::set<int> track_ids() const {
        std::set<int> ids;
        for (const Event& e : events) {
            if (e.kind == Kind::kUnit) ids.insert(e.track);
        }
        return ids;
    }
    /// Decode times ascend strictly, and none is above its display time. Empty when all is well.
    [[nodiscard]] std::string disorder() const {
        std::map<int, std::int64_t> last;
        for (const Event& e : events) {
            if (e.kind != Kind::kUnit) continue;
            if (e.pts < e.dts) return "pts below dts at " + std::to_string(e.dts);
            const auto it = last.find(e.track);
            if (it != last.end() && e.dts <= it->second) {
                return "dts not ascending at " + std::to_string(e.dts);
            }
            last[e.track] = e.dts;
        }
        return {};
    }
    /// The longest distance between two units of a track, in decode time.
    [[nodiscard]] std::int64_t longest_step(int track) const {
        std::int64_t longest = 0;
        const std::vector<Event> all = units(track);
        for (std::size_t i = 1; i < all.size(); ++i) {
            longest = std::max(longest, all[i].dts - all[i - 1].dts);
        }
        return longest;
    }
    /// The units before and after each border are on their sides of it. Empty when all is well.
    [[nodiscard]] std::string border_trouble() const {
        for (std::size_t i = 0; i < events.size(); ++i) {
            if (events[i].kind != Kind::kBorder) continue;
            for (std::size_t j = 0; j < events.size(); ++j) {
                if (events[j].kind != Kind::kUnit) continue;
                // A frame of another configuration may reach a little over the border.
                if (j < i && events[j].pts >= events[i].pts + 50 * kMs) return "late before border";
                if (j > i && events[j].pts < events[i].pts) return "early behind border";
            }
        }
        return {};
    }
    /// Times of units whose content is `what`, by track.
    [[nodiscard]] std::int64_t time_of(const std::string& what) const {
        for (const Event& e : events) {
            if (e.kind == Kind::kUnit && e.what == what) return e.pts;
        }
        return -1;
    }

  private:
    void add(Event e) {
        e.arrival = now;
        events.push_back(std::move(e));
    }
};

/// 30 pictures and 46.875 (48 kHz) audio frames a second in real time; `video_ts` and `audio_ts`
/// turn true media times (ns since the publisher began) into what it sends.
struct Publisher {
    explicit Publisher(ingest::TimelineRepair& to, Recorder& into) : repair(to), out(into) {}

    ingest::TimelineRepair& repair;
    Recorder& out;
    ingest::LiveClock clock{1000, 32};
    std::function<std::int64_t(std::int64_t)> video_ts = [](std::int64_t t) { return t; };
    std::function<std::int64_t(std::int64_t)> audio_ts = [](std::int64_t t) { return t; };
    bool video = true;
    bool audio = true;
    unsigned height = 720;
    unsigned rate = 48000;
    int gop = 30;
    unsigned session = 0;
    std::int64_t now = kSecond;  ///< arrival
    std::int64_t media = 0;
    std::int64_t next_video = 0;
    std::int64_t next_audio = 0;
    int pictures = 0;
    int frames = 0;
    std::string label;

    [[nodiscard]] std::int64_t raw(std::int64_t ns) const {
        // Floored as encoders do, then wrapped.
        const std::int64_t ticks = ns / 1000 * clock.timescale / 1'000'000;
        if (clock.wrap_bits >= 63) return ticks;
        return ticks & ((std::int64_t{1} << clock.wrap_bits) - 1);
    }
    void begin() {
        out.now = now;
        session = repair.begin_session(clock, now);
        media = next_video = next_audio = 0;
        pictures = frames = 0;
    }
    void headers(bool with_video = true, bool with_audio = true) {
        out.now = now;
        if (with_video) repair.track(session, video_track(0, height), now);
        if (with_audio) repair.track(session, audio_track(1, rate), now);
    }
    void send_video() {
        ingest::LiveUnit unit;
        unit.track = 0;
        unit.dts = unit.pts = raw(video_ts(next_video));
        unit.key = pictures % gop == 0;
        const std::string text = label + "v" + std::to_string(pictures);
        fill(unit, text);
        repair.push(session, std::move(unit), now);
        ++pictures;
        next_video = static_cast<std::int64_t>(pictures) * kSecond / 30;
    }
    void send_audio() {
        ingest::LiveUnit unit;
        unit.track = 1;
        unit.dts = unit.pts = raw(audio_ts(next_audio));
        unit.key = true;
        fill(unit, label + "a" + std::to_string(frames));
        repair.push(session, std::move(unit), now);
        ++frames;
        next_audio += 1024 * kSecond / rate;
    }
    /// Publishes `length` of media in real time.
    void run(std::int64_t length) {
        const std::int64_t end = media + length;
        for (;;) {
            const bool video_first = !audio || (video && next_video <= next_audio);
            const std::int64_t next = video_first ? next_video : next_audio;
            if (next >= end) break;
            if (next > media) {
                now += next - media;
                media = next;
            }
            out.now = now;
            video_first ? send_video() : send_audio();
        }
        now += end - media;
        media = end;
    }
    /// Nothing is made and nothing is sent.
    void pause(std::int64_t length) {
        now += length;
        media += length;
        pictures = static_cast<int>((media * 30 + kSecond - 1) / kSecond);
        next_video = static_cast<std::int64_t>(pictures) * kSecond / 30;
        while (next_audio < media) next_audio += 1024 * kSecond / rate;
    }
    static void fill(ingest::LiveUnit& unit, const std::string& text) {
        const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
        unit.data.assign(bytes.begin(), bytes.end());
    }
};

/// How far sound stands from pictures against the truth, at the end: both by what the publisher
/// called its units.
inline std::int64_t sync_error(const Recorder& out, const Publisher& publisher) {
    const auto video = out.units(0);
    const auto audio = out.units(1);
    if (video.empty() || audio.empty()) return 0;
    // Both last units were sent at their true times.
    const std::int64_t true_distance = [&] {
        const std::int64_t v = static_cast<std::int64_t>(publisher.pictures - 1) * kSecond / 30;
        const std::int64_t a = publisher.next_audio - 1024 * kSecond / publisher.rate;
        return a - v;
    }();
    return audio.back().pts - video.back().pts - true_distance;
}

}  // namespace sg::tests

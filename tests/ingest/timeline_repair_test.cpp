#include <cstdlib>

#include <support/catch.hpp>

#include "live_publisher.hpp"

using namespace sg;
using namespace sg::tests;
using ingest::LiveUnit;
using ingest::TimelineRepair;
using Kind = Recorder::Kind;

namespace {

struct Channel {
    Recorder out;
    TimelineRepair repair{out};
    Publisher publisher{repair, out};
    std::int64_t audio_sent = 0;  ///< samples of a backup

    void start() {
        publisher.begin();
        publisher.headers();
    }
    [[nodiscard]] std::int64_t length_error() const {
        return repair.end_ns() - TimelineRepair::kOriginNs - (publisher.now - kSecond);
    }
};

}  // namespace

TEST_CASE("an honest stream comes out at once, in order, spaced as its frames are") {
    Channel channel;
    channel.publisher.video_ts =
        channel.publisher.audio_ts = [](auto t) { return t + 77 * kSecond; };
    channel.start();
    channel.publisher.run(30 * kSecond);
    const auto audio = channel.out.units(1);
    const auto video = channel.out.units(0);
    REQUIRE(video.size() == 900);
    CHECK(video.front().dts == TimelineRepair::kOriginNs);
    for (std::size_t i = 1; i < audio.size(); ++i) {
        CHECK(audio[i].dts - audio[i - 1].dts == 1024 * kSecond / 48000);
    }
    for (const auto& unit : video) {
        CHECK(std::abs(unit.arrival - kSecond - (unit.dts - TimelineRepair::kOriginNs)) < 2 * kMs);
    }
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
    const ingest::RepairCounters& counters = channel.repair.counters();
    CHECK(counters.units == video.size() + audio.size());
    CHECK(counters.dts_fixed + counters.audio_resyncs + counters.tracks_realigned == 0);
    CHECK_FALSE(channel.repair.deadline_ns());
}

TEST_CASE("the rounding of RTMP times is taken out once the rate of the pictures is certain") {
    for (const bool said : {true, false}) {
        Recorder out;
        TimelineRepair repair(out);
        const unsigned session = repair.begin_session({1000, 32}, 0);
        ingest::LiveTrack track = video_track(0);
        track.config.video.frame_rate_num = said ? 30000 : 0;
        track.config.video.frame_rate_den = 1001;
        repair.track(session, track, 0);
        const auto ms = [](std::int64_t picture) { return picture * 1001 / 30; };
        for (std::int64_t i = 0; i < 3000; ++i) {
            if (i == 1000) i += 3;  // dropped by the sender
            repair.push(session, {0, ms(i + 2), ms(i), i % 60 == 0, false, {}}, ms(i) * kMs);
        }
        const auto video = out.units(0);
        std::int64_t worst = 0;
        for (std::size_t i = 100; i < video.size(); ++i) {
            const std::int64_t step = video[i].dts - video[i - 1].dts;
            const std::int64_t frame = 1001 * kSecond / 30000;
            const std::int64_t whole = (step + frame / 2) / frame * frame;
            worst = std::max(worst, std::abs(step - whole));
        }
        CHECK((worst < kMs / 20) == said);
        CHECK(std::abs(video.back().dts - video.front().dts - ms(2999) * kMs) < 2 * kMs);
    }
}

TEST_CASE("sound that arrives two seconds before its pictures keeps its times") {
    Recorder out;
    TimelineRepair repair(out);
    const unsigned session = repair.begin_session({90000, 33}, 0);
    repair.track(session, video_track(0), 0);
    repair.track(session, audio_track(1), 0);
    std::int64_t video = 0;
    std::int64_t audio = 0;
    for (std::int64_t now = 0; now < 20 * kSecond; now += 10 * kMs) {
        out.now = now;
        for (; audio <= now; audio += 1920) {
            LiveUnit unit{1, audio / 100 * 9, audio / 100 * 9, true, false, {}};
            unit.pts = unit.dts = audio * 9 / 100'000;
            repair.push(session, std::move(unit), now);
            audio += 1024 * kSecond / 48000 - 1920;
        }
        for (; video <= now - 2 * kSecond; video += kSecond / 25) {
            const std::int64_t raw = video * 9 / 100'000;
            repair.push(session, {0, raw, raw, video % kSecond == 0, false, {}}, now);
        }
    }
    CHECK(out.disorder().empty());
    CHECK(repair.counters().tracks_realigned == 0);
    const auto first_video = out.units(0).front();
    const auto first_audio = out.units(1).front();
    CHECK(std::abs(first_video.pts - first_audio.pts) < 2 * kMs);
    CHECK(std::abs(repair.arrival_skew_ns() - 2 * kSecond) < 60 * kMs);
}

TEST_CASE("an audio clock that stands still is counted on by frames") {
    for (const std::int64_t still : {2 * kSecond, 20 * kSecond}) {
        Channel channel;
        channel.publisher.audio_ts = [=](std::int64_t t) {
            return t > 5 * kSecond && t < 5 * kSecond + still ? 5 * kSecond : t;
        };
        channel.start();
        channel.publisher.run(40 * kSecond);
        CHECK(channel.out.disorder().empty());
        CHECK(channel.out.count(Kind::kBorder) == 0);
        CHECK(channel.out.longest_step(1) < 25 * kMs);
        CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
        CHECK(channel.repair.counters().audio_stuck > 80);
    }
}

TEST_CASE("a picture clock that stands still goes on") {
    Channel channel;
    channel.publisher.video_ts = [](std::int64_t t) {
        return t > 5 * kSecond && t < 9 * kSecond ? 5 * kSecond : t;
    };
    channel.start();
    channel.publisher.run(20 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.longest_step(0) < 400 * kMs);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 40 * kMs);
}

TEST_CASE("clocks that fall back and then stand still keep pictures beside sound") {
    Channel channel;
    const auto sent = [](std::int64_t t) {
        if (t < 10 * kSecond + 11 * kMs) return t;
        return std::max<std::int64_t>(0, t - 30 * kSecond);
    };
    channel.publisher.video_ts = channel.publisher.audio_ts = sent;
    channel.start();
    channel.publisher.run(60 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.longest_step(0) < 400 * kMs);
    CHECK(channel.out.longest_step(1) < 400 * kMs);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 60 * kMs);
    CHECK(std::abs(channel.length_error()) < 400 * kMs);
}

TEST_CASE("sound whose sample clock drifts stays with its time stamps in small steps") {
    for (const std::int64_t ppm : {400, -400, 3000}) {
        Channel channel;
        channel.publisher.audio_ts = [=](std::int64_t t) { return t + t / 1'000'000 * ppm; };
        channel.start();
        channel.publisher.run(60 * kSecond);
        CHECK(channel.out.disorder().empty());
        CHECK(channel.repair.counters().audio_resyncs == 0);
        const std::int64_t frame = 1024 * kSecond / 48000;
        const auto audio = channel.out.units(1);
        for (std::size_t i = 1; i < audio.size(); ++i) {
            CHECK(std::abs(audio[i].dts - audio[i - 1].dts - frame) <= frame / 50);
        }
        const std::int64_t drift = 60 * kSecond / 1'000'000 * ppm;
        CHECK(std::abs(sync_error(channel.out, channel.publisher) - drift) < 5 * kMs);
    }
}

TEST_CASE("lost audio frames leave their place empty") {
    Channel channel;
    channel.start();
    channel.publisher.run(5 * kSecond);
    channel.publisher.next_audio += 10 * (1024 * kSecond / 48000);
    channel.publisher.run(5 * kSecond);
    CHECK(channel.repair.counters().audio_resyncs == 1);
    CHECK(std::abs(channel.out.longest_step(1) - 11 * 1024 * kSecond / 48000) < 2 * kMs);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
}

TEST_CASE("audio times that do not fit the announced rate are taken as they are") {
    Channel channel;
    channel.publisher.begin();
    // HE-AAC whose configuration hides the doubling: frames last twice as long as they say.
    channel.publisher.rate = 24000;
    channel.repair.track(channel.publisher.session, video_track(0), channel.publisher.now);
    channel.repair.track(channel.publisher.session, audio_track(1, 48000), channel.publisher.now);
    channel.publisher.run(30 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
    CHECK(channel.repair.counters().audio_resyncs < 10);
}

TEST_CASE("a network that stalls and catches up leaves no trace") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    // Three seconds of media arrive at one instant, three seconds late.
    Publisher& p = channel.publisher;
    p.now += 3 * kSecond;
    const std::int64_t arrived = p.now;
    while (p.next_video < 13 * kSecond) {
        p.out.now = arrived;
        p.next_audio < p.next_video ? p.send_audio() : p.send_video();
    }
    p.media = 13 * kSecond;
    p.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.count(Kind::kBorder) == 0);
    CHECK(channel.out.longest_step(0) < 40 * kMs);
    CHECK(std::abs(sync_error(channel.out, p)) < 5 * kMs);
    CHECK(std::abs(channel.length_error()) < 60 * kMs);
}

TEST_CASE("what a sender dropped during a stall stays a gap though it sent the rest in a burst") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    Publisher& p = channel.publisher;
    p.now += 5 * kSecond;
    const auto burst = [&](std::int64_t until) {
        while (p.next_video < until) {
            p.out.now = p.now;
            p.next_audio < p.next_video ? p.send_audio() : p.send_video();
        }
    };
    burst(11 * kSecond);
    p.media = 11 * kSecond;
    p.now -= 4 * kSecond;
    p.pause(4 * kSecond);
    p.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.repair.counters().gaps_kept == 1);
    CHECK(channel.repair.counters().holes_closed == 0);
    CHECK(channel.out.border_trouble().empty());
    CHECK(std::abs(channel.length_error()) < 60 * kMs);
}

TEST_CASE("an encoder that starts again after three seconds leaves three seconds empty") {
    Channel channel;
    channel.publisher.video_ts = channel.publisher.audio_ts = [](std::int64_t t) {
        return t < 10 * kSecond ? t : t - 13 * kSecond;
    };
    channel.start();
    channel.publisher.run(10 * kSecond);
    channel.publisher.pause(3 * kSecond);
    channel.publisher.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.border_trouble().empty());
    CHECK(channel.out.count(Kind::kBorder) == 1);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 25 * kMs);
    CHECK(std::abs(channel.length_error()) < 80 * kMs);
}

TEST_CASE("a jump that sound makes half a second after the pictures keeps them together") {
    Channel channel;
    channel.publisher.video_ts = [](std::int64_t t) {
        return t < 10 * kSecond ? t + 50 * kSecond : t - 10 * kSecond;
    };
    channel.publisher.audio_ts = [](std::int64_t t) {
        return t < 10 * kSecond + 500 * kMs ? t + 50 * kSecond : t - 10 * kSecond;
    };
    channel.start();
    channel.publisher.run(20 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.repair.counters().jumps_back == 1);
    CHECK(channel.out.longest_step(1) < 30 * kMs);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
}

TEST_CASE("a clock that is set back by little leaves sound and pictures together") {
    for (const std::int64_t back : {150 * kMs, 300 * kMs, 450 * kMs}) {
        Channel channel;
        channel.publisher.video_ts = channel.publisher.audio_ts = [=](std::int64_t t) {
            return t < 10 * kSecond ? t + 50 * kSecond : t + 50 * kSecond - back;
        };
        channel.start();
        channel.publisher.run(20 * kSecond);
        INFO("back " << back / kMs);
        CHECK(channel.out.disorder().empty());
        CHECK(channel.out.count(Kind::kBorder) == 0);
        CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 40 * kMs);
        CHECK(std::abs(channel.length_error()) < 500 * kMs);
    }
}

TEST_CASE("a track that the next publisher does not have is ended soon") {
    Channel channel;
    channel.start();
    channel.publisher.run(5 * kSecond);
    channel.publisher.audio = false;
    channel.publisher.begin();
    channel.publisher.headers(true, false);
    const std::int64_t began = channel.publisher.now;
    channel.publisher.run(5 * kSecond);
    REQUIRE(channel.out.count(Kind::kEnd) == 1);
    for (const auto& event : channel.out.events) {
        if (event.kind != Kind::kEnd) continue;
        CHECK(event.track == 1);
        CHECK(event.arrival < began + 600 * kMs);
    }
}

TEST_CASE("a track that comes late joins the clock of the others") {
    Channel channel;
    channel.publisher.begin();
    channel.publisher.audio = false;
    channel.publisher.headers(true, false);
    channel.publisher.run(20 * kSecond);
    channel.publisher.audio = true;
    channel.publisher.next_audio = 20 * kSecond;
    channel.publisher.headers(false, true);
    channel.publisher.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.count(Kind::kBorder) == 0);
    CHECK(channel.repair.counters().tracks_realigned == 0);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
}

TEST_CASE("a late track with a clock of its own is set by arrival") {
    Channel channel;
    channel.publisher.audio_ts = [](std::int64_t t) { return t - 20 * kSecond; };
    channel.publisher.begin();
    channel.publisher.audio = false;
    channel.publisher.headers(true, false);
    channel.publisher.run(20 * kSecond);
    channel.publisher.audio = true;
    channel.publisher.next_audio = 20 * kSecond;
    channel.publisher.headers(false, true);
    channel.publisher.run(10 * kSecond);
    CHECK(channel.repair.counters().tracks_realigned == 1);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 40 * kMs);
}

TEST_CASE("sound that is missing for a while is given up, and in its place when it returns") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    channel.publisher.audio = false;
    channel.publisher.run(6 * kSecond);
    channel.publisher.audio = true;
    channel.publisher.next_audio = 16 * kSecond;
    channel.publisher.run(10 * kSecond);
    CHECK(channel.out.disorder().empty());
    CHECK(channel.out.count(Kind::kBorder) == 0);
    CHECK(channel.out.count(Kind::kEnd) == 1);
    CHECK(channel.out.count(Kind::kTrack) == 3);
    CHECK(channel.out.longest_step(0) < 40 * kMs);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
}

TEST_CASE("pictures wait for a key frame, sound does not") {
    Channel channel;
    channel.publisher.pictures = 0;
    channel.publisher.begin();
    channel.publisher.headers();
    channel.publisher.pictures = 15;
    channel.publisher.next_video = 15 * kSecond / 30;
    channel.publisher.next_audio = 500 * kMs;
    channel.publisher.media = 500 * kMs;
    channel.publisher.run(5 * kSecond);
    REQUIRE_FALSE(channel.out.units(0).empty());
    CHECK(channel.out.units(0).front().key);
    CHECK(channel.repair.counters().before_key == 15);
    CHECK(std::abs(sync_error(channel.out, channel.publisher)) < 5 * kMs);
}

TEST_CASE("what a sender says beyond its milliseconds counts") {
    Recorder out;
    TimelineRepair repair(out);
    const unsigned session = repair.begin_session({1000, 32}, 0);
    repair.track(session, video_track(0), 0);
    for (std::int64_t i = 0; i < 300; ++i) {
        const std::int64_t exact = i * kSecond / 30;
        LiveUnit unit{0, exact / kMs, exact / kMs, i % 30 == 0, false, {}};
        unit.fine_ns = static_cast<std::uint32_t>(exact % kMs);
        repair.push(session, std::move(unit), exact);
    }
    const auto video = out.units(0);
    REQUIRE(video.size() == 300);
    for (std::size_t i = 1; i < video.size(); ++i)
        CHECK(std::abs(video[i].dts - video[i - 1].dts - kSecond / 30) <= 1);
    CHECK(video.back().pts == video.back().dts);
}

TEST_CASE("a publisher whose parameters come in two steps goes on as it was") {
    Channel channel;
    channel.start();
    channel.publisher.run(3 * kSecond);
    // Back within a picture: another description, then the one that viewers have.
    Recorder& out = channel.out;
    const std::int64_t now = channel.publisher.now;
    const unsigned session = channel.repair.begin_session({1000, 32}, now);
    channel.repair.track(session, video_track(0, 360), now);
    channel.repair.track(session, video_track(0), now);
    channel.repair.push(session, {0, 0, 0, true, false, {}}, now);
    CHECK(out.count(Kind::kBorder) == 0);
    CHECK(out.count(Kind::kTrack) == 2);
}

TEST_CASE("a backup input of another protocol takes over the channel's tracks") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    Recorder& out = channel.out;
    const std::int64_t now = channel.publisher.now;
    const unsigned session = channel.repair.begin_session({90000, 33}, now);
    channel.repair.track(session, audio_track(0x101), now);
    channel.repair.track(session, video_track(0x100), now);
    for (int i = 0; i < 300; ++i) {
        const std::int64_t raw = 8'000'000 + i * 3000;
        out.now = now + i * kSecond / 30;
        channel.repair.push(session, {0x100, raw, raw, i % 30 == 0, false, {}}, out.now);
        channel.repair.push(session, {0x101, raw, raw, true, false, {}}, out.now);
    }
    CHECK(out.disorder().empty());
    CHECK(out.track_ids() == std::set<int>{0, 1});
    CHECK(out.count(Kind::kTrack) == 2);
    CHECK(out.count(Kind::kBorder) == 0);
    CHECK(out.longest_step(0) < 60 * kMs);
}

namespace {

/// A backup at 30 pictures a second, every other one shown before the one that is decoded first. It
/// was kept ready since `since`, goes on air at `now` and stays there until `until`.
void take_over(Channel& channel, std::int64_t since, std::int64_t now, std::int64_t until) {
    const unsigned session = channel.repair.begin_session({90000, 33}, since);
    channel.repair.track(session, audio_track(0x101), since);
    channel.repair.track(session, video_track(0x100), since);
    for (int i = 0; since + i * kSecond / 30 < until; ++i) {
        const std::int64_t arrival = since + i * kSecond / 30;
        channel.out.now = std::max(now, arrival);
        const std::int64_t dts = 8'000'000 + i * 3000;
        const std::int64_t pts = dts + 3000 * (i == 0 ? 1 : i % 2 * 2);
        const std::string name = std::to_string((pts - 8'000'000) / 3000);
        LiveUnit unit{0x100, pts, dts, i == 0, false, {}};
        for (const char c : name) unit.data.push_back(static_cast<std::byte>(c));
        channel.repair.push(session, std::move(unit), arrival);
        for (; (dts - 8'000'000) * 8 >= 15 * channel.audio_sent; channel.audio_sent += 1024) {
            const std::int64_t at = 8'000'000 + channel.audio_sent * 15 / 8;
            channel.repair.push(session, {0x101, at, at, true, false, {}}, arrival);
        }
    }
    channel.audio_sent = 0;
}

}  // namespace

TEST_CASE("a backup that was kept ready shows nothing twice and keeps step with arrival") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    Recorder& out = channel.out;
    const std::int64_t left = channel.publisher.now;
    const std::int64_t end = channel.repair.end_ns();
    const std::size_t before = out.units(0).size();
    take_over(channel, left - 1500 * kMs, left + kSecond, left + 10 * kSecond);
    CHECK(out.disorder().empty());
    CHECK(out.count(Kind::kBorder) == 0);
    CHECK(out.longest_step(0) < 70 * kMs);
    CHECK(out.longest_step(1) < 30 * kMs);
    // In the order that they are shown in, whatever was pressed together.
    auto pictures = out.units(0);
    pictures.erase(pictures.begin(), pictures.begin() + static_cast<std::ptrdiff_t>(before));
    CHECK(pictures.front().key);
    std::sort(pictures.begin(), pictures.end(), [](const auto& a, const auto& b) {
        return a.pts < b.pts;
    });
    REQUIRE(pictures.size() == 345);
    for (int i = 0; i < 345; ++i) {
        const auto& picture = pictures[static_cast<std::size_t>(i)];
        if (i < 344) CHECK(picture.what == std::to_string(i + 1));
        CHECK(picture.pts >= end);
        // 45 came while the other was on air.
        const std::int64_t due = end + (i - 45) * kSecond / 30;
        if (i < 44) CHECK(picture.pts < end + 70 * kMs);
        if (i > 48) CHECK(std::abs(picture.pts - due) < 70 * kMs);
    }
    CHECK(out.units(1).size() <= 20 * 47);
}

TEST_CASE("backups that take over again and again do not run away from arrival") {
    Channel channel;
    channel.start();
    channel.publisher.run(10 * kSecond);
    std::int64_t left = channel.publisher.now;
    for (int round = 0; round < 10; ++round, left += 6 * kSecond)
        take_over(channel, left - 4 * kSecond, left + kSecond, left + 6 * kSecond);
    CHECK(channel.out.disorder().empty());
    const std::int64_t passed = left - kSecond;
    CHECK(std::abs(channel.repair.end_ns() - TimelineRepair::kOriginNs - passed) < 500 * kMs);
}

TEST_CASE("a sender that starts every session with a backlog does not run away from arrival") {
    Channel channel;
    for (int round = 0; round < 30; ++round) {
        channel.start();
        Publisher& p = channel.publisher;
        while (p.next_video < 2 * kSecond) {
            p.out.now = p.now;
            p.next_audio < p.next_video ? p.send_audio() : p.send_video();
        }
        p.media = 2 * kSecond;
        p.run(3 * kSecond);
        p.now += 3 * kSecond;
    }
    CHECK(channel.out.disorder().empty());
    CHECK(std::abs(channel.length_error()) < 5 * kSecond);
}

TEST_CASE("a border holds media for half a second at most, and time alone ends it") {
    Channel channel;
    channel.start();
    channel.publisher.run(5 * kSecond);
    channel.publisher.height = 480;
    channel.publisher.headers(true, false);
    channel.publisher.pictures = 150;
    channel.publisher.send_video();
    const auto before = channel.out.units(0).size();
    REQUIRE(channel.repair.deadline_ns());
    CHECK(*channel.repair.deadline_ns() <= channel.publisher.now + 500 * kMs);
    channel.repair.advance(*channel.repair.deadline_ns());
    CHECK(channel.out.units(0).size() == before + 1);
    CHECK(channel.out.count(Kind::kBorder) == 1);
    CHECK_FALSE(channel.repair.deadline_ns());
}

TEST_CASE("a configuration that changes twice within a border comes before its units each time") {
    Channel channel;
    channel.start();
    channel.publisher.run(5 * kSecond);
    for (const unsigned height : {480U, 360U}) {
        channel.publisher.height = height;
        channel.publisher.headers(true, false);
        channel.publisher.pictures = 150;
        channel.publisher.send_video();
        channel.publisher.now += 10 * kMs;
    }
    channel.repair.advance(channel.publisher.now + kSecond);
    const auto& events = channel.out.events;
    REQUIRE(channel.out.count(Kind::kBorder) == 2);
    std::vector<Kind> kinds;
    for (auto it = events.end() - 6; it != events.end(); ++it) kinds.push_back(it->kind);
    CHECK(kinds ==
          std::vector<Kind>{
              Kind::kBorder, Kind::kTrack, Kind::kUnit, Kind::kBorder, Kind::kTrack, Kind::kUnit});
    CHECK((events.end() - 2)->size == 360);
}

TEST_CASE("markers lie on the timeline of their units") {
    Channel channel;
    channel.publisher.video_ts =
        channel.publisher.audio_ts = [](std::int64_t t) { return t + 40 * kSecond; };
    channel.start();
    channel.publisher.run(10 * kSecond);
    channel.repair.marker(channel.publisher.session,
                          {ingest::LiveMarker::Kind::kScte35, 50'500, {}},
                          channel.publisher.now);
    const auto& marker = channel.out.events.back();
    REQUIRE(marker.kind == Kind::kMarker);
    CHECK(std::abs(marker.pts - TimelineRepair::kOriginNs - 10'500 * kMs) < 2 * kMs);
}

TEST_CASE("a track that its sender ends is ended, and late units of it are nothing") {
    Channel channel;
    channel.start();
    channel.publisher.run(2 * kSecond);
    channel.repair.end_track(channel.publisher.session, 1, channel.publisher.now);
    const auto before = channel.out.units(1).size();
    channel.publisher.run(2 * kSecond);
    CHECK(channel.out.units(1).size() == before);
    CHECK(channel.out.count(Kind::kEnd) == 1);
    CHECK(channel.repair.counters().stale_units > 0);
}

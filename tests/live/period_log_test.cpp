#include "period_log.hpp"

#include <cmath>
#include <cstdlib>

#include <formats/mpd.hpp>
#include <support/catch.hpp>

#include "channel_model.hpp"

using namespace sg;
using namespace sg::live;
using namespace sg::packagers;
using namespace std::chrono_literals;
using sg::test::ChannelModel;
using sg::test::live_audio;
using sg::test::live_video;
using sg::test::text_of;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSegment = 2'000'000;
constexpr std::int64_t kUpdate = 3'000'000;
constexpr std::int64_t kMostLate = 500'000;
constexpr std::int64_t kMostEarly = 1'000'000;
const WallTime kNoon{std::chrono::hours(490'000)};

LiveSegment segment(std::int64_t number) {
    static const auto init = [] {
        auto made = std::make_shared<LiveInit>();
        made->description.timescale = 90'000;
        return made;
    }();
    LiveSegment s;
    s.number = number;
    s.start = number * 180'000;
    s.duration = 180'000;
    s.init = init;
    s.discontinuity = number == 0;
    s.date = kNoon + std::chrono::microseconds(number * kSegment);
    return s;
}

PeriodLogConfig config(bool fixed_grid) {
    PeriodLogConfig c;
    c.segment_us = kSegment;
    c.fixed_grid = fixed_grid;
    c.update_us = kUpdate;
    return c;
}

/// Where a client that holds these marks expects the start of a number, from availabilityStartTime.
std::int64_t expected(const std::vector<PeriodMark>& marks, std::int64_t number) {
    const PeriodMark* mark = &marks.front();
    for (const PeriodMark& each : marks)
        if (each.first_number <= number) mark = &each;
    return mark->start_us + (number - mark->first_number) * kSegment;
}

/// A sender whose clock goes wrong by `rate`, sending from 12:00 by our clock.
struct Sender {
    explicit Sender(double clock_rate) : rate(clock_rate) {}
    [[nodiscard]] WallTime arrival(std::int64_t number, std::int64_t delay_us = 0) const {
        const double us = static_cast<double>(number * kSegment) * rate;
        return kNoon + std::chrono::microseconds(std::llround(us) + delay_us);
    }
    double rate;
};

std::int64_t since_noon(WallTime time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time - kNoon).count();
}

formats::mpd::Mpd manifest(ChannelModel& model) {
    const std::string text = text_of(*model.view(), "manifest.mpd");
    INFO(text);
    const auto parsed = formats::mpd::parse(text);
    REQUIRE(parsed);
    return *parsed;
}

std::unique_ptr<ChannelModel> channel(bool fixed_grid) {
    LivePackagerConfig packager;
    packager.epoch = "k3x";
    packager.segment = 2s;
    packager.target = 3s;
    WindowConfig window;
    window.target_seconds = 3;
    window.segment = 2s;
    window.length = 60s;
    window.low_latency = fixed_grid;
    window.fixed_grid = fixed_grid;
    auto model = std::make_unique<ChannelModel>(
        packager, window, std::vector<LiveRenditionConfig>{live_video("720p"), live_audio("a")});
    model->feed->videos = {{}};
    model->feed->audios = {{}};
    return model;
}

/// Media arrives `rate` times as slowly as it should.
void run(ChannelModel& model, std::int64_t until_ns, double rate) {
    for (std::int64_t now = model.feed->now(); now < until_ns; now = model.feed->now()) {
        const auto late = static_cast<std::int64_t>(static_cast<double>(now) * (rate - 1));
        model.window.follow(*model.date_at(0) + std::chrono::microseconds(late / 1000));
        model.feed->run_until(std::min(now + kSecond / 2, until_ns));
    }
}

}  // namespace

TEST_CASE("for hours clients find segments by the clock, however the sender's goes") {
    const bool fixed_grid = GENERATE(true, false);
    const double ppm = GENERATE(100.0, -100.0, 1000.0, -1000.0, 20'000.0, -20'000.0);
    CAPTURE(fixed_grid, ppm);
    const Sender sender(1 + ppm / 1e6);
    const double bound = ppm > 0 ? double{kMostLate} : double{kMostEarly};
    PeriodLog log(config(fixed_grid));
    std::vector<PeriodMark> before;  ///< what a client knows that last asked kUpdate ago
    std::vector<PeriodMark> between;
    std::size_t corrections = 0;
    std::int64_t newest = 0;
    for (std::int64_t n = 0; n < 12 * 1800; ++n) {
        log.begin(segment(n), sender.arrival(n));
        const auto& marks = log.marks();
        if (!before.empty()) {
            const std::int64_t off = since_noon(sender.arrival(n)) - expected(marks, n);
            // Until an announced one begins the clocks go on.
            const double slack = std::abs(ppm) / 1e6 * 10'000'000;
            CHECK(static_cast<double>(std::abs(off)) <= bound + slack + 1);
            // On a grid nothing changes that is asked for before the MPD is read again.
            if (fixed_grid) {
                REQUIRE(expected(before, n) == expected(marks, n));
                REQUIRE(expected(before, n + 1) == expected(marks, n + 1));
            }
        }
        if (marks.back().first_number > newest) {
            newest = marks.back().first_number;
            corrections += marks.size() > 1;
            if (marks.size() > 1) {
                const PeriodMark& last = marks[marks.size() - 2];
                const std::int64_t media_end =
                    last.start_us + marks.back().origin_us - last.origin_us;
                CHECK(last.end_us.has_value() == (ppm > 0 && !fixed_grid));
                CHECK(last.end_us.value_or(media_end) == media_end);
                CHECK((marks.back().start_us > media_end) == (ppm > 0));
                CHECK(marks.back().start_us > last.start_us);
            }
        }
        // A segment lasts less than an MPD may be kept: so it is one of two segments ago.
        before = std::exchange(between, marks);
        log.close(segment(n));
        log.drop_before(n - 30);
        CHECK(log.end_us() == expected(marks, n) + kSegment);
        REQUIRE(marks.size() <= 5);
    }
    const double drift_us = 12 * 3600e6 * std::abs(ppm) / 1e6;
    CHECK(corrections >= 1);
    CHECK(static_cast<double>(corrections) <= drift_us / bound + 1);
}

TEST_CASE("jitter and a sender that is right need no second Period") {
    PeriodLog log(config(GENERATE(true, false)));
    const Sender sender(1);
    for (std::int64_t n = 0; n < 5000; ++n) {
        log.begin(segment(n), sender.arrival(n, (n * 7919) % 490'000));
        log.close(segment(n));
    }
    CHECK(log.marks().size() == 1);
}

TEST_CASE("a delay that goes away again is followed back a segment at a time") {
    PeriodLog log(config(true));
    const Sender sender(1);
    for (std::int64_t n = 0; n < 300; ++n) {
        log.begin(segment(n), sender.arrival(n, n >= 50 && n < 100 ? 7'000'000 : 0));
        log.close(segment(n));
        for (std::size_t i = 1; i < log.marks().size(); ++i)
            REQUIRE(log.marks()[i].start_us > log.marks()[i - 1].start_us);
    }
    // Back by a segment at a time, up to the bound.
    CHECK(log.marks().size() == 1 + 1 + 3);
    CHECK(std::abs(expected(log.marks(), 299) - 299 * kSegment) <= kMostEarly);
}

TEST_CASE("an announced Period is withdrawn when something else comes first") {
    PeriodLog log(config(true));
    const Sender sender(1);
    for (std::int64_t n = 0; n < 10; ++n) {
        log.begin(segment(n), sender.arrival(n));
        log.close(segment(n));
    }
    log.begin(segment(10), sender.arrival(10, 2'000'000));
    REQUIRE(log.marks().size() == 2);
    CHECK(log.marks()[1].first_number == 13);
    log.close(segment(10));
    SECTION("a discontinuity") {
        LiveSegment next = segment(11);
        next.discontinuity = true;
        log.begin(next, sender.arrival(11, 2'000'000));
        REQUIRE(log.marks().size() == 2);
        CHECK(log.marks()[1].first_number == 11);
        CHECK(log.marks()[1].start_us == 11 * kSegment + 2'000'000);
        CHECK(log.marks()[0].end_us == 11 * kSegment);
    }
    SECTION("the end") {
        log.end();
        REQUIRE(log.marks().size() == 1);
        CHECK(!log.marks()[0].end_us);
        CHECK(log.end_us() == 11 * kSegment);
    }
}

TEST_CASE("segments of an earlier run are placed by their dates") {
    PeriodLog log(config(false));
    for (std::int64_t n = 0; n < 20; ++n) {
        LiveSegment s = segment(n);
        if (n >= 10) *s.date += 1500ms;
        log.begin(s, std::nullopt);
        log.close(s);
    }
    REQUIRE(log.marks().size() == 2);
    CHECK(log.marks()[1].first_number == 10);
    CHECK(log.marks()[1].start_us == 10 * kSegment + 1'500'000);
}

TEST_CASE("an MPD follows the sender's clock by Periods that HLS knows nothing of") {
    const bool fixed_grid = GENERATE(true, false);
    const double rate = GENERATE(1.02, 0.96);
    CAPTURE(fixed_grid, rate);
    const auto model = channel(fixed_grid);
    run(*model, 27 * kSecond, rate);
    // Announced where clients count; where they read it is there with its first segments.
    CHECK(manifest(*model).periods.size() == (fixed_grid ? 2 : 1));
    run(*model, 35 * kSecond, rate);
    const auto mpd = manifest(*model);
    REQUIRE(mpd.periods.size() == 2);
    const auto& before = mpd.periods[0];
    const auto& after = mpd.periods[1];
    REQUIRE(after.start_us);
    CHECK(before.duration_us.has_value() == (rate > 1 && !fixed_grid));
    CHECK(!after.duration_us);
    REQUIRE(before.adaptation_sets.size() == 2);
    REQUIRE(after.adaptation_sets.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& a = *before.adaptation_sets[i].representations.at(0).segment_template;
        const auto& b = *after.adaptation_sets[i].representations.at(0).segment_template;
        CHECK(a.media == b.media);
        CHECK(a.initialization == b.initialization);
        const double media =
            static_cast<double>(b.presentation_time_offset - a.presentation_time_offset) /
            static_cast<double>(b.timescale);
        CHECK(std::abs(media - 2.0 * static_cast<double>(b.start_number - a.start_number)) < 0.05);
        // Late or early as the media is by then.
        const double shown = static_cast<double>(*after.start_us) / 1e6;
        CHECK(std::abs(shown - media * rate) < (fixed_grid ? 0.4 : 0.1));
        if (before.duration_us)
            CHECK(std::abs(media - static_cast<double>(*before.duration_us) / 1e6) < 0.05);
    }
    const std::string list = text_of(*model->view(), "720p/index.m3u8");
    CHECK(list.find("#EXT-X-DISCONTINUITY\n") == std::string::npos);
}

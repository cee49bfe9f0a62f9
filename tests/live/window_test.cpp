#include <cstdlib>
#include <filesystem>

#include <fcntl.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <formats/m3u8.hpp>
#include <formats/mpd.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "channel_model.hpp"

using namespace sg;
using namespace sg::live;
using namespace sg::packagers;
using Outcome = Lookup::Outcome;
using sg::test::ChannelModel;
using sg::test::live_audio;
using sg::test::live_video;
using sg::test::text_of;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

LivePackagerConfig packager_config() {
    LivePackagerConfig c;
    c.epoch = "k3x";
    c.first_number = 100;
    c.segment = std::chrono::seconds(2);
    c.target = std::chrono::seconds(3);
    return c;
}

WindowConfig window_config(bool low_latency) {
    WindowConfig c;
    c.target_seconds = 3;
    c.segment = std::chrono::seconds(2);
    c.length = std::chrono::seconds(10);
    c.low_latency = low_latency;
    return c;
}

std::unique_ptr<ChannelModel> channel(const WindowConfig& window) {
    auto model = std::make_unique<ChannelModel>(
        packager_config(),
        window,
        std::vector<LiveRenditionConfig>{live_video("720p"), live_audio("audio")});
    model->feed->videos = {{}};
    model->feed->audios = {{}};
    return model;
}

/// SG_UPDATE_GOLDEN=1 writes the files anew; read the difference before committing it.
void compare(const std::string& name, const std::string& text) {
    const auto path = std::filesystem::path(SG_GOLDEN_FOLDER) / name;
    if (std::getenv("SG_UPDATE_GOLDEN") != nullptr) {
        REQUIRE(make_folders(path.parent_path()));
        REQUIRE(write_file_atomic(path, text, Durability::kNone));
    }
    const auto wanted = read_file(path, 1U << 20);
    REQUIRE(wanted);
    INFO(name);
    CHECK(text == *wanted);
}

formats::m3u8::Media media(const std::string& text) {
    const auto parsed = formats::m3u8::parse(text);
    INFO(text);
    if (!parsed) FAIL(parsed.error().message);
    return std::get<formats::m3u8::Media>(*parsed);
}

formats::mpd::Mpd manifest(const ChannelView& view) {
    const std::string text = text_of(view, "manifest.mpd");
    const auto parsed = formats::mpd::parse(text);
    INFO(text);
    if (!parsed) FAIL(parsed.error().message);
    return *parsed;
}

PlaylistDirectives at(std::uint64_t msn, std::optional<std::uint64_t> part = std::nullopt) {
    return {msn, part, false};
}

}  // namespace

TEST_CASE("before the first media everything waits; one part is enough for low latency") {
    const bool low_latency = GENERATE(false, true);
    const auto model = channel(window_config(low_latency));
    auto view = model->view();
    for (const std::string path : {"index.m3u8", "manifest.mpd", "720p/index.m3u8"}) {
        const Lookup found = view->find(path, {});
        CHECK(found.outcome == Outcome::kWait);
        CHECK(found.wait_limit == std::chrono::seconds(9));
    }
    CHECK(view->find("1080p/index.m3u8", {}).outcome == Outcome::kNotFound);
    model->feed->run_until(kSecond);
    view = model->view();
    const auto wanted = low_latency ? Outcome::kFound : Outcome::kWait;
    CHECK(view->find("720p/index.m3u8", {}).outcome == wanted);
    CHECK(view->find("index.m3u8", {}).outcome == wanted);
    CHECK(view->find("manifest.mpd", {}).outcome == Outcome::kWait);
    model->feed->run_until(3 * kSecond);
    view = model->view();
    for (const std::string path :
         {"index.m3u8", "manifest.mpd", "720p/index.m3u8", "audio/index.m3u8"})
        CHECK(view->find(path, {}).outcome == Outcome::kFound);
}

TEST_CASE("golden: a low-latency channel over a discontinuity to its end") {
    const auto model = channel(window_config(true));
    model->feed->run_until(5 * kSecond + kSecond / 5);
    auto view = model->view();
    compare("low-latency-start.m3u8", text_of(*view, "720p/index.m3u8"));
    compare("low-latency-audio.m3u8", text_of(*view, "audio/index.m3u8"));
    compare("low-latency-multivariant.m3u8", text_of(*view, "index.m3u8"));
    auto larger = live_video("720p");
    larger.language = "en";
    REQUIRE(model->packager->discontinuity({larger, live_audio("audio")}));
    model->feed->skip_until(10 * kSecond);
    model->feed->run_until(15 * kSecond + kSecond / 2);
    view = model->view();
    compare("low-latency-discontinuity.m3u8", text_of(*view, "720p/index.m3u8"));
    compare("low-latency-discontinuity.mpd", text_of(*view, "manifest.mpd"));
    model->feed->run_until(31 * kSecond);
    REQUIRE(model->packager->finish());
    model->window.end();
    view = model->view();
    CHECK(view->ended());
    compare("low-latency-end.m3u8", text_of(*view, "720p/index.m3u8"));
    CHECK(media(text_of(*view, "720p/index.m3u8")).discontinuity_sequence == 1);
    CHECK(media(text_of(*view, "720p/index.m3u8")).ended);
    CHECK(manifest(*view).presentation_duration_us == 31'000'000);
    CHECK_FALSE(manifest(*view).minimum_update_us);
}

TEST_CASE("golden: plain sliding window and its MPD") {
    const auto model = channel(window_config(false));
    model->feed->run_until(21 * kSecond);
    const auto view = model->view();
    compare("sliding.m3u8", text_of(*view, "audio/index.m3u8"));
    compare("sliding.mpd", text_of(*view, "manifest.mpd"));
    const auto list = media(text_of(*view, "720p/index.m3u8"));
    CHECK(list.media_sequence == 105);
    CHECK(list.segments.size() == 5);
    // What left the playlist is still there for those who have just read it.
    CHECK(view->find("720p/k3x-104.m4s", {}).outcome == Outcome::kFound);
    CHECK(view->find("720p/k3x-99.m4s", {}).outcome == Outcome::kNotFound);
    CHECK(view->find("720p/k4x-104.m4s", {}).outcome == Outcome::kNotFound);
}

TEST_CASE("golden: low-latency DASH on a fixed grid") {
    WindowConfig window = window_config(true);
    window.fixed_grid = true;
    const auto model = channel(window);
    model->feed->run_until(kSecond);
    auto view = model->view();
    compare("grid.mpd", text_of(*view, "manifest.mpd"));
    const auto mpd = manifest(*view);
    REQUIRE(mpd.service);
    CHECK(mpd.service->target_latency_ms == 2500);
    CHECK(mpd.service->max_rate_percent == 104);
    CHECK(mpd.utc_timings.size() == 1);
    const auto& set = mpd.periods.at(0).adaptation_sets.at(0);
    CHECK(set.producer_reference->presentation_time == 900'000);
    CHECK(set.producer_reference->wall_clock_ms == mpd.availability_start_ms);
    const auto& segments = *set.representations.at(0).segment_template;
    CHECK(segments.availability_time_offset_us == 1'500'000);
    CHECK_FALSE(segments.availability_time_complete);
    const Lookup open = view->find("720p/k3x-100.m4s", {});
    CHECK(open.outcome == Outcome::kFound);
    CHECK_FALSE(open.resource.complete);
    CHECK(open.resource.pieces.size() == 2);
    CHECK(view->find("720p/k3x-101.m4s", {}).outcome == Outcome::kWait);
    CHECK(view->find("720p/k3x-102.m4s", {}).outcome == Outcome::kNotFound);
    const std::string early = text_of(open.resource);
    model->feed->run_until(3 * kSecond);
    view = model->view();
    const Lookup closed = view->find("720p/k3x-100.m4s", {});
    CHECK(closed.resource.complete);
    CHECK(text_of(closed.resource).starts_with(early));
}

TEST_CASE("blocking reload: what is soon there waits, what is far off is refused") {
    const auto model = channel(window_config(true));
    model->feed->run_until(5 * kSecond + kSecond / 10 * 7);
    const auto view = model->view();
    const std::string path = "720p/index.m3u8";
    // 100 and 101 are whole, 102 has three parts: 0, 1 and 2.
    REQUIRE(view->find("720p/k3x-102.2.m4s", {}).outcome == Outcome::kFound);
    CHECK(view->find("720p/k3x-102.3.m4s", {}).outcome == Outcome::kWait);
    CHECK(view->find("720p/k3x-102.4.m4s", {}).outcome == Outcome::kNotFound);
    CHECK(view->find("720p/k3x-101.9.m4s", {}).outcome == Outcome::kNotFound);
    CHECK(view->find(path, at(101)).outcome == Outcome::kFound);
    CHECK(view->find(path, at(101, 50)).outcome == Outcome::kFound);
    CHECK(view->find(path, at(102, 2)).outcome == Outcome::kFound);
    CHECK(view->find(path, at(102, 3)).outcome == Outcome::kWait);
    CHECK(view->find(path, at(102, 8)).outcome == Outcome::kWait);
    CHECK(view->find(path, at(102, 9)).outcome == Outcome::kBadRequest);
    CHECK(view->find(path, at(102)).outcome == Outcome::kWait);
    CHECK(view->find(path, at(103)).outcome == Outcome::kWait);
    CHECK(view->find(path, at(104)).outcome == Outcome::kBadRequest);
    CHECK(view->find(path, at(~std::uint64_t{0}, ~std::uint64_t{0})).outcome ==
          Outcome::kBadRequest);
    CHECK(view->find(path, {std::nullopt, 1, false}).outcome == Outcome::kBadRequest);
    REQUIRE(model->packager->finish());
    model->window.end();
    CHECK(model->view()->find(path, at(103)).outcome == Outcome::kFound);
}

TEST_CASE("a part behind the last one of its segment is the first one of the next") {
    const auto model = channel(window_config(true));
    const std::string path = "720p/index.m3u8";
    for (std::int64_t ms = 4'000; ms <= 4'600; ms += 20) {
        model->feed->run_until(ms * 1'000'000);
        const auto view = model->view();
        const bool closed = view->find("720p/k3x-101.m4s", {}).resource.complete;
        const bool begun = view->find("720p/k3x-102.0.m4s", {}).outcome == Outcome::kFound;
        CAPTURE(ms, closed, begun);
        // Five parts: twelve pictures of 40 ms each, and two.
        CHECK(view->find(path, at(101, 5)).outcome == (begun ? Outcome::kFound : Outcome::kWait));
        CHECK(view->find(path, at(101, 4)).outcome == (closed ? Outcome::kFound : Outcome::kWait));
        CHECK(view->find(path, at(101)).outcome == (closed ? Outcome::kFound : Outcome::kWait));
    }
    CHECK(model->view()->find("720p/k3x-102.0.m4s", {}).outcome == Outcome::kFound);
}

TEST_CASE("delta updates leave out what lies before the skip boundary") {
    WindowConfig window = window_config(true);
    window.length = std::chrono::seconds(60);
    const auto model = channel(window);
    model->feed->run_until(50 * kSecond + kSecond / 2);
    const auto view = model->view();
    const std::string full = text_of(*view, "720p/index.m3u8");
    const std::string delta = text_of(*view, "720p/index.m3u8", {std::nullopt, std::nullopt, true});
    compare("delta.m3u8", delta);
    CHECK(full.find("#EXT-X-SKIP") == std::string::npos);
    // 25 segments and a part; 18 s are kept.
    CHECK(delta.find("#EXT-X-SKIP:SKIPPED-SEGMENTS=16\n") != std::string::npos);
    CHECK(full.ends_with(delta.substr(delta.find("#EXT-X-PROGRAM-DATE-TIME"))));
    // Parts stand only near the end.
    CHECK(full.find("EXT-X-PART:") > full.find("k3x-119.m4s"));
}

TEST_CASE("delta updates tell of all date ranges that the whole playlist has") {
    WindowConfig window = window_config(true);
    window.length = std::chrono::minutes(10);
    const auto model = channel(window);
    const std::string line = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2026-01-31T12:00:05.000Z\"\n";
    model->feed->run_until(5 * kSecond);
    model->window.announce(line);
    model->feed->run_until(50 * kSecond);
    const auto count = [&](const PlaylistDirectives& directives) {
        const auto text = text_of(*model->view(), "720p/index.m3u8", directives);
        std::size_t found = 0;
        for (auto at = text.find(line); at != std::string::npos; at = text.find(line, at + 1))
            ++found;
        return found;
    };
    CHECK(count({}) == 1);
    CHECK(count({std::nullopt, std::nullopt, true}) == 1);
    // Long ago, in a block of old segments.
    model->feed->run_until(400 * kSecond);
    CHECK(count({}) == 1);
    CHECK(count({std::nullopt, std::nullopt, true}) == 1);
}

TEST_CASE("a window of hours is served from files, and memory stays bounded") {
    test::TempFolder folder;
    const auto file = folder / "dvr.bin";
    REQUIRE(write_file_atomic(file, std::string(3000, 'x'), Durability::kNone));
    auto stored = std::make_shared<StoredFile>();
    stored->fd = UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    stored->bytes = 3000;
    WindowConfig window = window_config(false);
    window.length = std::chrono::minutes(20);
    window.memory_segments = 4;
    window.memory_slack = 4;
    const auto model = channel(window);
    std::size_t done[2] = {0, 0};
    std::uint64_t most = 0;
    for (std::int64_t s = 1; s <= 600; ++s) {
        model->feed->run_until(s * kSecond);
        for (std::size_t r = 0; r < 2; ++r) {
            for (; done[r] < model->track(r).segments.size(); ++done[r]) {
                MediaBytes where;
                where.file = stored;
                where.offset = done[r];
                where.bytes = 100;
                model->window.stored(r, model->track(r).segments[done[r]]->number, where);
            }
        }
        (void)model->view();
        most = std::max(most, model->window.bytes_in_memory());
    }
    CHECK(most < 7 * 2 * (25 * 450 + 47 * 80));
    const auto view = model->view();
    const auto list = media(text_of(*view, "720p/index.m3u8"));
    CHECK(list.media_sequence == 100);
    REQUIRE(list.segments.size() == 299);
    CHECK(list.maps.size() == 1);
    for (std::size_t i = 0; i < list.segments.size(); ++i)
        CHECK(list.segments[i].uri == fmt::format("k3x-{}.m4s", 100 + i));
    CHECK(text_of(*view, "720p/k3x-150.m4s") == std::string(100, 'x'));
    CHECK(view->find("720p/k3x-150.0.m4s", {}).outcome == Outcome::kNotFound);
    const auto mpd = manifest(*view);
    const auto& t = *mpd.periods.at(0).adaptation_sets.at(0).representations.at(0).segment_template;
    const auto segments = formats::mpd::expand(t, 600'000'000, 1000);
    REQUIRE(segments);
    CHECK(segments->size() == 299);
    CHECK(t.start_number == 100);
}

TEST_CASE("segments that nobody stored leave the window instead of filling memory") {
    WindowConfig window = window_config(false);
    window.length = std::chrono::minutes(20);
    window.memory_segments = 4;
    window.memory_slack = 4;
    const auto model = channel(window);
    model->feed->run_until(120 * kSecond);
    const auto list = media(text_of(*model->view(), "720p/index.m3u8"));
    CHECK(list.segments.size() == 8);
    CHECK(list.media_sequence == 151);
}

TEST_CASE("an EVENT playlist keeps all segments; dependent ones end the promise") {
    WindowConfig window = window_config(false);
    window.length = std::chrono::nanoseconds(0);
    const auto model = channel(window);
    model->feed->run_until(20 * kSecond);
    auto list = media(text_of(*model->view(), "720p/index.m3u8"));
    CHECK(list.type == formats::m3u8::PlaylistType::kEvent);
    CHECK(list.independent_segments);
    CHECK(list.segments.size() == 9);
    model->feed->videos[0].gop = 1000;
    model->feed->run_until(30 * kSecond);
    list = media(text_of(*model->view(), "720p/index.m3u8"));
    CHECK_FALSE(list.independent_segments);
    CHECK(media(text_of(*model->view(), "audio/index.m3u8")).independent_segments);
    CHECK(text_of(*model->view(), "index.m3u8").find("INDEPENDENT") == std::string::npos);
}

TEST_CASE("a rendition without media has gaps in its playlist, and the rest can be played") {
    const auto model = channel(window_config(false));
    model->feed->audios.clear();
    model->feed->run_until(9 * kSecond);
    const auto view = model->view();
    CHECK(view->find("index.m3u8", {}).outcome == Outcome::kFound);
    const std::string text = text_of(*view, "audio/index.m3u8");
    CHECK(text.find("#EXT-X-VERSION:8\n") != std::string::npos);
    CHECK(text.find("#EXT-X-GAP\n#EXTINF:2.000000,\nk3x-100.m4s\n") != std::string::npos);
    CHECK(view->find("audio/k3x-100.m4s", {}).outcome == Outcome::kNotFound);
}

TEST_CASE("players of DASH are told to stay a segment behind, however long segments get") {
    WindowConfig window = window_config(false);
    window.segment = std::chrono::seconds(1);
    const auto model = channel(window);
    model->feed->videos[0].gop = 250;
    model->feed->run_until(12 * kSecond);
    const auto mpd = manifest(*model->view());
    REQUIRE(mpd.max_segment_duration_us);
    CHECK(*mpd.max_segment_duration_us > 3'000'000);
    REQUIRE(mpd.suggested_delay_us);
    CHECK(*mpd.suggested_delay_us >= *mpd.max_segment_duration_us + 1'000'000);
}

TEST_CASE("segments of an earlier run come first, with their own epoch and Period") {
    WindowConfig window = window_config(GENERATE(false, true));
    window.discontinuity_sequence = 7;
    LiveRenditionConfig video = live_video("720p");
    const auto writer = LiveRenditionWriter::create(
        video, std::chrono::seconds(10), std::chrono::milliseconds(500), std::chrono::seconds(4));
    REQUIRE(writer);
    LivePackagerConfig config = packager_config();
    config.epoch = "k4";
    config.first_number = 52;
    config.continues = true;
    ChannelModel model(config, window, {video});
    const auto noon = *model.date_at(0);
    for (int i = 0; i < 2; ++i) {
        LiveSegment old;
        old.epoch = "k3";
        old.number = 50 + i;
        old.start = i * 180'000;
        old.duration = 180'000;
        old.init = writer->init();
        old.date = noon - std::chrono::seconds(100 - 2 * i);
        MediaBytes where;
        where.bytes = 10;
        where.file = std::make_shared<StoredFile>();
        model.window.restore(0, old, where);
    }
    CHECK(text_of(*model.view(), "720p/index.m3u8").find("PRELOAD-HINT") == std::string::npos);
    model.feed->videos = {{}};
    model.feed->run_until(5 * kSecond);
    const auto view = model.view();
    const std::string text = text_of(*view, "720p/index.m3u8");
    const auto list = media(text);
    CHECK((text.find("PRELOAD-HINT:TYPE=PART,URI=\"k4-54.") != text.npos) == window.low_latency);
    CHECK(list.media_sequence == 50);
    CHECK(list.discontinuity_sequence == 7);
    REQUIRE(list.segments.size() == 4);
    CHECK(list.segments[1].uri == "k3-51.m4s");
    CHECK(list.segments[2].uri == "k4-52.m4s");
    CHECK(list.segments[2].discontinuity);
    const auto mpd = manifest(*view);
    REQUIRE(mpd.periods.size() == 2);
    CHECK(mpd.periods[1].start_us == 100'000'000);
    // Nobody waits for segments in the hole before the second one.
    CHECK(mpd.periods[0].duration_us == 4'000'000);
    CHECK(!mpd.periods[1].duration_us);
    CHECK(mpd.periods[0].adaptation_sets[0].representations[0].segment_template->media ==
          "720p/k3-$Number$.m4s");
    CHECK(mpd.periods[1].adaptation_sets[0].representations[0].segment_template->media ==
          "720p/k4-$Number$.m4s");
    CHECK(model.window.availability_start() == noon - std::chrono::seconds(100));
}

TEST_CASE("an MPD is never older than the one before, whatever happens to the wall clock") {
    auto model = channel(window_config(false));
    const WallTime noon = std::chrono::sys_days(std::chrono::year(2026) / 1 / 31);
    const auto published = [&](std::int64_t until, WallTime now) {
        model->feed->run_until(until);
        return manifest(*model->window.view(now)).publish_time_ms;
    };
    const auto first = published(6 * kSecond, noon);
    CHECK(published(10 * kSecond, noon - std::chrono::hours(1)) == first);
    CHECK(published(14 * kSecond, noon + std::chrono::hours(1)) > first);
}

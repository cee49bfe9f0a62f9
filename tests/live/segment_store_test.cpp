#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>

#include <fcntl.h>

#include <boost/asio/io_context.hpp>
#include <live/channel.hpp>
#include <live/channel_registry.hpp>
#include <live/dvr_index.hpp>
#include <live/segment_store.hpp>
#include <sys/stat.h>

#include <base/file.hpp>
#include <formats/bmff_reader.hpp>
#include <formats/m3u8.hpp>
#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "../packagers/live_feed.hpp"
#include "channel_model.hpp"
#include "recording_file.hpp"
#include "state_writers.hpp"

using namespace sg;
using namespace std::chrono_literals;
using live::Lookup;
namespace fs = std::filesystem;

namespace {

/// The disk's thread reads it, too.
class HeldClock final : public Clock {
  public:
    [[nodiscard]] Monotonic now() const override { return Monotonic(steady()); }
    [[nodiscard]] Wall wall() const override { return Wall(1'790'000'000s + steady()); }
    void advance(std::chrono::nanoseconds by) { steady_ns_ += by.count(); }

  private:
    [[nodiscard]] std::chrono::nanoseconds steady() const {
        return std::chrono::nanoseconds(steady_ns_);
    }
    std::atomic<std::int64_t> steady_ns_ = 1'000'000'000'000;
};

/// One run of the service on a data folder.
struct Run {
    Run(fs::path data, HeldClock& time, std::chrono::seconds dvr, bool record = false)
        : clock(time),
          store({std::move(data), {}}, time, metrics),
          registry(options(dvr, record), {&home}, time, metrics) {
        registry.set_continuations(
            [this](const auto& settings) { return store.restore(settings); });
        registry.set_observer_factory([this](live::Channel& made) { store.observe(made); });
        channel = registry.place_for("live/a", home).value().channel;
        feed = *channel->open_feed(0, {1000, 32}, [](std::string_view) {});
    }

    static live::RegistryOptions options(std::chrono::seconds dvr, bool record) {
        live::RegistryOptions all;
        all.templates = {live::ChannelTemplate{}};
        auto& settings = all.templates[0].settings;
        settings.output.segment = 1s;
        settings.output.target = 2s;
        settings.output.window = 20s;
        settings.output.dvr = dvr;
        settings.recording.enabled = record;
        settings.recording.rotate = 10s;
        return all;
    }

    /// AAC frames of 1024 samples at 48 kHz; stored() reaches the channel in between.
    void sound(std::chrono::seconds length) {
        if (sent == 0) {
            ingest::LiveTrack track;
            track.config = test::live_audio("audio").codec;
            feed->arrived(clock.now());
            feed->on_track(track);
        }
        const auto end = sent + length.count() * 48000 / 1024;
        for (; sent < end; ++sent) {
            ingest::LiveUnit unit;
            unit.pts = unit.dts = sent * 1024 * 1000 / 48000;
            unit.key = true;
            unit.data.resize(200);
            feed->arrived(clock.now());
            feed->on_unit(std::move(unit));
            feed->batch_done();
            clock.advance(21'333'333ns);
            if (sent % 40 == 0) settle();
        }
        settle();
    }
    void settle() {
        store.drain();
        home.restart();
        home.poll();
    }
    [[nodiscard]] formats::m3u8::Media playlist() const {
        auto parsed = formats::m3u8::parse(test::text_of(*channel->view(), "audio/index.m3u8"));
        REQUIRE(parsed);
        return std::get<formats::m3u8::Media>(*parsed);
    }

    HeldClock& clock;
    NullMetrics metrics;
    boost::asio::io_context home;
    live::SegmentStore store;
    live::ChannelRegistry registry;
    std::shared_ptr<live::Channel> channel;
    std::shared_ptr<live::ChannelFeed> feed;
    std::int64_t sent = 0;
};

std::size_t gaps_in(const Run& run) {
    const auto text = test::text_of(*run.channel->view(), "audio/index.m3u8");
    std::size_t count = 0;
    for (auto at = text.find("#EXT-X-GAP"); at != std::string::npos;
         at = text.find("#EXT-X-GAP", at + 1))
        ++count;
    return count;
}

std::size_t files_with(const fs::path& folder, const std::string& extension) {
    std::size_t count = 0;
    if (!fs::exists(folder)) return 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        count += entry.path().extension() == extension ? 1U : 0U;
    return count;
}

}  // namespace

TEST_CASE("a window of minutes is kept on disk, and little of it in memory") {
    test::TempFolder temp;
    HeldClock clock;
    Run run(temp.path(), clock, 300s);
    run.sound(200s);
    const auto list = run.playlist();
    CHECK(list.segments.size() > 150);
    CHECK(list.media_sequence == 0);
    const auto first = run.channel->view()->find("audio/" + list.segments.front().uri, {});
    REQUIRE(first.outcome == Lookup::Outcome::kFound);
    REQUIRE(first.resource.pieces.size() == 1);
    CHECK(first.resource.pieces[0].file != nullptr);
    const auto& piece = first.resource.pieces[0];
    std::vector<std::byte> bytes(piece.bytes);
    REQUIRE(read_at(piece.file->fd.get(), piece.offset, bytes, "segment"));
    CHECK(formats::parse_segment(bytes, {}));
}

TEST_CASE("files whose time is over are removed while the channel runs") {
    test::TempFolder temp;
    HeldClock clock;
    Run run(temp.path(), clock, 60s);
    run.sound(600s);
    CHECK(run.playlist().segments.size() < 70);
    // Window and grace are two minutes, in files of one.
    CHECK(files_with(temp.path() / "live", ".mp4") <= 4);
}

TEST_CASE("after a crash the channel goes on with ascending numbers and its old segments") {
    test::TempFolder temp;
    HeldClock clock;
    std::int64_t last_before = 0;
    {
        Run run(temp.path(), clock, 300s);
        run.sound(40s);
        const auto list = run.playlist();
        last_before = static_cast<std::int64_t>(list.media_sequence + list.segments.size()) - 1;
        // Nobody says that it ends.
    }
    clock.advance(20s);
    Run run(temp.path(), clock, 300s);
    run.sound(10s);
    const auto list = run.playlist();
    CHECK(list.media_sequence == 0);
    std::size_t discontinuities = 0;
    std::size_t missing = 0;
    for (const auto& segment : list.segments) {
        discontinuities += segment.discontinuity ? 1U : 0U;
        const auto found = run.channel->view()->find("audio/" + segment.uri, {});
        missing += found.outcome == Lookup::Outcome::kFound ? 0U : 1U;
    }
    CHECK(discontinuities == 1);
    CHECK(missing == 1);  // what was being made
    CHECK(gaps_in(run) == missing);
    CHECK(static_cast<std::int64_t>(list.segments.size()) > last_before + 8);
}

TEST_CASE("without DVR numbers and discontinuities go on after a crash") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 0s);
        run.sound(40s);
    }
    Run run(temp.path(), clock, 0s);
    run.sound(10s);
    auto list = run.playlist();
    CHECK(list.media_sequence >= 38);
    CHECK(list.discontinuity_sequence == 0);
    CHECK(list.segments.front().discontinuity);
    run.sound(60s);
    list = run.playlist();
    CHECK(list.discontinuity_sequence == 1);
}

TEST_CASE("a pause has no ENDLIST and leaves no gap; an end begins anew") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 300s);
        run.sound(20s);
        run.registry.end_all("the service stops");
        run.settle();
        CHECK_FALSE(run.playlist().ended);
    }
    {
        Run run(temp.path(), clock, 300s);
        run.sound(10s);
        const auto list = run.playlist();
        CHECK(list.media_sequence == 0);
        CHECK(list.segments.size() > 25);
        CHECK(gaps_in(run) == 0);
        run.channel->end("test");
        run.settle();
        CHECK(run.playlist().ended);
    }
    Run run(temp.path(), clock, 300s);
    run.sound(5s);
    CHECK(run.playlist().segments.size() < 8);
}

TEST_CASE("what ends in this run is not gone on with, however late its end is written") {
    test::TempFolder temp;
    HeldClock clock;
    Run run(temp.path(), clock, 300s);
    run.sound(20s);
    const auto settings = run.channel->settings();
    run.channel->end("test");
    // With no turn for the disk in between.
    CHECK(run.store.restore(settings).next_number == 0);
    run.channel = run.registry.place_for("live/a", run.home).value().channel;
    run.feed = *run.channel->open_feed(0, {1000, 32}, [](std::string_view) {});
    run.sent = 0;
    run.sound(5s);
    CHECK(run.playlist().media_sequence == 0);
    CHECK(run.playlist().segments.front().discontinuity == false);
}

TEST_CASE("the state of a session that ended never replaces that of the next") {
    test::TempFolder temp;
    live::StateWriter writer(temp.path() / "a");
    live::ChannelState old;
    old.epoch = "9z";
    old.next_number = 40;
    live::ChannelState next;
    next.epoch = "a00";
    next.next_number = 1;
    for (int i = 0; i < 3; ++i) REQUIRE(writer.write(old));
    REQUIRE(writer.write(next));
    old.final = true;
    REQUIRE(writer.write(old));
    const auto kept = live::ChannelStateFile::read(temp.path() / "a" / "state");
    REQUIRE(kept);
    CHECK(kept->epoch == "a00");
    CHECK(kept->next_number == 1);
    CHECK_FALSE(kept->final);
}

TEST_CASE("what was left longer ago than a channel is kept does not come back") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 300s);
        run.sound(20s);
    }
    clock.advance(3600s);
    Run run(temp.path(), clock, 300s);
    run.sound(5s);
    CHECK(run.playlist().segments.size() < 8);
}

TEST_CASE("files of dead channels go when their time is over") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 60s);
        run.sound(20s);
    }
    REQUIRE(files_with(temp.path() / "live", ".mp4") == 1);
    // One that was killed before it had a state.
    fs::create_directories(temp.path() / "live" / "live" / "b" / "epoch");
    // Files are dated by the machine's clock.
    class LateClock final : public Clock {
      public:
        [[nodiscard]] Monotonic now() const override { return {}; }
        [[nodiscard]] Wall wall() const override { return std::chrono::system_clock::now() + 25h; }
    };
    const LateClock later;
    NullMetrics metrics;
    live::SegmentStore store({temp.path(), {}}, later, metrics);
    store.clean();
    store.drain();
    CHECK(files_with(temp.path() / "live", ".mp4") == 0);
    CHECK_FALSE(fs::exists(temp.path() / "live" / "live"));
}

TEST_CASE("what an earlier run left goes while the channel that went on with it runs") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 60s);
        run.sound(20s);
    }
    const auto folder = temp.path() / "live" / "live" / "a";
    const auto old = live::dvr_epochs(folder).at(0);
    Run run(temp.path(), clock, 60s);
    run.sound(5s);
    const auto now = live::dvr_epochs(folder).at(1);
    for (const auto& epoch : {old, now}) {
        for (const auto& entry : fs::directory_iterator(epoch)) {
            const timespec last{clock.wall().time_since_epoch() / 1s - 3600, 0};
            const std::array times{last, last};
            REQUIRE(::utimensat(AT_FDCWD, entry.path().c_str(), times.data(), 0) == 0);
        }
    }
    clock.advance(5min);
    run.sound(3s);
    CHECK_FALSE(fs::exists(old));
    CHECK(files_with(now, ".mp4") == 1);
}

TEST_CASE("a recording has no name before it has media") {
    test::TempFolder temp;
    HeldClock clock;
    struct Keep final : live::ChannelObserver {
        void on_segment(std::size_t,
                        const std::shared_ptr<const packagers::LiveSegment>& s) override {
            segment = s;
        }
        std::shared_ptr<const packagers::LiveSegment> segment;
    };
    Run run(temp.path() / "data", clock, 0s);
    auto made = std::make_unique<Keep>();
    auto& keep = *made;
    run.channel->add_observer(std::move(made));
    run.sound(5s);
    REQUIRE(keep.segment);

    live::RecordingPlan plan;
    plan.folder = temp.path() / "recordings";
    plan.begins = *keep.segment->date;
    plan.tracks = {keep.segment->init};
    // What a killed process left.
    fs::create_directories(plan.folder);
    std::ofstream(plan.folder / "recording.mp4.part") << "half";
    live::RecordingFile file(plan, clock);
    auto bad = *keep.segment;
    bad.parts.resize(1);
    bad.parts[0].bytes = std::make_shared<const std::vector<std::byte>>(100, std::byte{0xff});
    CHECK_FALSE(file.append(0, bad));
    CHECK(fs::is_empty(plan.folder));
    REQUIRE(file.append(0, *keep.segment));
    live::RecordingFile second(plan, clock);
    REQUIRE(second.append(0, *keep.segment));
    CHECK(files_with(plan.folder, ".mp4") == 2);
    CHECK(files_with(plan.folder, ".part") == 0);
}

TEST_CASE("half an index line and half a segment end the list, not the reading") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 300s);
        run.sound(20s);
    }
    const auto epoch = live::dvr_epochs(temp.path() / "live" / "live" / "a").at(0);
    const auto whole = live::read_dvr_epoch(epoch).at(0).segments.size();
    REQUIRE(whole > 15);
    const auto index = epoch / "0-0.idx";
    fs::resize_file(index, fs::file_size(index) - 5);
    CHECK(live::read_dvr_epoch(epoch).at(0).segments.size() == whole - 1);
    const auto media = epoch / "0-0.mp4";
    fs::resize_file(media, fs::file_size(media) / 2);
    CHECK(live::read_dvr_epoch(epoch).at(0).segments.size() < whole / 2 + 1);
    std::ofstream(index, std::ios::trunc) << "nonsense\n";
    CHECK(live::read_dvr_epoch(epoch).empty());
    Run run(temp.path(), clock, 300s);
    run.sound(5s);
    CHECK(run.playlist().media_sequence > 15);
}

TEST_CASE("a disk that takes nothing costs the past, not the channel") {
    test::TempFolder temp;
    HeldClock clock;
    std::ofstream(temp.path() / "live") << "no folder";
    Run run(temp.path(), clock, 300s);
    run.sound(60s);
    const auto list = run.playlist();
    CHECK(list.segments.size() > 10);
    CHECK(list.segments.size() < 40);
    const auto last = run.channel->view()->find("audio/" + list.segments.back().uri, {});
    CHECK(last.outcome == Lookup::Outcome::kFound);
}

TEST_CASE("recordings are MP4 files of some length whose times begin near 0") {
    test::TempFolder temp;
    HeldClock clock;
    {
        Run run(temp.path(), clock, 0s, true);
        run.sound(25s);
        run.channel->end("test");
        run.settle();
    }
    const auto folder = temp.path() / "recordings" / "live" / "a";
    CHECK(files_with(folder, ".mp4") == 3);
    for (const auto& entry : fs::directory_iterator(folder)) {
        CHECK(entry.path().filename().string().starts_with("2026"));
        const auto text = read_file(entry.path(), 1U << 24);
        REQUIRE(text);
        const auto bytes = std::as_bytes(std::span(*text));
        const auto movie = formats::parse_init(bytes);
        REQUIRE(movie);
        REQUIRE(movie->tracks.size() == 1);
        REQUIRE(movie->tracks[0].edits.size() == 1);
        CHECK(movie->tracks[0].edits[0].media_time == 48000);
        const auto moof = text->find("moof") - 4;
        const auto parsed = formats::parse_segment(bytes.subspan(moof), {});
        REQUIRE(parsed);
        CHECK(parsed->fragments.front().decode_time >= 48000);
        CHECK(parsed->fragments.front().decode_time < 48000 + 2048);
        CHECK(parsed->fragments.front().sequence == 1);
    }
}

#include "live_source.hpp"

#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <process/channel.hpp>
#include <support/catch.hpp>

using namespace sg;
using engine::LiveSource;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kOrigin = 10'000 * kMs;
constexpr int kPictures = 0;
constexpr int kSound = 1;

engine::LiveSourceTrack described(int id) {
    engine::LiveSourceTrack track;
    track.id = id;
    track.codec = id == kPictures ? formats::Codec::kH264 : formats::Codec::kAac;
    track.video.width = 1280;
    track.video.height = 720;
    track.audio.sample_rate = 48000;
    track.audio.channels = 2;
    return track;
}

ingest::TimedUnit unit(int track, std::int64_t ms, bool key = false) {
    ingest::TimedUnit u;
    u.track = track;
    u.pts_ns = u.dts_ns = kOrigin + ms * kMs;
    u.key = key || track == kSound;
    u.data.resize(8);
    return u;
}

/// A source of pictures on port 0 and sound on port 1, their clocks on 2 and 3.
struct Bench {
    explicit Bench(bool with_sound = true, std::deque<ingest::TimedUnit> units = {}) {
        auto pair = process::Channel::make_pair({});
        REQUIRE(pair);
        input.emplace(std::move(pair->theirs));
        ours.emplace(std::move(pair->ours));
        engine::LiveStart start;
        start.origin_ns = kOrigin;
        start.units = std::move(units);
        LiveSource::Settings settings;
        for (const int id : {kPictures, kSound}) {
            if (id == kSound && !with_sound) continue;
            input->tracks[id] = described(id);
            start.tracks.push_back({described(id), {25, 1}});
            settings.ports[id] = id;
        }
        settings.serves = [this](const engine::LiveSourceTrack& track) {
            return track.video.width <= widest;
        };
        settings.gate = &gate;
        settings.dropped = [this]() -> Status {
            ++dropped;
            return {};
        };
        source.emplace(std::move(start), std::move(settings), *input);
    }

    template <class Message>
    void send(const Message& message) {
        REQUIRE(ours->send(process::MessageType::kMedia, engine::encode(message)));
    }

    /// What it gives for what was sent, up to the end of what it reads for it.
    std::vector<pipeline::PortItem> items(std::size_t count) {
        std::vector<pipeline::PortItem> all;
        while (all.size() < count) {
            auto item = source->read({});
            REQUIRE(item);
            all.push_back(std::move(*item));
        }
        return all;
    }
    /// True when all outputs end before another packet comes.
    bool ends() {
        std::size_t ended = 0;
        while (ended < 2 * input->tracks.size()) {
            auto item = source->read({});
            REQUIRE(item);
            if (std::holds_alternative<media::Packet>(item->item)) return false;
            if (std::holds_alternative<pipeline::EndOfStream>(item->item)) ++ended;
        }
        return true;
    }

    int dropped = 0;
    std::uint32_t widest = 1280;
    engine::PacketGate gate;
    std::optional<engine::LiveInput> input;
    std::optional<process::Channel> ours;
    std::optional<LiveSource> source;
};

std::int64_t time_of(const pipeline::PortItem& item) {
    const auto* packet = std::get_if<media::Packet>(&item.item);
    return packet == nullptr ? -1 : packet->pts() / kMs;
}

}  // namespace

TEST_CASE("live source: a track that stops gets a clock while others go on", "[engine]") {
    Bench bench;
    bench.items(4);  // starts of streams
    bench.send(unit(kPictures, 0, true));
    for (int ms = 0; ms <= 1000; ms += 100) bench.send(unit(kSound, ms));
    std::vector<std::int64_t> ticks;
    int packets = 0;
    while (packets < 12) {
        const auto item = std::move(bench.items(1).front());
        if (item.port == 2)
            ticks.push_back(time_of(item));
        else
            ++packets;
        CHECK(item.port != 3);
    }
    if (ticks.size() < 4) ticks.push_back(time_of(bench.items(1).front()));
    // Half a second behind what flows.
    CHECK(ticks == std::vector<std::int64_t>{200, 300, 400, 500});
}

TEST_CASE("live source: tracks that are far apart and both flow need no clock", "[engine]") {
    Bench bench;
    bench.items(4);
    for (int ms = 0; ms <= 2000; ms += 100) {
        bench.send(unit(kPictures, ms + 3000, ms == 0));
        bench.send(unit(kSound, ms));
    }
    // The first picture is a hole of three seconds for a source that began at 0.
    CHECK(bench.ends());
    Bench close;
    close.items(4);
    for (int ms = 0; ms <= 2000; ms += 100) {
        close.send(unit(kPictures, ms + 900, ms == 0));
        close.send(unit(kSound, ms));
    }
    for (const auto& item : close.items(42)) CHECK(item.port < 2);
}

TEST_CASE("live source: a track that ended is filled up while another goes on", "[engine]") {
    Bench bench;
    bench.items(4);
    bench.send(unit(kPictures, 0, true));
    bench.send(unit(kSound, 0));
    bench.send(engine::LiveTrackEnd{kPictures});
    bench.send(unit(kSound, 600));
    bench.send(unit(kSound, 1200));
    const auto items = bench.items(5);
    CHECK(items.back().port == 2);
    CHECK(time_of(items.back()) == 700);
    bench.send(engine::LiveTrackEnd{kSound});
    const auto last = bench.items(4);
    for (const auto& item : last) CHECK(std::holds_alternative<pipeline::EndOfStream>(item.item));
}

TEST_CASE("live source: a new shape goes on when it is served, and ends the run when not",
          "[engine]") {
    Bench bench;
    bench.items(4);
    auto smaller = described(kPictures);
    smaller.video.width = 640;
    bench.send(smaller);
    const auto start = bench.items(1);
    REQUIRE(std::holds_alternative<pipeline::StreamStart>(start.front().item));
    CHECK(std::get<pipeline::StreamStart>(start.front().item).info->width == 640);
    auto larger = described(kPictures);
    larger.video.width = 1920;
    bench.send(larger);
    CHECK(bench.ends());
    // The next run begins with it.
    const auto next = bench.input->next({});
    REQUIRE(next);
    REQUIRE(std::holds_alternative<engine::LiveSourceTrack>(*next));
    CHECK(std::get<engine::LiveSourceTrack>(*next).video.width == 1920);
}

TEST_CASE("live source: pictures that come at twice the rate end the run at a key frame",
          "[engine]") {
    Bench bench(false);
    bench.items(2);
    for (int n = 0; n < 100; ++n) bench.send(unit(kPictures, n * 20, n == 0));
    bench.items(100);
    bench.send(unit(kPictures, 2000, true));
    CHECK(bench.ends());
    const auto next = bench.input->next({});
    REQUIRE(next);
    CHECK(std::get<ingest::TimedUnit>(*next).pts_ns == kOrigin + 2000 * kMs);
}

TEST_CASE("live source: a decoder that takes nothing is given no more, and told as such",
          "[engine]") {
    std::deque<ingest::TimedUnit> units;
    for (int n = 0; n < 400; ++n) units.push_back(unit(kPictures, n * 40, n % 50 == 0));
    Bench bench(false, std::move(units));
    bench.items(2);
    bench.send(engine::LiveFinish{});
    int given = 0;
    for (bool over = false; !over;) {
        const auto item = std::move(bench.items(1).front());
        over = std::holds_alternative<pipeline::EndOfStream>(item.item);
        if (std::holds_alternative<media::Packet>(item.item)) ++given;
    }
    CHECK(given > 0);
    CHECK(given < 150);
    CHECK(given + bench.dropped == 400);
}

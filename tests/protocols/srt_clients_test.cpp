#include <cstdlib>
#include <map>
#include <thread>

#include <formats/ts_demuxer.hpp>

#include "srt_harness.hpp"

// Foreign SRT clients against the listener and the caller.

using namespace sg;
using namespace sg::protocols;
using namespace sg::test;

namespace {

bool have(const std::string& program) {
    return std::system(("command -v " + program + " > /dev/null").c_str()) == 0;  // NOLINT
}

/// Runs while the loop does.
class Shell {
  public:
    explicit Shell(const std::string& command)
        : thread_([this, command] {
              status_ = std::system((command + " > /dev/null 2>&1").c_str());  // NOLINT
              ended_ = true;
          }) {}
    ~Shell() { thread_.join(); }
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] int status() const { return status_; }

  private:
    std::atomic<bool> ended_ = false;
    std::atomic<int> status_ = -1;
    std::thread thread_;
};

class CountingSink final : public formats::ts::DemuxSink {
  public:
    void on_programs(std::span<const formats::ts::Program>) override {}
    void on_unit(const formats::ts::AccessUnit& unit) override {
        ++units[unit.pid];
        damaged += unit.damaged ? 1 : 0;
    }
    void on_section(const formats::ts::Section&) override {}
    void on_clock(unsigned, std::int64_t, bool) override {}

    std::map<unsigned, int> units;
    int damaged = 0;
};

CountingSink count(const Buffer& bytes) {
    CountingSink sink;
    formats::ts::TsDemuxer demuxer(sink);
    demuxer.push(bytes);
    demuxer.flush();
    CHECK(demuxer.counters().continuity_errors == 0);
    return sink;
}

/// 50 pictures in two seconds, and sound.
const char* const kMade =
    "ffmpeg -v error -re -f lavfi -i testsrc=size=320x240:rate=25 -f lavfi -i "
    "sine=sample_rate=48000 "
    "-t 2 -c:v libx264 -preset ultrafast -g 25 -c:a aac -f mpegts ";

std::string quoted(const std::string& text) {
    return "'" + text + "'";
}

}  // namespace

TEST_CASE("SRT: ffmpeg publishes with a stream id and a passphrase, and every picture arrives") {
    if (!have("ffmpeg")) return;
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, [](const SrtStreamId& id, const std::string&) {
        CHECK(id.resource == "live/name");
        CHECK(id.user == "me");
        return SrtDecision(SrtAccept{"0123456789", 16, {}});
    });
    const Shell ffmpeg(kMade + quoted(server.url("streamid=#!::r=live/name,m=publish,u=me"
                                                 "&passphrase=0123456789&pbkeylen=16&linger=2")));
    REQUIRE(loop.run_until([&] { return !server.kept.empty() && server.kept[0]->ended; },
                           std::chrono::seconds(60)));
    CHECK(server.kept[0]->connection->encrypted());
    const CountingSink sink = count(server.kept[0]->bytes);
    CHECK(sink.units.at(0x100) == 50);
    CHECK(sink.units.at(0x101) >= 93);
    CHECK(sink.damaged == 0);
}

TEST_CASE("SRT: ffmpeg without the passphrase does not get in") {
    if (!have("ffmpeg")) return;
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, [](const SrtStreamId&, const std::string&) {
        return SrtDecision(SrtAccept{"0123456789", 0, {}});
    });
    const Shell ffmpeg(kMade + quoted(server.url("streamid=live/name")));
    CHECK(loop.run_until([&] { return ffmpeg.ended(); }, std::chrono::seconds(60)));
    CHECK(ffmpeg.status() != 0);
    CHECK(server.kept.empty());
}

TEST_CASE("SRT: srt-live-transmit publishes with a plain stream id") {
    if (!have("ffmpeg") || !have("srt-live-transmit")) return;
    Loop loop;
    const auto service = make_service();
    // It does not leave by itself.
    SrtListenerSettings settings;
    settings.idle = std::chrono::seconds(2);
    Server server(*service, loop, admit_all(), settings);
    const Shell transmit(kMade + std::string("- | srt-live-transmit -a:no file://con ") +
                         quoted(server.url("streamid=publish:live/name")));
    REQUIRE(loop.run_until([&] { return !server.kept.empty() && server.kept[0]->ended; },
                           std::chrono::seconds(60)));
    CHECK(server.kept[0]->connection->stream_id().resource == "live/name");
    // It closes without waiting for the last of what it sent.
    CHECK(count(server.kept[0]->bytes).units.at(0x100) >= 35);
}

TEST_CASE("SRT: GStreamer publishes") {
    if (!have("gst-launch-1.0") ||
        std::system("gst-inspect-1.0 srtsink x264enc > /dev/null 2>&1") != 0)
        return;
    Loop loop;
    const auto service = make_service();
    Server server(*service, loop, admit_all());
    const Shell gst(
        "gst-launch-1.0 -q videotestsrc num-buffers=60 is-live=true ! "
        "video/x-raw,width=320,height=240,framerate=30/1 ! x264enc tune=zerolatency ! "
        "mpegtsmux alignment=7 ! srtsink wait-for-connection=true "
        "streamid='#!::r=live/name,m=publish' uri=" +
        quoted(server.url("mode=caller")));
    REQUIRE(loop.run_until([&] { return !server.kept.empty() && server.kept[0]->ended; },
                           std::chrono::seconds(60)));
    const CountingSink sink = count(server.kept[0]->bytes);
    REQUIRE(sink.units.size() == 1);
    CHECK(sink.units.begin()->second >= 45);
}

TEST_CASE("SRT: a stream is pulled from ffmpeg that listens") {
    if (!have("ffmpeg")) return;
    Loop loop;
    const auto service = make_service();
    // A port that was free a moment ago.
    std::uint16_t port = 0;
    {
        const Server free_port(*service, loop, admit_all());
        port = free_port.listener->port();
    }
    const Shell ffmpeg(
        kMade + quoted("srt://127.0.0.1:" + std::to_string(port) + "?mode=listener&linger=2"));
    SrtCallSettings settings;
    settings.port = port;
    settings.connect_timeout = std::chrono::seconds(1);
    CallResult answer;
    REQUIRE(loop.run_until([&] {
        if (!answer || !*answer) answer = call(*service, loop, settings);
        return answer && answer->has_value();
    }));
    Kept pulled{**answer, {}, {}};
    pulled.start(loop);
    REQUIRE(loop.run_until([&] { return pulled.ended.has_value(); }, std::chrono::seconds(60)));
    // ffmpeg drops the end of what it sent.
    CHECK(count(pulled.bytes).units.at(0x100) >= 35);
}

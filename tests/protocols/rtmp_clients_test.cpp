#include <filesystem>
#include <functional>
#include <map>
#include <optional>

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <formats/amf0.hpp>
#include <formats/flv.hpp>
#include <process/child.hpp>
#include <protocols/rtmp_client.hpp>
#include <protocols/rtmp_server.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::protocols;
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr formats::FourCc kAvc = formats::fourcc("avc1");
constexpr formats::FourCc kAac = formats::fourcc("mp4a");

/// Counts what a publisher sends and checks that it can be understood.
struct Counter final : RtmpPublishSink {
    std::map<formats::FourCc, int> configs;
    std::map<formats::FourCc, int> frames;
    int keys = 0;
    int metadata = 0;
    std::map<formats::FourCc, std::uint32_t> last;
    std::optional<RtmpClosed> closed;
    std::vector<formats::FlvPacket> packets;

    void on_messages(std::span<RtmpMessage> messages) override {
        for (const RtmpMessage& message : messages) {
            if (message.type == RtmpType::kDataAmf0) {
                CHECK(formats::read_amf0(message.payload.bytes()));
                ++metadata;
                continue;
            }
            const Status status = message.type == RtmpType::kVideo
                                      ? formats::read_flv_video(message.payload.bytes(), packets)
                                      : formats::read_flv_audio(message.payload.bytes(), packets);
            CHECK(status);
            for (const formats::FlvPacket& packet : packets) count(packet, message.timestamp);
        }
    }
    void count(const formats::FlvPacket& packet, std::uint32_t timestamp) {
        if (packet.type == formats::FlvPacketType::kSequenceStart) ++configs[packet.codec];
        if (packet.type != formats::FlvPacketType::kFrames) return;
        ++frames[packet.codec];
        keys += packet.key ? 1 : 0;
        CHECK(timestamp >= last[packet.codec]);
        last[packet.codec] = timestamp;
    }
    void on_closed(const RtmpClosed& why) override { closed = why; }
};

struct Handler final : RtmpPublishHandler {
    std::shared_ptr<Counter> counter = std::make_shared<Counter>();
    std::optional<RtmpPublishRequest> request;
    bool secure = false;

    void on_publish(RtmpPublishOffer offer) override {
        request = offer.request();
        secure = offer.secure();
        offer.accept(counter);
    }
};

/// Runs the server until the client has gone and its stream is closed.
void publish(Handler& handler, asio::io_context& context, std::vector<std::string> words) {
    process::SpawnOptions options;
    options.executable = words[0];
    options.argv = std::move(words);
    auto child = process::Child::spawn(std::move(options));
    REQUIRE(child);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    std::optional<process::Exit> exit;
    while (!exit || (handler.request && !handler.counter->closed)) {
        REQUIRE(std::chrono::steady_clock::now() < deadline);
        context.restart();
        context.run_for(10ms);
        child->read_output();
        if (!exit) exit = child->try_wait();
    }
    INFO(child->log().text());
    CHECK(exit->status.success());
    REQUIRE(handler.request);
}

struct House {
    asio::io_context context;
    Handler handler;
    RtmpServer server{context, {}, std::make_shared<RtmpAdmission>(10, 10), handler};

    /// Runs until the condition holds; fails when it never does.
    void until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            context.restart();
            context.run_one_for(50ms);
        }
    }
    std::string listen(RtmpServer::Security security = RtmpServer::Security::kPlain) {
        auto bound = server.listen({asio::ip::make_address("127.0.0.1"), 0}, security, false);
        REQUIRE(bound);
        return fmt::format("{}://127.0.0.1:{}",
                           security == RtmpServer::Security::kTls ? "rtmps" : "rtmp",
                           bound->port());
    }
};

struct OurPublisher final : RtmpClientHandler {
    bool ready = false;
    std::optional<Error> closed;

    void on_ready() override { ready = true; }
    void on_messages(std::span<RtmpMessage>) override {}
    void on_closed(const Error& why) override { closed = why; }
};

/// Enhanced RTMP, which FFmpeg 5 does not write.
void send_hevc(RtmpClient& client) {
    formats::FlvPacket packet;
    packet.codec = formats::fourcc("hvc1");
    packet.key = true;
    for (const auto type :
         {formats::FlvPacketType::kSequenceStart, formats::FlvPacketType::kFrames}) {
        packet.type = type;
        std::vector<std::byte> head;
        formats::write_flv_video_header(packet, head);
        CHECK(client.send(RtmpType::kVideo, 0, head, std::vector<std::byte>(1000)));
    }
}

void make_certificate(const std::string& key, const std::string& chain) {
    process::SpawnOptions options;
    options.executable = "/usr/bin/openssl";
    options.argv = {"openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-keyout",
                    key,
                    "-out",
                    chain,
                    "-days",
                    "2",
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    "subjectAltName=DNS:localhost"};
    auto child = process::Child::spawn(std::move(options));
    REQUIRE(child);
    REQUIRE(child->wait().status.success());
}

void check_stream(const Counter& counter) {
    CHECK(counter.configs.at(kAvc) == 1);
    CHECK(counter.frames.at(kAvc) == 50);
    CHECK(counter.keys >= 2);
    CHECK(counter.last.at(kAvc) >= 1900);
    CHECK(counter.last.at(kAvc) <= 2200);
    CHECK(counter.metadata >= 1);
}

std::vector<std::string> ffmpeg(const std::string& target) {
    return {"/usr/bin/ffmpeg",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=320x180:rate=25:duration=2",
            "-f",
            "lavfi",
            "-i",
            "sine=sample_rate=48000:duration=2",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "25",
            "-threads",
            "1",
            "-c:a",
            "aac",
            "-f",
            "flv",
            target};
}

}  // namespace

TEST_CASE("FFmpeg publishes") {
    House house;
    publish(house.handler, house.context, ffmpeg(house.listen() + "/live/cam?key=abc"));
    check_stream(*house.handler.counter);
    CHECK(house.handler.counter->configs.at(kAac) == 1);
    CHECK(house.handler.counter->frames.at(kAac) >= 93);
    CHECK(house.handler.request->app == "live");
    CHECK(house.handler.request->stream == "cam");
    CHECK(house.handler.request->argument("key") == "abc");
    CHECK(house.handler.counter->closed->cause == RtmpClosed::Cause::kEnded);
}

TEST_CASE("publishers come over TLS") {
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("sg-rtmps-{}", ::getpid());
    std::filesystem::create_directories(folder);
    const std::string key = folder / "key.pem";
    const std::string chain = folder / "chain.pem";
    make_certificate(key, chain);
    House house;
    CHECK_FALSE(house.server.use_certificate(chain, chain));
    REQUIRE(house.server.use_certificate(chain, key));
    const std::string base = house.listen(RtmpServer::Security::kTls);

    SECTION("FFmpeg") {
        publish(house.handler, house.context, ffmpeg(base + "/live/cam"));
        check_stream(*house.handler.counter);
        CHECK(house.handler.secure);
    }
    SECTION("our client, which looks at the certificate") {
        RtmpClientOptions options;
        options.url = *parse_rtmp_url(base + "/live/cam");
        options.url.host = "localhost";
        options.authorities = chain;
        const bool trusted = GENERATE(true, false);
        if (!trusted) options.authorities.clear();
        OurPublisher publisher;
        RtmpClient client(house.context, options, publisher);
        client.start();
        house.until([&] { return publisher.ready || publisher.closed; });
        CHECK(publisher.ready == trusted);
        if (trusted) {
            send_hevc(client);
            Counter& counter = *house.handler.counter;
            house.until([&] { return counter.frames[formats::fourcc("hvc1")] == 1; });
            CHECK(counter.configs.at(formats::fourcc("hvc1")) == 1);
            CHECK(counter.keys == 1);
        } else {
            CHECK(publisher.closed->message.find("TLS") != std::string::npos);
        }
    }
    std::filesystem::remove_all(folder);
}

TEST_CASE("GStreamer and librtmp publish") {
    if (!std::filesystem::exists("/usr/bin/gst-launch-1.0")) {
        WARN("gst-launch-1.0 is not installed");
        return;
    }
    // rtmpsink is librtmp's client.
    const std::string sink = GENERATE("rtmp2sink", "rtmpsink");
    House house;
    const std::string target = house.listen() + "/live/cam";
    publish(house.handler,
            house.context,
            {"/usr/bin/gst-launch-1.0",
             "-q",
             "videotestsrc",
             "num-buffers=50",
             "!",
             "video/x-raw,width=320,height=180,framerate=25/1",
             "!",
             "x264enc",
             "speed-preset=ultrafast",
             "key-int-max=25",
             "threads=1",
             "!",
             "flvmux",
             "streamable=true",
             "!",
             sink,
             "location=" + target + (sink == "rtmpsink" ? " live=1" : "")});
    check_stream(*house.handler.counter);
    CHECK(house.handler.request->app == "live");
    CHECK(house.handler.request->stream == "cam");
}

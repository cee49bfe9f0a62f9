#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <base/unique_fd.hpp>
#include <support/catch.hpp>

#include "live_service.hpp"

// Sources are ffmpeg, python3 and GStreamer's RTSP server.

using sg::UniqueFd;
using namespace sg::test;

namespace {

/// Free a moment ago, and below those that the system gives to others meanwhile; for programs that
/// cannot choose one themselves. Never the same twice.
std::string free_port(int type) {
    static std::set<int> given;
    std::random_device random;
    for (;;) {
        const int port = std::uniform_int_distribution(10'000, 32'000)(random);
        const UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
        REQUIRE(fd.valid());
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        const auto* any = reinterpret_cast<const sockaddr*>(&address);
        if (::bind(fd.get(), any, sizeof address) == 0 && given.insert(port).second)
            return std::to_string(port);
    }
}

std::string input(const std::string& kind, const std::string& url) {
    return "{kind: " + kind + ", name: main, url: \"" + url + "\"}";
}

std::string channel(const std::string& name, const std::string& inputs) {
    return "  - {name: live/" + name + ", stable: 2s, output: {segment: 1s}, inputs: [" + inputs +
           "]}\n";
}

bool plays(const LiveService& service, const std::string& name) {
    return service.playlist("live/" + name).find("#EXTINF:") != std::string::npos;
}

bool on_air(const LiveService& service, const std::string& name, const std::string& which) {
    return service.get("/metrics")
               .find("streamgate_channel_input_on_air{channel=\"live/" + name + "\",input=\"" +
                     which + "\"} 1") != std::string::npos;
}

std::vector<std::string> with(std::vector<std::string> words, std::vector<std::string> options) {
    words.insert(words.end() - 1, options.begin(), options.end());
    return words;
}

}  // namespace

TEST_CASE("test cards and files in a loop play") {
    const TempFolder films;
    const auto film = films.path() / "film.mp4";
    Beside made(
        {"ffmpeg",     "-v",       "error",   "-f",   "lavfi", "-i",   "testsrc=s=320x180:r=25",
         "-f",         "lavfi",    "-i",      "sine", "-t",    "2",    "-c:v",
         "libx264",    "-pix_fmt", "yuv420p", "-g",   "25",    "-c:a", "aac",
         film.string()},
        films.path() / "log");
    REQUIRE(made.ended() == 0);
    const LiveService service("channels:\n" + channel("card", "{kind: test-card, name: main}") +
                              channel("film", input("file", film.string())));
    CHECK(becomes([&] { return plays(service, "card"); }));
    CHECK(becomes([&] { return plays(service, "film"); }));
}

TEST_CASE("inputs are pulled by each protocol, and again when a source comes back") {
    const auto udp = free_port(SOCK_DGRAM);
    const auto rtp = free_port(SOCK_DGRAM);
    const auto srt = free_port(SOCK_DGRAM);
    const auto rtmp = free_port(SOCK_STREAM);
    const auto http = free_port(SOCK_STREAM);
    const auto hls = free_port(SOCK_STREAM);
    const std::string host = "127.0.0.1:";
    const LiveService service(
        "channels:\n" + channel("udp", input("pull", "udp://" + host + udp)) +
        channel("rtp", input("pull", "rtp://" + host + rtp)) +
        channel("srt", input("pull", "srt://" + host + srt)) +
        channel("rtmp", input("pull", "rtmp://" + host + rtmp + "/live/x?key=very-secret")) +
        channel("http", input("pull", "http://user:very-secret@" + host + http + "/a.ts")) +
        channel("hls", input("pull", "http://" + host + hls + "/ts/live.m3u8")) +
        channel("fmp4", input("pull", "http://" + host + hls + "/mp4/live.m3u8")));
    const auto& folder = service.folder();
    std::filesystem::create_directories(folder / "ts");
    std::filesystem::create_directories(folder / "mp4");
    const auto source = [&](const std::string& format, const std::string& target) {
        return endless(folder, format, target);
    };
    const std::vector<std::string> segments{"-hls_time", "1", "-hls_flags", "delete_segments"};
    const auto playlist = [&](const char* kind) { return (folder / kind / "live.m3u8").string(); };
    const Beside web({"python3", "-m", "http.server", hls, "--bind", "127.0.0.1", "-d", folder},
                     folder / "web");
    const Beside to_udp(source("mpegts", "udp://" + host + udp + "?pkt_size=1316"), folder / "p1");
    const Beside to_rtp(source("rtp_mpegts", "rtp://" + host + rtp), folder / "p2");
    const Beside to_srt(source("mpegts", "srt://" + host + srt + "?mode=listener"), folder / "p3");
    auto to_rtmp = std::make_unique<Beside>(
        with(source("flv", "rtmp://" + host + rtmp + "/live/x"), {"-listen", "1"}), folder / "p4");
    const Beside to_http(
        with(source("mpegts", "http://" + host + http + "/a.ts"), {"-listen", "1"}), folder / "p5");
    const Beside to_hls(with(source("hls", playlist("ts")), segments), folder / "p6");
    auto fragments = segments;
    fragments.insert(fragments.end(), {"-hls_segment_type", "fmp4"});
    const Beside to_fmp4(with(source("hls", playlist("mp4")), fragments), folder / "p7");
    for (const auto* name : {"udp", "rtp", "srt", "rtmp", "http", "hls", "fmp4"}) {
        INFO(name);
        CHECK(becomes([&] { return plays(service, name); }));
    }
    to_rtmp.reset();
    const auto connected = [&] {
        return service.get("/metrics")
                   .find("streamgate_pull_connected{channel=\"live/rtmp\",input=\"main\"} 1") !=
               std::string::npos;
    };
    CHECK(becomes([&] { return !connected(); }));
    const Beside again(with(source("flv", "rtmp://" + host + rtmp + "/live/x"), {"-listen", "1"}),
                       folder / "p8");
    CHECK(becomes(connected));
    CHECK(service.log().find("very-secret") == std::string::npos);
}

TEST_CASE("RTSP is pulled through GStreamer") {
    const TempFolder folder;
    {
        std::ofstream script(folder.path() / "server.py");
        script << "import sys, gi\n"
                  "gi.require_version('GstRtspServer', '1.0')\n"
                  "from gi.repository import Gst, GstRtspServer, GLib\n"
                  "if len(sys.argv) < 2: sys.exit(0)\n"
                  "Gst.init(None)\n"
                  "server = GstRtspServer.RTSPServer()\n"
                  "server.set_service(sys.argv[1])\n"
                  "factory = GstRtspServer.RTSPMediaFactory()\n"
                  "factory.set_launch('( videotestsrc is-live=true ! x264enc tune=zerolatency "
                  "key-int-max=30 ! rtph264pay name=pay0 pt=96 audiotestsrc is-live=true ! "
                  "audioconvert ! opusenc ! rtpopuspay name=pay1 pt=97 )')\n"
                  "server.get_mount_points().add_factory('/camera', factory)\n"
                  "server.attach(None)\n"
                  "GLib.MainLoop().run()\n";
    }
    const auto script = (folder.path() / "server.py").string();
    // Debian's interpreter: others do not see its modules.
    Beside probe({"/usr/bin/python3", script}, folder.path() / "probe");
    if (probe.ended() != 0) {
        WARN("not run: there is no GStreamer RTSP server for Python (gir1.2-gst-rtsp-server-1.0)");
        return;
    }
    const auto port = free_port(SOCK_STREAM);
    const Beside server({"/usr/bin/python3", script, port}, folder.path() / "server");
    const LiveService service(
        "channels:\n" +
        channel("camera", input("pull", "rtsp://user:very-secret@127.0.0.1:" + port + "/camera")));
    CHECK(becomes([&] { return plays(service, "camera"); }));
    CHECK(service.log().find("very-secret") == std::string::npos);
}

TEST_CASE("a backup takes over from a killed publisher, and gives back") {
    const LiveService service(
        "channels:\n" +
        channel("two", "{kind: publish, name: main}, {kind: publish, name: backup}") +
        channel("card", "{kind: publish, name: main}, {kind: test-card, name: backup}"));
    const auto publish = [&](const std::string& stream) {
        return endless(service.folder(), "flv", service.rtmp(stream));
    };
    auto first = std::make_unique<Beside>(publish("live/two"), service.folder() / "p1");
    auto other = std::make_unique<Beside>(publish("live/card"), service.folder() / "p2");
    const Beside backup(publish("live/two+backup"), service.folder() / "p3");
    CHECK(becomes([&] { return on_air(service, "two", "main"); }));
    CHECK(becomes([&] { return on_air(service, "card", "main"); }));
    // Its own buffers would hide that it is gone.
    first->signal(SIGSTOP);
    other->signal(SIGKILL);
    CHECK(becomes([&] { return on_air(service, "two", "backup"); }));
    CHECK(becomes([&] { return on_air(service, "card", "backup"); }));
    first->signal(SIGKILL);
    first = std::make_unique<Beside>(publish("live/two"), service.folder() / "p4");
    CHECK(becomes([&] { return on_air(service, "two", "main"); }));
    CHECK(service.playlist("live/two").find("#EXT-X-ENDLIST") == std::string::npos);
}

TEST_CASE("a slate is on air while nothing arrives") {
    const LiveService service(
        "channels:\n"
        "  - {name: live/a, grace: 0s, output: {segment: 1s}, slate: {enabled: true}}\n");
    CHECK(becomes([&] { return on_air(service, "a", "slate"); }));
    CHECK(becomes([&] { return plays(service, "a"); }));
    {
        const Beside publisher(endless(service.folder(), "flv", service.rtmp("live/a")),
                               service.folder() / "p1");
        CHECK(becomes([&] { return on_air(service, "a", "main"); }));
    }
    CHECK(becomes([&] { return on_air(service, "a", "slate"); }));
    CHECK(service.playlist("live/a").find("#EXT-X-ENDLIST") == std::string::npos);
}

TEST_CASE("a slate shows its picture, as large as fits, on black where it is transparent") {
    const TempFolder pictures;
    const auto made = [&](const std::string& name, const std::string& source) {
        const auto path = (pictures.path() / name).string();
        Beside ffmpeg(
            {"ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", "1", path},
            pictures.path() / "log");
        REQUIRE(ffmpeg.ended() == 0);
        return path;
    };
    const auto slate = [](const std::string& name, const std::string& image) {
        return "  - {name: live/" + name +
               ", output: {segment: 1s}, slate: {enabled: true, image: " + image + "}}\n";
    };
    std::ofstream(pictures.path() / "text.png") << "no picture at all";
    const LiveService service(
        "channels:\n" + slate("png", made("a.png", "color=red:s=1920x1080")) +
        slate("jpeg", made("a.jpg", "color=red:s=96x96")) +
        slate("clear", made("clear.png", "color=white@0.0:s=320x180,format=rgba")) +
        slate("text", (pictures.path() / "text.png").string()));
    // Red, green and blue in the middle of the first picture.
    const auto middle = [&](const std::string& name) {
        REQUIRE(becomes([&] { return plays(service, name); }));
        const auto raw = pictures.path() / (name + ".raw");
        Beside ffmpeg({"ffmpeg",
                       "-v",
                       "error",
                       "-i",
                       service.url("/live/" + name + "/index.m3u8"),
                       "-frames:v",
                       "1",
                       "-vf",
                       "crop=16:16,scale=1:1",
                       "-pix_fmt",
                       "rgb24",
                       "-f",
                       "rawvideo",
                       raw.string()},
                      pictures.path() / "log");
        REQUIRE(ffmpeg.ended() == 0);
        std::array<char, 3> pixel{};
        std::ifstream(raw, std::ios::binary).read(pixel.data(), 3);
        std::array<int, 3> out{};
        for (std::size_t i = 0; i < 3; ++i) out[i] = static_cast<unsigned char>(pixel[i]);
        return out;
    };
    for (const auto* name : {"png", "jpeg"}) {
        const auto [red, green, blue] = middle(name);
        CAPTURE(name, red, green, blue);
        CHECK((red > 200 && green < 40 && blue < 40));
    }
    const auto [red, green, blue] = middle("clear");
    CAPTURE(red, green, blue);
    CHECK((red < 30 && green < 30 && blue < 30));
    // A test card stands in.
    CHECK(becomes([&] { return plays(service, "text"); }));
    CHECK(service.log().find("live_slate_not_made channel=live/text") != std::string::npos);
}

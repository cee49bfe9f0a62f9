#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <support/catch.hpp>

#include "live_service.hpp"

// Publishers are ffmpeg, as users run it.

using namespace sg::test;

namespace {

constexpr const char* kKeys =
    "publish: {keys: [{key: right-stream-key}]}\n"
    "defaults: {grace: 0s, output: {segment: 1s, part: 250ms}}\n";

bool plays(const LiveService& service, const std::string& channel) {
    return service.playlist(channel).find("#EXTINF:") != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& word) {
    std::size_t found = 0;
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
    return found;
}

/// Of the last segment.
long sequence(const std::string& playlist) {
    const std::string tag = "#EXT-X-MEDIA-SEQUENCE:";
    const auto at = playlist.find(tag);
    if (at == std::string::npos) return -1;
    return std::atol(playlist.c_str() + at + tag.size()) +
           static_cast<long>(count(playlist, "#EXTINF:"));
}

}  // namespace

TEST_CASE("RTMP: the right key plays, a wrong one and none are refused") {
    LiveService service(kKeys);
    for (const std::string name : {"live/a", "live/a?key=wrong-stream-key"}) {
        Beside refused(endless(service.folder(), "flv", service.rtmp(name)),
                       service.folder() / "p1");
        CHECK(refused.ended() > 0);
    }
    CHECK(service.get("/live/a/index.m3u8").empty());
    const Beside publisher(
        endless(service.folder(), "flv", service.rtmp("live/a?key=right-stream-key")),
        service.folder() / "p2");
    CHECK(becomes([&] { return plays(service, "live/a"); }));
    CHECK(service.get("/live/a/manifest.mpd").find("<MPD") != std::string::npos);
    const auto ready = service.get("/readyz");
    for (const char* part : {"store ok\n", "worker ok\n", "listeners ok\n", "data ok\n"})
        CHECK(ready.find(part) != std::string::npos);
    CHECK(service.get("/healthz") == "ok\n");
    const auto metrics = service.get("/metrics");
    CHECK(metrics.find("streamgate_publish_refused_total{reason=\"missing\"} 1") !=
          std::string::npos);
    CHECK(metrics.find("streamgate_publish_refused_total{reason=\"wrong\"} 1") !=
          std::string::npos);
    CHECK(service.log().find("stream-key") == std::string::npos);
    CHECK(metrics.find("stream-key") == std::string::npos);
}

TEST_CASE("SRT: the key is the session of the stream id") {
    LiveService service(kKeys);
    Beside refused(
        endless(
            service.folder(), "mpegts", service.srt("#!::r=live/b,m=publish,s=wrong-stream-key")),
        service.folder() / "p1");
    CHECK(refused.ended() > 0);
    const Beside publisher(
        endless(
            service.folder(), "mpegts", service.srt("#!::r=live/b,m=publish,s=right-stream-key")),
        service.folder() / "p2");
    CHECK(becomes([&] { return plays(service, "live/b"); }));
    CHECK(service.log().find("stream-key") == std::string::npos);
}

TEST_CASE("SRT: a channel's passphrase lets in who knows it") {
    LiveService service("defaults: {srt: {passphrase: right-passphrase}}\n");
    const auto target = service.srt("#!::r=live/c,m=publish");
    for (const std::string wrong : {"", "&passphrase=wrong-passphrase"}) {
        Beside refused(endless(service.folder(), "mpegts", target + wrong),
                       service.folder() / "p1");
        CHECK(refused.ended() > 0);
    }
    const Beside publisher(
        endless(service.folder(), "mpegts", target + "&passphrase=right-passphrase"),
        service.folder() / "p2");
    CHECK(becomes([&] { return plays(service, "live/c"); }));
}

TEST_CASE("a hangup reads the configuration again and drops no stream") {
    LiveService service(kKeys);
    Beside publisher(endless(service.folder(), "flv", service.rtmp("live/a?key=right-stream-key")),
                     service.folder() / "p1");
    REQUIRE(becomes([&] { return plays(service, "live/a"); }));

    service.write_config("publish: {kees: []}\n");
    service.process().signal(SIGHUP);
    CHECK(becomes([&] { return service.log().find("did you mean keys?") != std::string::npos; }));

    service.write_config(
        "publish: {keys: [{key: other-stream-key}]}\nlimits: {viewers: 50}\n"
        "defaults: {grace: 0s, output: {segment: 2s, part: 250ms}}\n");
    service.process().signal(SIGHUP);
    REQUIRE(becomes([&] { return service.log().find("config_reloaded") != std::string::npos; }));
    CHECK(service.log().find("channel_keeps_settings channel=live/a until=\"it ends\" "
                             "changed=output.segment") != std::string::npos);
    CHECK(service.log().find("config_needs_restart keys=limits.viewers") != std::string::npos);

    const auto before = sequence(service.playlist("live/a"));
    CHECK(becomes([&] { return sequence(service.playlist("live/a")) > before + 1; }));
    CHECK(service.playlist("live/a").find("#EXT-X-DISCONTINUITY\n") == std::string::npos);
    CHECK(publisher.running());
    Beside refused(endless(service.folder(), "flv", service.rtmp("live/b?key=right-stream-key")),
                   service.folder() / "p2");
    CHECK(refused.ended() > 0);
    const Beside other(
        endless(service.folder(), "flv", service.rtmp("live/b?key=other-stream-key")),
        service.folder() / "p3");
    CHECK(becomes([&] { return plays(service, "live/b"); }));
    CHECK(service.log().find("stream-key") == std::string::npos);
}

TEST_CASE("an interrupt ends streams in order, and the service with them") {
    LiveService service(kKeys);
    Beside publisher(endless(service.folder(), "flv", service.rtmp("live/a?key=right-stream-key")),
                     service.folder() / "p1");
    REQUIRE(becomes([&] { return plays(service, "live/a"); }));
    service.process().signal(SIGINT);
    CHECK(service.process().ended() == 0);
    CHECK(publisher.ended() > 0);
    CHECK(service.log().find("live_channel_end channel=live/a") != std::string::npos);
}

TEST_CASE("a port that is taken is named, with what to do") {
    LiveService first("");
    const auto url = first.rtmp("");
    const auto address = url.substr(7, url.size() - 8);
    Beside second({SG_TEST_STREAMGATE,
                   "serve",
                   "--rtmp",
                   address,
                   "--srt",
                   "off",
                   "--http",
                   "off",
                   "--data",
                   (first.folder() / "data").string()},
                  first.folder() / "log2");
    CHECK(second.ended() == 1);
}

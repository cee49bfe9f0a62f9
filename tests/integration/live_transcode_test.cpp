#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <support/catch.hpp>
#include <support/make_clip.hpp>

#include "live_service.hpp"

// A real publisher, a tiny ladder, the service's own encoding children.

using namespace sg::test;

namespace {

std::string write_preset(const TempFolder& folder) {
    const auto path = folder / "tiny.yaml";
    std::ofstream(path) << "name: tiny\n"
                           "version: 1\n"
                           "extends: web-hd\n"
                           "video:\n"
                           "  speed: ultrafast\n"
                           "  ladder:\n"
                           "    - {name: 180p, width: 320, height: 180, max_bitrate: 400k, buffer: "
                           "400k}\n"
                           "    - {name: 90p, width: 160, height: 90, max_bitrate: 200k, buffer: "
                           "200k}\n";
    return path.string();
}

struct Listed {
    std::string date;
    double duration = 0;
    bool discontinuity = false;
};

/// Closed segments by their file's name, which all renditions share.
std::map<std::string, Listed> segments(const LiveService& service, const std::string& rendition) {
    std::map<std::string, Listed> all;
    std::istringstream lines(service.get("/live/a/" + rendition + "/index.m3u8"));
    Listed next;
    for (std::string line; std::getline(lines, line);) {
        const auto value = line.substr(std::min(line.size(), line.find(':') + 1));
        if (line == "#EXT-X-DISCONTINUITY") next.discontinuity = true;
        if (line.starts_with("#EXT-X-PROGRAM-DATE-TIME:")) next.date = value;
        if (line.starts_with("#EXTINF:")) next.duration = std::atof(value.c_str());
        if (line.starts_with("#") || line.empty()) continue;
        all[line] = std::exchange(next, {});
    }
    return all;
}

std::size_t after_break(const std::map<std::string, Listed>& listed) {
    std::size_t count = 0;
    bool broken = false;
    for (const auto& [name, segment] : listed) {
        broken = broken || segment.discontinuity;
        if (broken) ++count;
    }
    return count;
}

/// ISO/IEC 14496-10 section 7.4.1: 5 is a slice of an IDR picture.
int first_slice_type(const std::string& segment) {
    auto at = segment.find("mdat");
    if (at == std::string::npos) return -1;
    at += 4;
    while (at + 5 <= segment.size()) {
        std::size_t length = 0;
        for (std::size_t i = 0; i < 4; ++i)
            length = length << 8U | static_cast<unsigned char>(segment[at + i]);
        const int type = static_cast<unsigned char>(segment[at + 4]) & 31;
        if (type >= 1 && type <= 5) return type;
        at += 4 + length;
    }
    return -1;
}

void check_same_borders(const LiveService& service) {
    const auto high = segments(service, "180p");
    const auto low = segments(service, "90p");
    std::size_t both = 0;
    for (const auto& [name, segment] : high) {
        const auto other = low.find(name);
        if (other == low.end()) continue;
        ++both;
        INFO(name);
        CHECK(segment.date == other->second.date);
        CHECK(segment.duration == other->second.duration);
        CHECK(segment.discontinuity == other->second.discontinuity);
    }
    CHECK(both >= 2);
}

/// Of the newest encoding child.
pid_t encoder_pid(const LiveService& service) {
    const auto log = service.log();
    const auto line = log.rfind("live_encoder_started channel=live/a pid=");
    if (line == std::string::npos) return -1;
    return static_cast<pid_t>(std::atol(log.c_str() + log.find("pid=", line) + 4));
}

}  // namespace

TEST_CASE("a channel's ladder: rungs with the same borders, and an encoder that dies is replaced") {
    const TempFolder presets;
    LiveService service("defaults: {preset: " + write_preset(presets) +
                        ", grace: 0s, output: {segment: 1s, part: 250ms}}\n");
    ClipOptions clip;
    clip.video.front().width = 320;
    clip.video.front().height = 180;
    clip.video.front().b_frames = 2;
    clip.video.front().seconds = clip.audio.front().seconds = 4;
    make_clip(service.folder() / "clip.mp4", clip);
    Beside publisher(endless(service.folder(), "flv", service.rtmp("live/a")),
                     service.folder() / "p1");
    REQUIRE(becomes([&] { return segments(service, "90p").size() >= 3; }));

    const auto variants = service.get("/live/a/index.m3u8");
    CHECK(variants.find("RESOLUTION=320x180,FRAME-RATE=25.000") != std::string::npos);
    CHECK(variants.find("RESOLUTION=160x90,FRAME-RATE=25.000") != std::string::npos);
    CHECK(variants.find("audio/index.m3u8") != std::string::npos);
    CHECK(service.get("/live/a/manifest.mpd").find("height=\"90\"") != std::string::npos);
    check_same_borders(service);
    for (const std::string rendition : {"180p", "90p"}) {
        for (const auto& [name, segment] : segments(service, rendition)) {
            INFO(rendition << "/" << name);
            CHECK(first_slice_type(service.get("/live/a/" + rendition + "/" + name)) == 5);
        }
    }

    const auto pid = encoder_pid(service);
    REQUIRE(pid > 0);
    REQUIRE(::kill(pid, SIGKILL) == 0);
    REQUIRE(becomes([&] { return after_break(segments(service, "90p")) >= 2; }));
    CHECK(after_break(segments(service, "180p")) >= 1);
    CHECK(after_break(segments(service, "audio")) >= 1);
    CHECK(encoder_pid(service) != pid);
    check_same_borders(service);
    CHECK(publisher.running());
    const auto metrics = service.get("/metrics");
    CHECK(metrics.find("streamgate_encoder_restarts_total{channel=\"live/a\"} 1") !=
          std::string::npos);
    CHECK(metrics.find("streamgate_encoder_speed{channel=\"live/a\",rendition=\"90p\"}") !=
          std::string::npos);

    // What the encoder still held is there at the end, on all rungs alike.
    publisher.signal(SIGTERM);
    REQUIRE(becomes([&] {
        return service.get("/live/a/90p/index.m3u8").find("#EXT-X-ENDLIST") != std::string::npos;
    }));
    check_same_borders(service);
}

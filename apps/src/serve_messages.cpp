#include "serve_messages.hpp"

#include <array>

#include <unistd.h>

#include <fmt/format.h>

namespace sg::apps {
namespace {

/// Nobody can call 0.0.0.0: the name of this machine instead.
std::string callable(std::string url) {
    for (const std::string_view any : {"//0.0.0.0:", "//[::]:"}) {
        const auto at = url.find(any);
        if (at == std::string::npos) continue;
        std::array<char, 256> host{};
        if (gethostname(host.data(), host.size() - 1) != 0) return url;
        url.replace(at + 2, any.size() - 3, host.data());
    }
    return url;
}

std::string srt_url(const std::string& base, const std::string& channel, bool key) {
    return fmt::format("{}?streamid=#!::r={},m=publish{}", base, channel, key ? ",s=KEY" : "");
}

}  // namespace

std::string start_message(const ServiceAddresses& addresses,
                          const ServeSettings& settings,
                          const std::string& channel) {
    const auto& publish = settings.publish;
    const bool key = !publish.keys.empty() || !publish.token.secret.empty();
    const auto rtmp_tail = fmt::format("/{}{}", channel, key ? "?key=KEY" : "");
    std::string text = "StreamGate listens on\n";
    const auto line = [&](const std::string& url) { text += "  " + url + "\n"; };
    for (const auto& base : {addresses.rtmp, addresses.rtmps}) {
        if (!base.empty()) line(base + rtmp_tail);
    }
    if (!addresses.srt.empty()) line(srt_url(addresses.srt, channel, key));
    for (const auto& base : {addresses.http, addresses.https}) {
        if (!base.empty()) line(base + "/");
    }
    if (!addresses.rtmp.empty()) {
        text += "Publish, for example\n";
        line(fmt::format(
            "ffmpeg -re -i film.mp4 -c copy -f flv '{}{}'", callable(addresses.rtmp), rtmp_tail));
    } else if (!addresses.srt.empty()) {
        text += "Publish, for example\n";
        line(fmt::format("ffmpeg -re -i film.mp4 -c copy -f mpegts '{}'",
                         srt_url(callable(addresses.srt), channel, key)));
    }
    const auto web = callable(addresses.http.empty() ? addresses.https : addresses.http);
    if (web.empty()) return text;
    text += "Watch\n";
    line(web + "/");
    line(fmt::format("{}/{}/index.m3u8  (HLS)", web, channel));
    line(fmt::format("{}/{}/manifest.mpd  (DASH)", web, channel));
    return text;
}

std::string jobs_message(const ServiceAddresses& addresses, const JobsNotice& notice) {
    const auto web = callable(addresses.http.empty() ? addresses.https : addresses.http);
    if (web.empty()) return {};
    std::string text = "Jobs\n";
    const auto line = [&](const std::string& words) { text += "  " + words + "\n"; };
    const bool elsewhere = web != "http://127.0.0.1:8080";
    line(fmt::format("{}/v1/jobs  ({}/docs describes the API)", web, web));
    line(fmt::format("streamgate submit film.mov --wait{}",
                     elsewhere ? fmt::format(" --server {}", web) : std::string()));
    if (notice.roots.empty()) {
        line("files of this machine cannot be named: jobs.roots says which folders may");
    } else {
        std::vector<std::string> folders;
        for (const auto& root : notice.roots) folders.push_back(root.string());
        line(fmt::format("may name files below {}", fmt::join(folders, ", ")));
    }
    line(fmt::format("outputs go to {}", (notice.data / "outputs").string()));
    if (!notice.authentication) line("no API key is needed: it only listens on this machine");
    if (notice.new_admin_key)
        line(
            fmt::format("the first API key, an admin's, is in {}", notice.new_admin_key->string()));
    return text;
}

}  // namespace sg::apps

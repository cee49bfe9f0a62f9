#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <live/channel_registry.hpp>

namespace sg::apps {

/// "ADDRESS:PORT", "[ADDRESS]:PORT" or "off".
struct ListenSettings {
    std::string rtmp = "127.0.0.1:1935";
    std::string rtmps = "off";
    std::string srt = "127.0.0.1:8890";
    std::string http = "127.0.0.1:8080";
    std::string https = "off";
};

struct PublishSettings {
    bool anyone = false;  ///< said explicitly: no authorisation although not only on loopback
};

/// All of `streamgate serve`, from flags, environment and file.
struct ServeSettings {
    ListenSettings listen;
    std::filesystem::path certificate;  ///< PEM chain, for rtmps and https
    std::filesystem::path key;
    std::size_t threads = 0;  ///< 0: one for each processor
    std::filesystem::path data = "streamgate-data";
    PublishSettings publish;
    std::size_t max_publishers = 1000;
    std::size_t max_publishers_per_address = 300;
    std::size_t max_viewers = 20'000;
    std::vector<live::ChannelSettings> channels;
    std::vector<live::ChannelTemplate> templates{live::ChannelTemplate{}};
};

}  // namespace sg::apps

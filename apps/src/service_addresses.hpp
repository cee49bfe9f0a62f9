#pragma once

#include <string>

namespace sg::apps {

/// What listens where: "rtmp://127.0.0.1:1935", with the ports that port 0 became; empty when off.
struct ServiceAddresses {
    std::string rtmp;
    std::string rtmps;
    std::string srt;
    std::string http;
    std::string https;
};

}  // namespace sg::apps

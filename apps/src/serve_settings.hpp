#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <live/channel_registry.hpp>

#include "job_settings.hpp"

namespace sg::apps {

/// "ADDRESS:PORT", "[ADDRESS]:PORT" or "off".
struct ListenSettings {
    std::string rtmp = "127.0.0.1:1935";
    std::string rtmps = "off";
    std::string srt = "127.0.0.1:8890";
    std::string http = "127.0.0.1:8080";
    std::string https = "off";
};

/// PEM files, for rtmps and https.
struct TlsSettings {
    std::filesystem::path certificate;
    std::filesystem::path key;
};

struct SrtListenSettings {
    std::chrono::milliseconds latency{120};
};

struct PublishKeySettings {
    std::string channel = "*/*";
    std::string key;
    std::optional<std::chrono::system_clock::time_point> not_before;
    std::optional<std::chrono::system_clock::time_point> expires;
};

struct PublishTokenSettings {
    std::string secret;
    std::string previous;  ///< still valid while secrets are rotated
};

struct PublishCallbackSettings {
    std::string url;
    std::chrono::milliseconds timeout{3'000};
};

struct PublishSettings {
    bool anyone = false;  ///< said explicitly: no authorisation although not only on loopback
    std::vector<PublishKeySettings> keys;
    PublishTokenSettings token;
    PublishCallbackSettings callback;
};

struct LimitSettings {
    std::size_t publishers = 1000;
    std::size_t publishers_per_address = 300;
    std::size_t viewers = 20'000;
    std::size_t viewers_per_address = 1000;
    std::size_t channels = 2000;
    std::size_t rtmp_message_bytes = 8U << 20;
    std::size_t publisher_rate = 32U << 20;  ///< bytes a second
};

struct SignatureKeySettings {
    std::string key;
};

struct PlaybackSettings {
    std::vector<SignatureKeySettings> signature_keys;
    std::vector<std::string> allowed_origins{"*"};
    std::vector<std::string> trusted_proxies;
};

/// All of `streamgate serve`, from flags, environment and file. Holds secrets.
struct ServeSettings {
    ListenSettings listen;
    TlsSettings tls;
    SrtListenSettings srt;
    std::size_t threads = 0;  ///< 0: one for each processor
    std::filesystem::path data = "streamgate-data";
    PublishSettings publish;
    LimitSettings limits;
    PlaybackSettings playback;
    JobSettings jobs;
    DrainSettings drain;
    ApiSettings api;
    WebhookSettings webhooks;
    UploadSettings uploads;
    std::vector<WatchSettings> watch;
    TelemetrySettings telemetry;
    LogSettings log;
    WorkerSettings worker;
    std::vector<live::ChannelSettings> channels;
    std::vector<live::ChannelTemplate> templates{live::ChannelTemplate{}};
};

}  // namespace sg::apps

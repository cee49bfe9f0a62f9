#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <jobs/job.hpp>

namespace sg::apps {

/// How long things are kept; 0s: for ever.
struct KeepSettings {
    std::chrono::seconds jobs{720 * 3600};    ///< after their end
    std::chrono::seconds events{720 * 3600};  ///< of the event log
    std::chrono::seconds outputs{0};          ///< in the data folder, after their job's end
};

struct JobSettings {
    bool enabled = true;
    std::vector<std::filesystem::path> roots;
    std::size_t slots = 0;
    std::size_t light_slots = 4;
    std::size_t fetches = 4;
    std::size_t per_owner = 0;
    std::size_t open_per_owner = 0;
    std::size_t attempts = 3;
    std::size_t task_memory_bytes = 0;
    std::chrono::seconds stall{120};
    bool allow_private_addresses = false;
    KeepSettings keep;
};

/// What happens between the first SIGTERM and the end.
struct DrainSettings {
    std::chrono::seconds jobs{30};  ///< tasks that run may finish
    std::chrono::seconds live{0};   ///< channels on air may go on
};

/// Bearer tokens of an OpenID provider.
struct JwtSettings {
    std::string issuer;
    std::string audience;
    std::string jwks_url;  ///< empty: as the issuer's discovery document says
    std::string owner_claim = "sub";
    std::string role_claim = "streamgate_role";
    std::chrono::seconds skew{60};
};

/// Requests: `burst` at once, then so many a second.
struct RateSettings {
    std::size_t per_second;
    std::size_t burst;
};

enum class ApiAuthentication { kAuto, kOn, kOff };
struct ApiSettings {
    ApiAuthentication authentication = ApiAuthentication::kAuto;
    bool anyone = false;  ///< said explicitly: no authentication although not only on loopback
    JwtSettings jwt;
    RateSettings per_key{200, 1000};
    RateSettings per_address{500, 2000};
    std::vector<std::string> allowed_origins;
};

struct WebhookSettings {
    bool allow_private_addresses = false;
};

struct UploadSettings {
    std::size_t max_bytes = std::size_t{64} << 30;
    std::size_t per_owner = 100;  ///< open at once
    std::size_t bytes_per_owner = std::size_t{1} << 40;
    std::chrono::seconds expire{86'400};
};

struct WatchSettings {
    std::string name;
    std::filesystem::path folder;
    std::vector<std::string> match;
    std::string preset = "web-hd";
    std::string owner = "local";
    jobs::Priority priority = jobs::Priority::kNormal;
    std::chrono::milliseconds stable{5'000};
    std::filesystem::path done;
    std::filesystem::path failed;
    bool recursive = false;
};

struct TelemetrySettings {
    std::string otlp_endpoint;
    std::string otlp_headers;  ///< "name=value,...", may hold secrets
};

enum class LogFormat { kText, kJson };
struct LogSettings {
    LogFormat format = LogFormat::kText;
};

struct WorkerSettings {
    bool sandbox = true;
    std::string user;  ///< whom tasks run as when the service runs as root
};

}  // namespace sg::apps

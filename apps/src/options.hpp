#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <base/log.hpp>
#include <engine/job.hpp>

namespace sg::apps {

/// What was typed, checked for form only. An empty string or optional was not given.
struct TranscodeOptions {
    std::vector<std::string> inputs;
    std::string manifest;
    std::string job_file;
    std::string output;
    std::string preset;
    std::map<std::string, std::string> overrides;
    std::optional<engine::VerifyMode> verify;
    std::optional<engine::PublishMode> publish;
    std::optional<double> strict_percent;
    bool quality = false;
    bool print_job = false;

    int jobs = 0;
    bool resume = false;
    bool overwrite = false;
    bool json = false;
    bool quiet = false;
    bool in_process = false;
    bool keep_work = false;
    std::int64_t memory_limit_bytes = 0;
    std::optional<int> stall_seconds;
    std::optional<int> open_seconds;
};

struct ProbeOptions {
    std::string input;
    bool json = false;
    bool full = false;
};

struct PlanOptions {
    std::string input;
    std::string preset = "web-hd";
    std::map<std::string, std::string> overrides;
    int jobs = 0;
    bool json = false;
};

/// Which server, and as whom. Empty: by the environment.
struct ServerOptions {
    std::string server;
    std::string key_file;
};

struct PresetsOptions {
    enum class Action { kList, kShow, kCheck, kSchema, kCreate };
    Action action = Action::kList;
    ServerOptions server;  ///< named: the presets of that server
    std::string name;      ///< of a preset, or a file to check or store
    std::map<std::string, std::string> overrides;
    bool json = false;
};

struct VerifyOptions {
    std::string location;
    engine::VerifyMode mode = engine::VerifyMode::kQuick;
    bool json = false;
};

/// The document's flags are those of `transcode`.
struct SubmitOptions {
    ServerOptions server;
    TranscodeOptions document;
    std::map<std::string, std::string> tags;
    std::string priority;
    std::string deadline;
    std::string external_id;
    std::vector<std::string> notify;
    std::string idempotency_key;
    bool upload = false;
    bool dry_run = false;
    bool wait = false;
    std::optional<int> timeout_seconds;
};

/// `jobs`, `watch`, `logs`, `cancel`, `retry`.
struct JobsOptions {
    enum class Action { kList, kShow, kWatch, kLogs, kCancel, kRetry };
    Action action = Action::kList;
    ServerOptions server;
    std::vector<std::string> ids;
    std::string state;
    std::string tag;
    std::string owner;
    std::string external_id;
    int limit = 20;
    std::string reason;
    bool follow = false;
    bool json = false;
    bool quiet = false;
    std::optional<int> timeout_seconds;
};

struct KeysOptions {
    enum class Action { kList, kCreate, kRotate, kRevoke };
    Action action = Action::kList;
    ServerOptions server;
    std::string id;
    std::string name;
    std::string role;
    std::string owner;
    std::vector<std::string> scopes;
    std::string expires;
    std::string overlap;
    bool json = false;
};

struct DrainOptions {
    ServerOptions server;
    std::string worker;  ///< empty: all
    bool resume = false;
    bool json = false;
};

struct AuditOptions {
    enum class Action { kVerify, kExport };
    Action action = Action::kVerify;
    ServerOptions server;
    std::string file;      ///< an export to verify; empty: the server's log
    std::string key_file;  ///< that its entries were made with
    std::string anchors;
    std::string output;
    bool json = false;
};

struct DoctorOptions {
    ServerOptions server;
    bool json = false;
};

struct ReplayOptions {
    std::string bundle;
    std::string source;  ///< instead of the bundle's
    bool in_process = false;
    bool json = false;
};

struct CompletionOptions {
    std::string shell;
};

/// Empty: as the configuration says.
struct ServeOptions {
    std::string config;
    std::string rtmp;
    std::string rtmps;
    std::string srt;
    std::string http;
    std::string https;
    std::string data;
    std::vector<std::string> set;  ///< KEY=VALUE, may hold secrets
};

/// One channel. Empty: the configuration's default.
struct LiveOptions {
    std::vector<std::string> inputs;  ///< rtmp, srt, test-card, a URL or a file; best first
    std::string name = "live/stream";
    std::string preset;
    std::string segment;
    std::string part;
    std::string window;
    std::string dvr;
    bool ts = false;
    bool record = false;
    std::string rtmp;
    std::string srt;
    std::string http;
    std::string data;
    std::string key_file;
    bool anyone = false;
    std::vector<std::string> set;
};

struct ConfigOptions {
    enum class Action { kCheck, kShow, kSchema };
    Action action = Action::kCheck;
    ServeOptions serve;
    bool json = false;
};

/// `live clip`. Times as typed.
struct ClipOptions {
    std::string channel;
    std::string from;
    std::string to;
    std::string output;
    std::string data = "streamgate-data";
    bool json = false;
};

using CommandOptions = std::variant<TranscodeOptions,
                                    ProbeOptions,
                                    PlanOptions,
                                    PresetsOptions,
                                    VerifyOptions,
                                    ServeOptions,
                                    LiveOptions,
                                    ClipOptions,
                                    ConfigOptions,
                                    SubmitOptions,
                                    JobsOptions,
                                    KeysOptions,
                                    DrainOptions,
                                    AuditOptions,
                                    DoctorOptions,
                                    ReplayOptions,
                                    CompletionOptions>;

struct Invocation {
    CommandOptions command;
    std::optional<log::Level> log_level;  ///< nothing when not said
    bool sandbox = true;
};

}  // namespace sg::apps

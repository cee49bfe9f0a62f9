#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include <base/clock.hpp>
#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <engine/event.hpp>
#include <engine/job.hpp>
#include <engine/repair.hpp>

namespace sg::engine {

/// How to run, as opposed to what to make: nothing here changes a byte of the output.
struct RunOptions {
    int jobs = 0;            ///< heavy tasks at once over all inputs; 0: chosen from the processors
    bool resume = false;     ///< go on with what an interrupted run left
    bool overwrite = false;  ///< replace what the output folder already publishes
    bool keep_work = false;  ///< leave the work folder, for debugging
    bool in_process = false;              ///< no child processes, for debugging
    std::int64_t memory_limit_bytes = 0;  ///< of one task; 0: none
    int stall_seconds = 120;              ///< a task that reports nothing for so long is ended
    int open_seconds = 10;                ///< how long a pipe may stay silent before its first byte

    // What a service needs beyond the command line.
    /// In front of the ids of tasks, so that jobs can share a supervisor.
    std::string task_prefix;
    /// The inputs' work folders lie below it instead of in the outputs. They stay after the end,
    /// also a good one, and what lies there is gone on with: nothing that was published from there
    /// is in the way. Whoever gave it removes it.
    std::filesystem::path work;
    /// Its command `task` is what children run.
    std::string program = "/proc/self/exe";
    /// Crash bundles (crash_bundle.hpp) go there. Empty: none are written.
    std::filesystem::path crashes;
    /// Gives a regular file for an input's uri. None: uris are paths of this machine.
    std::function<Result<UniqueFd>(const std::string& uri)> open_source;
};

struct RenditionSummary {
    std::string name;
    std::string codecs;
    std::int64_t width = 0;  ///< 0 for audio
    std::int64_t height = 0;
    double frame_rate = 0;
    std::string language;  ///< audio
    std::int64_t channels = 0;
    std::int64_t segments = 0;
    std::int64_t bytes = 0;
    std::int64_t average_bps = 0;
    std::int64_t peak_bps = 0;  ///< as RFC 8216 defines BANDWIDTH
    double psnr = 0;            ///< dB, luma; 0 when not measured
    double ssim = 0;
    bool copied = false;
};

struct InputSummary {
    std::string uri;
    std::string name;
    std::filesystem::path folder;
    bool ok = false;
    bool read = false;  ///< the source could be opened as media
    bool output_refused =
        false;          ///< its output folder cannot be used, so nothing is said about the source
    Error error;        ///< when not ok
    std::string stage;  ///< where it failed: "probe", "plan", "encode", "verify", "publish"
    std::string plan_digest;
    double duration_s = 0;
    double wall_s = 0;
    double speed = 0;                 ///< media seconds a second, x real time
    double cpu_s = 0;                 ///< of all its tasks
    std::int64_t peak_rss_bytes = 0;  ///< of the largest task
    std::vector<RenditionSummary> renditions;
    std::vector<Repair> repairs;
    std::vector<std::string> notes;  ///< plan decisions in plain words
    std::vector<std::filesystem::path> manifests;
    bool resumable = false;     ///< run again with --resume to go on
    bool from_outside = false;  ///< it failed because somebody else killed its tasks
};

struct RunSummary {
    std::vector<InputSummary> inputs;
    double wall_s = 0;
    bool cancelled = false;
};

/// What `input.finished` and `input.failed` say of each input, and of the whole run, as JSON.
[[nodiscard]] std::string to_json(const RunSummary& summary);

/// Runs a job to its end. Blocks; an input that fails is in the summary and does not touch the
/// others. The Result is an error only for what concerns the whole job (no such preset, output
/// folder cannot be made).
[[nodiscard]] Result<RunSummary> run_job(const JobDocument& job,
                                         const RunOptions& options,
                                         EventSink& events,
                                         const Clock& clock,
                                         std::stop_token stop);

/// What a `streamgate task` child does: answers one request on the given socket. Returns the
/// process's exit code.
[[nodiscard]] int serve_task(int socket_fd);

}  // namespace sg::engine

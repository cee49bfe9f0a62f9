#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <engine/job.hpp>
#include <process/task_server.hpp>

namespace sg::engine {

enum class TaskKind {
    kProbe,    ///< facts of a source, its index and a plan on request
    kSpool,    ///< copy an input that can be read once only, or pack pictures, into a file
    kPlan,     ///< probe, index and plan a source
    kVideo,    ///< one chunk, all encoded video renditions
    kAudio,    ///< all encoded audio renditions, from start to end
    kCopy,     ///< all copied renditions
    kPackage,  ///< TS segments and single files from the CMAF segments
    kVerify,
    kQuality,  ///< PSNR and SSIM of the finished renditions
    kLive,     ///< encodes a live channel until its input ends
    kPull,     ///< reads or makes an input of a live channel
};

[[nodiscard]] const char* task_kind_name(TaskKind kind);
/// Its first descriptor is a source, which it demultiplexes.
[[nodiscard]] bool reads_source(TaskKind kind);

/// What a child's environment says beyond ours.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> task_environment(TaskKind kind);

/// What a child is asked to do. The source comes as the request's first descriptor where a task
/// reads it; for kSpool that is the file to write, and a second one the pipe.
struct TaskRequest {
    TaskKind kind = TaskKind::kPlan;
    std::string source_name;  ///< for messages
    std::string plan;         ///< canonical JSON; all but kPlan
    std::string preset;       ///< canonical JSON; kPlan, kProbe, kLive
    std::int64_t chunk = -1;  ///< kVideo
    std::filesystem::path
        folder;                   ///< the only place it writes to; kVerify, kQuality: what it reads
    std::filesystem::path cache;  ///< kPlan: where the index is kept
    std::filesystem::path stage;  ///< kPackage: the CMAF segments
    VerifyMode verify = VerifyMode::kQuick;
    /// Streams that are read by the source's sample tables (JSON), empty when there are none: tasks
    /// that demultiplex the source.
    std::string sample_tables;
    std::string copy;      ///< kCopy: a CopyRecipe (JSON), empty when there is none
    std::string location;  ///< kVerify without a plan; the descriptors are for make_asking_getter()
    std::string tracks;    ///< kPackage: the finished tracks (JSON)
    std::string images;    ///< kSpool: a pattern of pictures instead of a pipe
    std::int64_t spool_bytes = 0;   ///< kSpool: the most that is copied
    std::int64_t open_seconds = 0;  ///< kSpool: how long a pipe may stay silent at first
    std::int64_t segment_ms = 0;    ///< kLive
    bool low_latency = true;        ///< kLive
    bool full = false;              ///< kProbe: index the source
    std::string pull;               ///< kPull: which kind; `location` says where

    [[nodiscard]] std::string to_json() const;
    [[nodiscard]] static Result<TaskRequest> from_json(std::string_view text);
};

/// What a running task has at hand.
struct TaskContext {
    const process::ProgressSender& progress;
    std::stop_token stop;
    std::vector<UniqueFd> fds;
};

// One function a kind; each gives its result as JSON. A failed write of progress means the parent
// is gone.
[[nodiscard]] Result<std::string> run_probe_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_spool_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_plan_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_video_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_audio_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_copy_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_package_task(const TaskRequest& request,
                                                   TaskContext& context);
[[nodiscard]] Result<std::string> run_verify_task(const TaskRequest& request, TaskContext& context);
[[nodiscard]] Result<std::string> run_quality_task(const TaskRequest& request,
                                                   TaskContext& context);
/// The descriptor is the socket of live_link.hpp's messages.
[[nodiscard]] Result<std::string> run_live_task(const TaskRequest& request, TaskContext& context);

/// Likewise; pull_task.hpp says what it sends.
[[nodiscard]] Result<std::string> run_pull_task(const TaskRequest& request, TaskContext& context);

[[nodiscard]] Result<std::string> run_task(std::string_view request, TaskContext& context);

}  // namespace sg::engine

#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <base/file.hpp>
#include <engine/crash_bundle.hpp>
#include <transcoders/fingerprint.hpp>

#include "one_task.hpp"
#include "task.hpp"

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

/// One that hung is not what is looked for.
constexpr std::chrono::seconds kStall{120};

/// Gone with what the task left in it.
class ReplayFolder {
  public:
    static Result<ReplayFolder> make() {
        std::error_code failed;
        auto text = (fs::temp_directory_path(failed) / "streamgate-replay-XXXXXX").string();
        if (failed || ::mkdtemp(text.data()) == nullptr)
            return errno_error(failed ? failed.value() : errno, "make a folder for the replay");
        return ReplayFolder(text);
    }
    ~ReplayFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    ReplayFolder(ReplayFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    ReplayFolder(const ReplayFolder&) = delete;
    ReplayFolder& operator=(const ReplayFolder&) = delete;

    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    explicit ReplayFolder(fs::path path) : path_(std::move(path)) {}
    fs::path path_;
};

/// What it reads, besides the source, must still be there; what it writes goes to `scratch`.
Status move_folders(TaskRequest& request, const fs::path& scratch) {
    const auto there = [](const fs::path& folder) -> Status {
        std::error_code ignored;
        if (fs::is_directory(folder, ignored)) return {};
        return Error{Errc::kNotFound,
                     fmt::format("replay: {}, which the task read, is gone; run the job again "
                                 "with --keep-work, then replay",
                                 folder.string())};
    };
    switch (request.kind) {
        case TaskKind::kProbe:
        case TaskKind::kPlan:
            request.cache.clear();
            return {};
        case TaskKind::kVideo:
        case TaskKind::kAudio:
        case TaskKind::kCopy:
            request.folder = scratch;
            return {};
        case TaskKind::kPackage:
            request.folder = scratch / "final";
            return there(request.stage);
        case TaskKind::kVerify:
        case TaskKind::kQuality:
            return request.location.empty() ? there(request.folder) : Status{};
        case TaskKind::kSpool:
        case TaskKind::kLive:
        case TaskKind::kPull:
            break;
    }
    return Error{Errc::kUnsupported,
                 fmt::format("replay: what a task of kind {} read came once and is gone",
                             task_kind_name(request.kind))};
}

Result<std::vector<UniqueFd>> open_source(const TaskRequest& request,
                                          const CrashBundle& bundle,
                                          const fs::path& instead) {
    std::vector<UniqueFd> fds;
    if (!reads_source(request.kind)) return fds;
    const fs::path path = instead.empty() ? fs::path(bundle.source) : instead;
    if (path.empty())
        return Error{Errc::kNotFound,
                     "replay: the source came through a pipe; give a copy of it with --source"};
    auto fd = open_file(path, O_RDONLY);
    if (!fd)
        return fd.error().within("replay: the source is needed; say where it is with --source");
    fds.push_back(std::move(*fd));
    return fds;
}

}  // namespace

Result<ReplayReport> replay_crash(const ReplayOptions& options, std::stop_token stop) {
    SG_TRY_ASSIGN(const auto bundle, read_crash_bundle(options.bundle));
    SG_TRY_ASSIGN(auto request, TaskRequest::from_json(bundle.request));
    SG_TRY_ASSIGN(const auto scratch, ReplayFolder::make());
    SG_TRY(move_folders(request, scratch.path()));
    SG_TRY_ASSIGN(auto fds, open_source(request, bundle, options.source));
    ReplayReport report;
    report.same_versions = bundle.versions == transcoders::fingerprint();
    if (options.in_process) {
        const process::ProgressSender ignore = [](std::string_view) { return Status{}; };
        TaskContext context{ignore, stop, std::move(fds)};
        const auto result = run_task(request.to_json(), context);
        report.message = result ? "it succeeded" : result.error().message;
        return report;
    }
    process::Task task;
    task.id = bundle.task;
    task.request = request.to_json();
    task.request_fds = std::move(fds);
    task.progress_timeout = kStall;
    task.spawn.executable = options.program;
    task.spawn.environment = task_environment(request.kind);
    SG_TRY_ASSIGN(const auto outcome, run_one_task(std::move(task), {}, stop));
    report.log_tail = outcome.log_tail;
    report.message = outcome.result ? "it succeeded" : outcome.result.error().message;
    if (const auto again = crash_of(outcome, bundle.request, bundle.source)) {
        report.crashed = true;
        report.signal = again->signal;
    }
    return report;
}

}  // namespace sg::engine

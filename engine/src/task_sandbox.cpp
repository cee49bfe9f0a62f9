#include "task_sandbox.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <base/file.hpp>
#include <base/log.hpp>
#include <engine/pull_task.hpp>
#include <engine/sandbox.hpp>

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kGiga = std::uint64_t{1} << 30;
constexpr std::uint64_t kHour = 3600;

/// Encoders reserve much more than they use. What they use is watched by the parent.
std::uint64_t address_space() {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page = ::sysconf(_SC_PAGESIZE);
    const auto memory = pages > 0 && page > 0
                            ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page)
                            : 0;
    return std::max(16 * kGiga, 2 * memory);
}

process::SandboxLimits limits_of(const TaskRequest& request) {
    process::SandboxLimits limits;
    limits.address_space_bytes = address_space();
    limits.open_files = 4096;
    switch (request.kind) {
        case TaskKind::kSpool:
            limits.file_bytes = static_cast<std::uint64_t>(
                std::max<std::int64_t>(request.spool_bytes, static_cast<std::int64_t>(kGiga)));
            break;
        case TaskKind::kProbe:
        case TaskKind::kPlan:
            limits.cpu_seconds = 12 * kHour;
            limits.file_bytes = 4 * kGiga;
            break;
        case TaskKind::kVideo:
        case TaskKind::kAudio:
        case TaskKind::kCopy:
        case TaskKind::kPackage:
        case TaskKind::kVerify:
        case TaskKind::kQuality:
            // A plan of one chunk may encode a whole film.
            limits.cpu_seconds = 14 * 24 * kHour;
            limits.file_bytes = 1024 * kGiga;
            break;
        case TaskKind::kLive:
        case TaskKind::kPull:
            limits.file_bytes = kGiga;
            break;
    }
    return limits;
}

fs::path gst_cache() {
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
        return fs::path(cache) / "gstreamer-1.0";
    if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
        return fs::path(home) / ".cache/gstreamer-1.0";
    return {};
}

void allow_rtsp(process::SandboxPolicy& policy) {
    policy.network = true;
    policy.programs = true;  // it lists its plugins in a process of its own
    for (const char* path : {"/etc/resolv.conf",
                             "/etc/hosts",
                             "/etc/host.conf",
                             "/etc/nsswitch.conf",
                             "/etc/gai.conf",
                             "/etc/services",
                             "/etc/protocols",
                             "/etc/ssl/certs",
                             "/run/systemd/resolve"})
        policy.read.emplace_back(path);
    if (const auto cache = gst_cache(); !cache.empty()) {
        // Without it every start looks at all plugins again.
        static_cast<void>(make_folders(cache));
        policy.write.push_back(cache);
    }
}

fs::path folder_of(const std::string& pattern) {
    const auto folder = fs::path(pattern).parent_path();
    return folder.empty() ? "." : folder;
}

bool decodes_only(TaskKind kind) {
    return reads_source(kind) || kind == TaskKind::kLive;
}

/// What the libraries go by. Everything else may be a secret of the service.
bool may_know(std::string_view variable) {
    constexpr auto kNames = std::to_array<std::string_view>({"PATH",
                                                             "HOME",
                                                             "LANG",
                                                             "LANGUAGE",
                                                             "TZ",
                                                             "TMPDIR",
                                                             "LD_LIBRARY_PATH",
                                                             "XDG_CACHE_HOME",
                                                             "GLIBC_TUNABLES",
                                                             "SVT_LOG",
                                                             "GCOV_PREFIX",
                                                             "LLVM_PROFILE_FILE"});
    constexpr auto kPrefixes =
        std::to_array<std::string_view>({"LC_", "FONTCONFIG_", "GST_", "MALLOC_"});
    return std::find(kNames.begin(), kNames.end(), variable) != kNames.end() ||
           std::any_of(kPrefixes.begin(), kPrefixes.end(), [variable](std::string_view prefix) {
               return variable.starts_with(prefix);
           });
}

/// Also the bytes, which a child that was taken over could read in its own memory.
void forget_environment() {
    std::vector<char*> kept;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        if (may_know(text.substr(0, text.find('='))))
            kept.push_back(*entry);
        else
            ::explicit_bzero(*entry, text.size());
    }
    kept.push_back(nullptr);
    std::copy(kept.begin(), kept.end(), environ);
}

}  // namespace

process::SandboxPolicy sandbox_policy(const TaskRequest& request) {
    process::SandboxPolicy policy;
    policy.limits = limits_of(request);
    switch (request.kind) {
        case TaskKind::kSpool:
            if (!request.images.empty()) policy.read.push_back(folder_of(request.images));
            break;
        case TaskKind::kPlan:
            if (!request.cache.empty()) policy.write.push_back(request.cache);
            break;
        case TaskKind::kVideo:
        case TaskKind::kAudio:
        case TaskKind::kCopy:
            policy.write.push_back(request.folder);
            break;
        case TaskKind::kPackage:
            // Linking a file from a place that is read-only would make it writable: refused.
            policy.write.push_back(request.folder);
            policy.write.push_back(request.stage);
            break;
        case TaskKind::kVerify:
            // A manifest is read with what lies beside it.
            policy.read.push_back(request.location.empty() ? request.folder
                                                           : fs::path(request.location));
            if (!request.location.empty()) policy.read.push_back(folder_of(request.location));
            break;
        case TaskKind::kQuality:
            policy.read.push_back(request.folder);
            break;
        case TaskKind::kProbe:
        case TaskKind::kLive:
            break;
        case TaskKind::kPull:
            if (request.pull == "rtsp")
                allow_rtsp(policy);
            else if (!request.location.empty())
                policy.read.emplace_back(request.location);
            break;
    }
    // Others read what only root may, or link its files.
    if (const char* user = std::getenv(kWorkerUserVariable);
        user != nullptr && decodes_only(request.kind)) {
        if (auto found = process::find_sandbox_user(user)) policy.user = *found;
    }
    return policy;
}

bool sandbox_wanted() {
    const char* const wanted = std::getenv(kSandboxVariable);
    return wanted == nullptr || std::string_view(wanted) != "off";
}

Status enter_task_sandbox(const TaskRequest& request) {
    if (!sandbox_wanted()) return {};
    if (const char* user = std::getenv(kWorkerUserVariable); user != nullptr) {
        // Rather no task than one with more rights than were meant.
        if (auto found = process::find_sandbox_user(user); !found)
            return found.error().within("lock the task in");
    }
    const auto policy = sandbox_policy(request);
    forget_environment();
    // What it will write to must be there to be allowed.
    if (request.kind == TaskKind::kPackage) SG_TRY(make_folders(request.folder));
    SG_TRY_ASSIGN(const auto report, process::enter_sandbox(policy));
    for (const auto& measure : report.measures) {
        if (!measure.applied)
            log::debug(
                "sandbox_incomplete measure=\"{}\" why=\"{}\"", measure.name, measure.detail);
    }
    return {};
}

}  // namespace sg::engine

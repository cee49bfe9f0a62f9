#include "output_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <jobs/job_folders.hpp>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <base/file.hpp>
#include <engine/job.hpp>
#include <engine/published.hpp>

namespace sg::api {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPathBytes = 1'024;
constexpr int kMaxDepth = 16;

Error missing(std::string_view path) {
    return Error{Errc::kNotFound, fmt::format("there is no output {}", path)};
}

/// Segment by segment, for kernels (before 5.6) and sandboxes without openat2.
UniqueFd open_by_steps(int folder, std::string_view path) {
    UniqueFd at(::dup(folder));
    while (at.valid() && !path.empty()) {
        const auto end = std::min(path.find('/'), path.size());
        const std::string name(path.substr(0, end));
        path.remove_prefix(std::min(end + 1, path.size()));
        const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
                          (path.empty() ? 0 : O_DIRECTORY | O_PATH);
        at = UniqueFd(::openat(at.get(), name.c_str(), flags));
    }
    return at;
}

UniqueFd open_beneath(int folder, const std::string& path) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const auto fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno == ENOSYS || errno == EPERM) return open_by_steps(folder, path);
    return {};
}

jobs::Millis millis_of(const timespec& time) {
    return static_cast<jobs::Millis>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

/// Everything below a folder that is a plain file, without following links.
Status walk(const fs::path& folder,
            const std::string& prefix,
            std::size_t most,
            std::vector<OutputFile>& out) {
    std::error_code error;
    fs::recursive_directory_iterator at(folder, error);
    for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
        const auto relative = prefix + at->path().lexically_relative(folder).string();
        if (at.depth() + 1 >= kMaxDepth) at.disable_recursion_pending();
        struct stat info {};
        if (::lstat(at->path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
        if (!is_output_path(relative)) continue;
        if (out.size() >= most) {
            return Error{Errc::kLimit, fmt::format("there are more than {} output files", most)};
        }
        out.push_back(
            {relative, static_cast<std::uint64_t>(info.st_size), millis_of(info.st_mtim)});
    }
    if (error && error != std::errc::no_such_file_or_directory) {
        return errno_error(error.value(), "list outputs");
    }
    return {};
}

}  // namespace

bool is_output_path(std::string_view path) noexcept {
    if (path.empty() || path.size() > kMaxPathBytes) return false;
    while (true) {
        const auto end = std::min(path.find('/'), path.size());
        const auto segment = path.substr(0, end);
        if (segment.empty() || segment.front() == '.') return false;
        const bool plain = std::all_of(segment.begin(), segment.end(), [](char c) {
            return static_cast<unsigned char>(c) > 31 && c != 0x7f;
        });
        if (!plain) return false;
        if (end == path.size()) return true;
        path.remove_prefix(end + 1);
    }
}

OutputFiles OutputFiles::in(fs::path folder) {
    OutputFiles out;
    out.parts_.push_back({std::move(folder), "", std::nullopt});
    return out;
}

OutputFiles OutputFiles::of(const fs::path& data, const jobs::Job& job) {
    OutputFiles out;
    const auto own = jobs::own_output_folder(data, job.id);
    const auto folder = jobs::output_folder(data, job);
    if (folder == own) return in(own);
    std::vector<engine::JobFault> faults;
    const auto document = engine::read_job(job.document, engine::JobSyntax::kJson, faults);
    if (!document) return out;
    const auto add = [&](const fs::path& at, const std::string& prefix) {
        auto published = engine::read_published(at);
        if (!published || !jobs::published_by(job, published->plan)) return;
        out.parts_.push_back({at, prefix, std::move(published->entries)});
    };
    if (document->inputs.size() == 1) {
        add(folder, "");
    } else {
        for (const auto& name : engine::output_names(*document)) add(folder / name, name + "/");
    }
    return out;
}

Result<OpenedOutput> OutputFiles::open(std::string_view path) const {
    if (!is_output_path(path)) return missing(path);
    for (const auto& part : parts_) {
        if (!path.starts_with(part.prefix)) continue;
        const std::string rest(path.substr(part.prefix.size()));
        if (part.entries) {
            const auto first = rest.substr(0, rest.find('/'));
            const auto& entries = *part.entries;
            if (std::find(entries.begin(), entries.end(), first) == entries.end()) continue;
        }
        const UniqueFd folder(::open(part.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder.valid()) continue;
        OpenedOutput out;
        out.fd = open_beneath(folder.get(), rest);
        struct stat info {};
        if (!out.fd.valid() || ::fstat(out.fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
            continue;
        }
        out.bytes = static_cast<std::uint64_t>(info.st_size);
        out.etag = fmt::format("{:x}-{:x}-{:x}{:09}",
                               info.st_ino,
                               info.st_size,
                               info.st_mtim.tv_sec,
                               info.st_mtim.tv_nsec);
        return out;
    }
    return missing(path);
}

Result<std::vector<OutputFile>> OutputFiles::list(std::size_t most) const {
    std::vector<OutputFile> out;
    for (const auto& part : parts_) {
        if (!part.entries) {
            SG_TRY(walk(part.folder, part.prefix, most, out));
            continue;
        }
        for (const auto& entry : *part.entries) {
            if (!is_output_path(entry) || entry.find('/') != std::string::npos) continue;
            const auto path = part.folder / entry;
            struct stat info {};
            if (::lstat(path.c_str(), &info) != 0) continue;
            if (S_ISDIR(info.st_mode)) {
                SG_TRY(walk(path, part.prefix + entry + "/", most, out));
            } else if (S_ISREG(info.st_mode) && out.size() < most) {
                out.push_back({part.prefix + entry,
                               static_cast<std::uint64_t>(info.st_size),
                               millis_of(info.st_mtim)});
            }
        }
    }
    std::sort(out.begin(), out.end(), [](const OutputFile& a, const OutputFile& b) {
        return a.path < b.path;
    });
    return out;
}

std::string_view output_type(std::string_view path) noexcept {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kTypes{{
        {".m3u8", "application/vnd.apple.mpegurl"},
        {".mpd", "application/dash+xml"},
        {".m4s", "video/iso.segment"},
        {".mp4", "video/mp4"},
        {".m4v", "video/mp4"},
        {".m4a", "audio/mp4"},
        {".cmfv", "video/mp4"},
        {".cmfa", "audio/mp4"},
        {".ts", "video/mp2t"},
        {".aac", "audio/aac"},
        {".mp3", "audio/mpeg"},
        {".flac", "audio/flac"},
        {".opus", "audio/ogg"},
        {".mov", "video/quicktime"},
        {".webm", "video/webm"},
        {".mkv", "video/x-matroska"},
        {".vtt", "text/vtt"},
        {".json", "application/json"},
        {".jpg", "image/jpeg"},
        {".png", "image/png"},
        {".webp", "image/webp"},
        {".xml", "application/xml"},
    }};
    for (const auto& [ending, type] : kTypes) {
        if (path.ends_with(ending)) return type;
    }
    return "application/octet-stream";
}

}  // namespace sg::api

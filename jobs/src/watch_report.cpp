#include "watch_report.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <base/clock.hpp>
#include <base/file.hpp>
#include <base/unique_fd.hpp>

#include "watch_scan.hpp"

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

std::string time_text(Millis time) {
    return rfc3339(Clock::Wall(std::chrono::milliseconds(time)));
}

std::string report_text(const WatchRule& rule,
                        const WatchedFile& file,
                        const WatchedEnd& end,
                        const std::optional<fs::path>& moved) {
    nlohmann::ordered_json out;
    out["version"] = 1;
    out["rule"] = rule.name;
    out["file"] = (rule.folder / file.path).native();
    out["size"] = file.identity.size;
    if (moved) out["movedTo"] = moved->native();
    if (!file.job.empty()) out["job"] = file.job;
    out["state"] = end.state;
    if (!end.reason.empty()) out["reason"] = end.reason;
    if (!end.message.empty()) out["message"] = end.message;
    if (file.submitted > 0) out["submitted"] = time_text(file.submitted);
    if (end.ended > 0) out["ended"] = time_text(end.ended);
    if (!end.result.empty()) {
        auto outputs = nlohmann::ordered_json::parse(end.result, nullptr, false);
        if (!outputs.is_discarded()) out["outputs"] = std::move(outputs);
    }
    return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

/// A file by its folder, held open: who may write in a watched folder could exchange one on the way
/// for a link, and have us move files to where only we may write.
struct Place {
    UniqueFd folder;
    std::string name;
    fs::path shown;

    [[nodiscard]] std::optional<FileIdentity> identity() const {
        return identity_of(folder.get(), name);
    }
    [[nodiscard]] Place beside(const std::string& other) const {
        return {UniqueFd(::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0)),
                other,
                shown.parent_path() / other};
    }
};

enum class Missing { kIsError, kIsMade };

/// A folder below `base`, which alone may be a link.
Result<UniqueFd> open_below(const fs::path& base, const fs::path& relative, Missing missing) {
    UniqueFd at(::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid()) return errno_error(errno, "open " + base.native());
    for (const auto& name : relative) {
        if (name.empty() || name == ".") continue;
        const auto attempted = fmt::format("open {} below {}", relative.native(), base.native());
        if (missing == Missing::kIsMade && mkdirat(at.get(), name.c_str(), 0777) != 0 &&
            errno != EEXIST) {
            return errno_error(errno, attempted);
        }
        const int next =
            openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) return errno_error(errno, attempted);
        at.reset(next);
    }
    return at;
}

/// Where a file goes that has ended: into `ended`, which mostly lies in the watched folder.
Result<Place> place_in(const WatchRule& rule, const fs::path& ended, const std::string& path) {
    auto base = rule.folder;
    auto relative = ended.lexically_relative(rule.folder);
    if (relative.empty() || *relative.begin() == "..") {
        SG_TRY(make_folders(ended));
        base = ended;
        relative.clear();
    }
    const auto file = fs::path(path);
    SG_TRY_ASSIGN(auto folder, open_below(base, relative / file.parent_path(), Missing::kIsMade));
    return Place{std::move(folder), file.filename().native(), ended / file};
}

/// False when there is a file of that name already.
Result<bool> rename_if_free(const Place& from, const Place& to) {
    const int old_folder = from.folder.get();
    const int folder = to.folder.get();
    const auto* name = to.name.c_str();
    if (renameat2(old_folder, from.name.c_str(), folder, name, RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST) return false;
    if (errno == EINVAL || errno == ENOSYS) {  // a file system that cannot promise it
        struct stat facts {};
        if (fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
            return false;
        if (renameat(old_folder, from.name.c_str(), folder, name) == 0) return true;
    }
    auto failed =
        errno_error(errno, fmt::format("move {} to {}", from.shown.native(), to.shown.native()));
    if (errno == EXDEV) failed.message += "; give the rule a folder on the same file system";
    return failed;
}

}  // namespace

Status settle_source(const WatchRule& rule, const WatchedFile& file, const WatchedEnd& end) {
    const fs::path path(file.path);
    SG_TRY_ASSIGN(const auto plain,
                  place_in(rule, end.succeeded ? rule.done : rule.failed, file.path));
    const auto suffix =
        file.job.empty() ? fmt::format("refused-{}", file.identity.inode) : file.job;
    const auto own = plain.beside(
        fmt::format("{}-{}{}", path.stem().native(), suffix, path.extension().native()));
    const Place* moved = nullptr;
    auto folder = open_below(rule.folder, path.parent_path(), Missing::kIsError);
    const Place source{folder ? std::move(*folder) : UniqueFd(), plain.name, rule.folder / path};
    if (source.identity() == file.identity) {
        SG_TRY_ASSIGN(const bool free, rename_if_free(source, plain));
        moved = &plain;
        if (!free) {
            SG_TRY_ASSIGN(const bool own_free, rename_if_free(source, own));
            if (!own_free) return Error{Errc::kMismatch, own.shown.native() + " exists already"};
            moved = &own;
        }
    } else if (plain.identity() == file.identity) {
        moved = &plain;  // before a kill
    } else if (own.identity() == file.identity) {
        moved = &own;
    }
    const auto& named = moved != nullptr ? *moved : own;
    return write_file_atomic(
        fmt::format("/proc/self/fd/{}/{}.json", named.folder.get(), named.name),
        report_text(rule, file, end, moved != nullptr ? std::optional(moved->shown) : std::nullopt),
        Durability::kNone);
}

}  // namespace sg::jobs

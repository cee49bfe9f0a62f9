#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <jobs/input_policy.hpp>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <base/file.hpp>

namespace sg::jobs {

/// A path as a root and what follows it.
struct AllowedRoots::Place {
    const Root* root = nullptr;
    std::vector<std::string> names;  ///< none: the root itself
    std::string text;                ///< for messages
};

namespace {

namespace fs = std::filesystem;

enum class Links { kInside, kNone };

/// Components one after the other, no link among them: for kernels before 5.6, and containers that
/// do not let openat2 through.
UniqueFd walk(int root, const std::vector<std::string>& names, int flags) {
    UniqueFd at(::fcntl(root, F_DUPFD_CLOEXEC, 0));
    for (std::size_t i = 0; i < names.size() && at.valid(); ++i) {
        const bool last = i + 1 == names.size();
        const int how = last ? flags : O_PATH | O_DIRECTORY;
        const int next = ::openat(at.get(), names[i].c_str(), how | O_NOFOLLOW | O_CLOEXEC);
        const int error = errno;
        at.reset(next);
        errno = error;
    }
    if (!at.valid() || (flags & O_PATH) == 0) return at;
    // O_PATH with O_NOFOLLOW opens the link itself.
    struct stat about {};
    if (::fstat(at.get(), &about) == 0 && S_ISLNK(about.st_mode)) {
        at.reset();
        errno = ELOOP;
    }
    return at;
}

UniqueFd open_below(int root, const std::vector<std::string>& names, int flags, Links links) {
    open_how how{};
    how.flags = static_cast<decltype(how.flags)>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    if (links == Links::kNone) how.resolve |= RESOLVE_NO_SYMLINKS;
    const auto path = names.empty() ? std::string(".") : fmt::format("{}", fmt::join(names, "/"));
    constexpr int kTries = 16;
    for (int i = 0; i < kTries; ++i) {
        UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
        if (fd.valid()) return fd;
        if (errno == ENOSYS || errno == EPERM) return walk(root, names, flags);
        // Something was renamed meanwhile.
        if (errno != EAGAIN) break;
    }
    return {};
}

Error refuse(Errc code, const std::string& text, const std::string& why) {
    return Error{code, fmt::format("use {}: {}", text, why)};
}

Error explain(int error, const std::string& text, const fs::path& root) {
    switch (error) {
        case EXDEV:
        case ELOOP:
            return refuse(
                Errc::kPermission,
                text,
                fmt::format("a link on the way leads out of the allowed folder {} (or has an "
                            "absolute target); name the file where it lies",
                            root.string()));
        case ENOTDIR:
            return refuse(Errc::kInvalidArgument, text, "something on the way is not a folder");
        default:
            return errno_error(error, "use " + text);
    }
}

const char* kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISFIFO(mode)) return "a named pipe";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

Status must_be_file(int fd, const std::string& text) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return errno_error(errno, "look at " + text);
    if (S_ISREG(about.st_mode)) return {};
    return refuse(Errc::kInvalidArgument,
                  text,
                  fmt::format("it is {}; a job reads regular files", kind_of(about.st_mode)));
}

/// Where a descriptor's folder is now.
Result<fs::path> real_path(int fd, const std::string& text) {
    std::array<char, PATH_MAX> buffer{};
    const auto link = fmt::format("/proc/self/fd/{}", fd);
    const auto n = ::readlink(link.c_str(), buffer.data(), buffer.size());
    if (n <= 0) return errno_error(errno, "find where " + text + " is");
    return fs::path(std::string_view(buffer.data(), static_cast<std::size_t>(n)));
}

/// The names of `path` after those of `root`; nothing when it is not below it.
std::optional<std::vector<std::string>> names_below(const fs::path& path, const fs::path& root) {
    const auto [at, end] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
    if (at != root.end()) return std::nullopt;
    std::vector<std::string> names;
    for (auto name = end; name != path.end(); ++name) {
        if (!name->empty() && *name != ".") names.push_back(name->string());
    }
    return names;
}

fs::path without_last_slash(const fs::path& path) {
    return path.has_filename() || path == path.root_path() ? path : path.parent_path();
}

}  // namespace

Status OutputFolder::still_there() const {
    const UniqueFd now(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat then_about {};
    struct stat now_about {};
    if (now.valid() && ::fstat(fd.get(), &then_about) == 0 && ::fstat(now.get(), &now_about) == 0 &&
        then_about.st_dev == now_about.st_dev && then_about.st_ino == now_about.st_ino)
        return {};
    return refuse(Errc::kPermission,
                  path.string(),
                  "the folder was moved or replaced while the job ran; nothing is written there");
}

Result<AllowedRoots> AllowedRoots::open(const std::vector<fs::path>& roots,
                                        const fs::path& closed) {
    AllowedRoots all;
    if (!closed.empty()) {
        std::error_code failed;
        all.closed_ = without_last_slash(fs::weakly_canonical(closed, failed));
        if (failed) return errno_error(failed.value(), "look at " + closed.string());
    }
    for (const auto& given : roots) {
        const auto text = given.string();
        if (!given.is_absolute())
            return refuse(Errc::kInvalidArgument, text, "an allowed folder is an absolute path");
        Root root;
        root.path = without_last_slash(given.lexically_normal());
        root.fd.reset(::open(given.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!root.fd.valid()) return errno_error(errno, "open the allowed folder " + text);
        SG_TRY_ASSIGN(root.real, real_path(root.fd.get(), text));
        all.roots_.push_back(std::move(root));
    }
    // Of nested ones the innermost is asked.
    std::stable_sort(all.roots_.begin(), all.roots_.end(), [](const Root& a, const Root& b) {
        return a.path.native().size() > b.path.native().size();
    });
    return all;
}

Result<AllowedRoots::Place> AllowedRoots::place_of(const fs::path& path) const {
    Place place;
    place.text = path.string();
    if (roots_.empty())
        return refuse(Errc::kPermission,
                      place.text,
                      "no folder is allowed for local paths; send the file as an upload, give an "
                      "http URL, or let an operator allow its folder");
    if (!path.is_absolute())
        return refuse(Errc::kInvalidArgument, place.text, "give an absolute path");
    if (place.text.find('\0') != std::string::npos || place.text.size() >= PATH_MAX)
        return refuse(Errc::kInvalidArgument, "a path", "it is too long or holds a zero byte");
    for (const auto& name : path) {
        if (name == "..")
            return refuse(Errc::kInvalidArgument, place.text, "give the path without \"..\"");
    }
    std::vector<std::string> allowed;
    for (const auto& root : roots_) {
        auto names = names_below(path, root.path);
        if (!names) names = names_below(path, root.real);
        if (names) {
            place.root = &root;
            place.names = std::move(*names);
            return place;
        }
        allowed.push_back(root.path.string());
    }
    return refuse(
        Errc::kPermission,
        place.text,
        fmt::format("it is below none of the allowed folders ({})", fmt::join(allowed, ", ")));
}

Status AllowedRoots::must_be_open(int fd, const Place& place) const {
    if (closed_.empty() || names_below(place.root->real, closed_)) return {};
    SG_TRY_ASSIGN(const auto real, real_path(fd, place.text));
    if (!names_below(real, closed_)) return {};
    return refuse(Errc::kPermission, place.text, "it lies in the service's own folder");
}

Result<UniqueFd> AllowedRoots::open_input(const fs::path& path) const {
    SG_TRY_ASSIGN(const auto place, place_of(path));
    const int root = place.root->fd.get();
    // Looked at before it is opened: opening a device may do something.
    const auto seen = open_below(root, place.names, O_PATH, Links::kInside);
    if (!seen.valid()) return explain(errno, place.text, place.root->path);
    SG_TRY(must_be_file(seen.get(), place.text));
    auto fd = open_below(root, place.names, O_RDONLY | O_NONBLOCK | O_NOCTTY, Links::kInside);
    if (!fd.valid()) return explain(errno, place.text, place.root->path);
    SG_TRY(must_be_file(fd.get(), place.text));
    SG_TRY(must_be_open(fd.get(), place));
    return fd;
}

Status AllowedRoots::check_input(const fs::path& path) const {
    auto fd = open_input(path);
    return fd ? Status{} : Status(std::move(fd).error());
}

Result<OutputFolder> AllowedRoots::open_output(const fs::path& path) const {
    SG_TRY_ASSIGN(const auto place, place_of(path));
    if (place.names.empty())
        return refuse(Errc::kInvalidArgument,
                      place.text,
                      "it is an allowed folder itself; give one below it");
    UniqueFd at(::fcntl(place.root->fd.get(), F_DUPFD_CLOEXEC, 0));
    if (!at.valid()) return errno_error(errno, "use " + place.text);
    for (const auto& name : place.names) {
        if (::mkdirat(at.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
            return errno_error(errno, "make " + place.text);
        auto next = open_below(at.get(), {name}, O_PATH | O_DIRECTORY, Links::kNone);
        if (!next.valid()) return explain(errno, place.text, place.root->path);
        at = std::move(next);
        SG_TRY(must_be_open(at.get(), place));
    }
    OutputFolder folder;
    SG_TRY_ASSIGN(folder.path, real_path(at.get(), place.text));
    // Somebody may have moved a folder out while we were in it.
    if (!names_below(folder.path, place.root->real))
        return explain(EXDEV, place.text, place.root->path);
    folder.fd = std::move(at);
    return folder;
}

Status AllowedRoots::check_output(const fs::path& path) const {
    SG_TRY_ASSIGN(const auto place, place_of(path));
    if (place.names.empty())
        return refuse(Errc::kInvalidArgument,
                      place.text,
                      "it is an allowed folder itself; give one below it");
    for (std::size_t n = 1; n <= place.names.size(); ++n) {
        const std::vector<std::string> names(place.names.begin(),
                                             place.names.begin() + static_cast<std::ptrdiff_t>(n));
        const auto fd = open_below(place.root->fd.get(), names, O_PATH | O_DIRECTORY, Links::kNone);
        if (fd.valid()) {
            SG_TRY(must_be_open(fd.get(), place));
            continue;
        }
        if (errno == ENOENT) return {};
        return explain(errno, place.text, place.root->path);
    }
    return {};
}

}  // namespace sg::jobs

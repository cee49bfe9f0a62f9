#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <sys/stat.h>

#include <base/file.hpp>
#include <ingest/spool.hpp>

namespace sg::ingest {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kBlock = 1U << 20;
/// A stop request is noticed within this.
constexpr int kPollMs = 100;

/// Not so for a pipe: its data can be read once only.
Result<bool> is_regular(int fd, const std::string& name) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return errno_error(errno, "look at " + name);
    if (S_ISREG(about.st_mode)) return true;
    if (S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode)) return false;
    if (S_ISDIR(about.st_mode))
        return Error{Errc::kInvalidArgument,
                     "open " + name + ": it is a folder; give a file, or a pattern such as " +
                         name + "/%04d.png"};
    return Error{Errc::kInvalidArgument,
                 "open " + name +
                     ": it is a device, not a file or pipe; read it with the program made for it, "
                     "and pipe that in"};
}

bool has_scheme(const std::string& uri) {
    const auto at = uri.find("://");
    return at != std::string::npos && at > 0 && uri.find('/') == at + 1;
}

}  // namespace

Result<UniqueFd> temporary_file(const std::filesystem::path& folder) {
    UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd.valid()) return fd;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
        return errno_error(errno, "make a temporary file in " + folder.string());
    // File systems without unnamed files: name it, then take the name away.
    std::string path = (folder / "spool-XXXXXX").string();
    fd.reset(::mkostemp(path.data(), O_CLOEXEC));
    if (!fd.valid()) return errno_error(errno, "make a temporary file in " + folder.string());
    ::unlink(path.c_str());
    return fd;
}

Status copy_pipe(int pipe, int to, const std::string& name, const SpoolOptions& options) {
    std::vector<std::byte> block(kBlock);
    std::int64_t total = 0;
    auto last_data = SteadyClock::now();
    auto last_report = last_data;
    for (;;) {
        if (options.stop.stop_requested())
            return Error{Errc::kCancelled, "read " + name + ": stopped"};
        const auto allowed = total == 0 ? options.first_byte_timeout : options.idle_timeout;
        const auto now = SteadyClock::now();
        if (now - last_data > allowed) {
            const auto seconds =
                std::to_string(std::chrono::duration_cast<std::chrono::seconds>(allowed).count());
            return Error{Errc::kTimeout,
                         "read " + name + ": " +
                             (total == 0 ? "nobody has written to it for " : "no more data for ") +
                             seconds +
                             " s; start the program that writes to it, or allow more time"};
        }
        if (options.progress && now - last_report > std::chrono::milliseconds(100)) {
            last_report = now;
            options.progress(total);
        }
        pollfd wait{pipe, POLLIN, 0};
        const int ready = ::poll(&wait, 1, kPollMs);
        if (ready < 0 && errno != EINTR) return errno_error(errno, "wait for " + name);
        if (ready <= 0) continue;
        const auto got = ::read(pipe, block.data(), block.size());
        if (got < 0) {
            if (errno == EINTR || errno == EAGAIN) continue;
            return errno_error(errno, "read " + name);
        }
        // A named pipe that no writer has opened yet is never ready, so this is an end.
        if (got == 0) break;
        last_data = SteadyClock::now();
        total += got;
        if (total > options.max_bytes)
            return Error{Errc::kLimit,
                         "read " + name + ": more than the allowed " +
                             std::to_string(options.max_bytes) +
                             " bytes came; raise the limit or give a file"};
        SG_TRY(write_all(to,
                         std::span(block).first(static_cast<std::size_t>(got)),
                         "the temporary copy of " + name));
    }
    if (total == 0)
        return Error{Errc::kBadData, "read " + name + ": it ended without a byte of data"};
    return {};
}

Result<LocalInput> open_input(const std::string& uri) {
    if (uri == "-") {
        UniqueFd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
        if (!fd.valid()) return errno_error(errno, "open standard input");
        SG_TRY_ASSIGN(const bool regular, is_regular(fd.get(), "standard input"));
        return LocalInput{
            regular ? InputKind::kFile : InputKind::kPipe, std::move(fd), "standard input"};
    }
    if (has_scheme(uri))
        return Error{
            Errc::kInvalidArgument,
            "open " + uri + ": addresses cannot be read; download it, or pipe it in and give -"};
    const std::filesystem::path path(uri);
    std::string name = path.filename().string();
    if (name.empty()) name = path.parent_path().filename().string();
    if (name.empty()) name = uri;
    std::error_code ignored;
    if (is_image_pattern(uri) && !std::filesystem::exists(path, ignored))
        return LocalInput{InputKind::kImages, UniqueFd(), name};
    // O_NONBLOCK: opening a named pipe must not wait for its writer.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return errno_error(errno, "open " + uri);
    SG_TRY_ASSIGN(const bool regular, is_regular(fd.get(), uri));
    return LocalInput{regular ? InputKind::kFile : InputKind::kPipe, std::move(fd), name};
}

Result<LocalSource> open_local(const std::string& uri, const SpoolOptions& options) {
    SG_TRY_ASSIGN(auto input, open_input(uri));
    if (input.kind == InputKind::kFile)
        return LocalSource{std::move(input.fd), std::move(input.name), false};
    SG_TRY_ASSIGN(UniqueFd copy, temporary_file(options.folder));
    if (input.kind == InputKind::kPipe)
        SG_TRY(copy_pipe(input.fd.get(), copy.get(), input.name, options));
    else
        SG_TRY(pack_images(uri, copy.get(), options));
    return LocalSource{std::move(copy), std::move(input.name), true};
}

}  // namespace sg::ingest

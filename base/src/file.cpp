#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include <base/file.hpp>

namespace sg {

void UniqueFd::reset(int fd) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

Error errno_error(int err, const std::string& attempted) {
    Errc code = Errc::kIo;
    switch (err) {
        case ENOSPC:
        case EDQUOT:
            code = Errc::kNoSpace;
            break;
        case EACCES:
        case EPERM:
        case EROFS:
            code = Errc::kPermission;
            break;
        case ENOENT:
        case ENOTDIR:
            code = Errc::kNotFound;
            break;
        case EFBIG:
            code = Errc::kLimit;
            break;
        default:
            break;
    }
    char buffer[128];
    std::string text = ::strerror_r(err, buffer, sizeof buffer);
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] + ('a' - 'A'));
    if (code == Errc::kNoSpace) text += " (free some space)";
    return Error{code, attempted + ": " + text};
}

Result<UniqueFd> open_file(const std::filesystem::path& path, int flags, unsigned mode) {
    for (;;) {
        const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
        if (fd >= 0) return UniqueFd(fd);
        if (errno != EINTR) return errno_error(errno, "open " + path.string());
    }
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes) {
    SG_TRY_ASSIGN(auto fd, open_file(path, O_RDONLY));
    std::string text;
    char buffer[65536];
    for (;;) {
        const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(errno, "read " + path.string());
        }
        if (n == 0) return text;
        if (text.size() + static_cast<std::size_t>(n) > max_bytes) {
            return Error{
                Errc::kLimit,
                "read " + path.string() + ": larger than " + std::to_string(max_bytes) + " bytes"};
        }
        text.append(buffer, static_cast<std::size_t>(n));
    }
}

Status write_all(int fd, std::span<const std::byte> bytes, const std::string& name) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(errno, "write " + name);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

Result<std::size_t> read_at(int fd,
                            std::uint64_t offset,
                            std::span<std::byte> into,
                            const std::string& name) {
    std::size_t done = 0;
    while (done < into.size()) {
        const ssize_t n =
            ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno_error(errno, "read " + name);
        }
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done;
}

Status write_file_atomic(const std::filesystem::path& path,
                         std::string_view text,
                         Durability durability) {
    // Always the same name: what a killed writer left is replaced by the next, not left beside the
    // target.
    const auto temporary = path.string() + ".part";
    // Where others may write, a link or pipe of that name may have been laid out for us.
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return std::move(fd).error();
    auto written = write_all(fd->get(), std::as_bytes(std::span(text)), path.string());
    if (written && durability == Durability::kFsync && ::fsync(fd->get()) != 0) {
        written = errno_error(errno, "write " + path.string());
    }
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
        written = errno_error(errno, "rename to " + path.string());
    }
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    if (durability == Durability::kFsync)
        return sync_folder(path.has_parent_path() ? path.parent_path() : ".");
    return {};
}

Status sync_folder(const std::filesystem::path& folder) {
    SG_TRY_ASSIGN(auto fd, open_file(folder, O_RDONLY | O_DIRECTORY));
    if (::fsync(fd.get()) != 0 && errno != EINVAL)
        return errno_error(errno, "sync " + folder.string());
    return {};
}

Status make_folders(const std::filesystem::path& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    if (ec) return errno_error(ec.value(), "create folder " + folder.string());
    return {};
}

}  // namespace sg

#include "file_owner.hpp"

#include <array>
#include <cerrno>
#include <span>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/file.h>

#include <base/file.hpp>

namespace sg::sql {
namespace {

/// The process that wrote itself into the file; empty when it has not yet.
std::string owner_in(int fd) {
    std::array<char, 16> text{};
    const auto size = ::pread(fd, text.data(), text.size(), 0);
    std::string pid;
    for (ssize_t i = 0; i < size; ++i) {
        const char c = text.at(static_cast<std::size_t>(i));
        if (c < '0' || c > '9') break;
        pid += c;
    }
    return pid;
}

}  // namespace

Result<UniqueFd> own_file(const std::filesystem::path& database) {
    const auto path = std::filesystem::path(database.string() + ".lock");
    SG_TRY_ASSIGN(auto fd, open_file(path, O_RDWR | O_CREAT, 0600));
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return errno_error(errno, fmt::format("lock {}", path.string()));
        const auto pid = owner_in(fd.get());
        return Error{Errc::kInvalidArgument,
                     fmt::format("open database {}: {} has it open; stop that one, speak to it by "
                                 "its address, or choose another data folder",
                                 database.string(),
                                 pid.empty() ? "another process" : "process " + pid)};
    }
    const auto pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) != 0)
        return errno_error(errno, fmt::format("write {}", path.string()));
    SG_TRY(write_all(fd.get(), std::as_bytes(std::span(pid)), path.string()));
    return fd;
}

}  // namespace sg::sql

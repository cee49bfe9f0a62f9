#include "key_file.hpp"

#include <cerrno>
#include <cstdio>
#include <span>

#include <fcntl.h>
#include <unistd.h>

#include <base/file.hpp>

namespace sg::api {
namespace {

/// Leaves a file that is there as it is: somebody else's secrets were written with it.
Status rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    // File systems that cannot promise it.
    if (errno == EINVAL && ::access(to.c_str(), F_OK) != 0 &&
        ::rename(from.c_str(), to.c_str()) == 0)
        return {};
    return errno_error(errno, "make " + to.string());
}

}  // namespace

Status make_key_file(const std::filesystem::path& path, std::string_view text) {
    const std::filesystem::path part = path.string() + ".part";
    // What a killed process left.
    if (::unlink(part.c_str()) != 0 && errno != ENOENT)
        return errno_error(errno, "remove " + part.string());
    SG_TRY_ASSIGN(const auto file, open_file(part, O_WRONLY | O_CREAT | O_EXCL, 0600));
    auto status = write_all(file.get(), std::as_bytes(std::span(text)), part.string());
    if (status && ::fsync(file.get()) != 0) status = errno_error(errno, "sync " + part.string());
    if (status) status = rename_to_new(part, path);
    if (!status) {
        ::unlink(part.c_str());
        return status;
    }
    return sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

}  // namespace sg::api

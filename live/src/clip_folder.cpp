#include "clip_folder.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <sys/file.h>

#include <base/file.hpp>

namespace sg::live {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = ".unfinished-clip";

/// All but the mark, which goes last, so that half of it stays known for what it is.
Status empty(const fs::path& folder) {
    std::error_code failed;
    for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
         at.increment(failed)) {
        if (at->path().filename() == kMark) continue;
        std::error_code kept;
        fs::remove_all(at->path(), kept);
        if (kept) return errno_error(kept.value(), "remove " + at->path().string());
    }
    return failed ? Status(errno_error(failed.value(), "read folder " + folder.string()))
                  : Status();
}

}  // namespace

ClipFolder::ClipFolder(fs::path folder, bool made, UniqueFd lock)
    : folder_(std::move(folder)), made_(made), lock_(std::move(lock)) {}

ClipFolder::ClipFolder(ClipFolder&& other) noexcept = default;

Result<ClipFolder> ClipFolder::take(const fs::path& folder) {
    std::error_code failed;
    const bool made = !fs::exists(folder, failed);
    const auto mark = folder / kMark;
    if (!made && !fs::exists(mark, failed) && !fs::is_empty(folder, failed))
        return Error{Errc::kInvalidArgument, folder.string() + " is not an empty folder"};
    SG_TRY(make_folders(folder));
    SG_TRY_ASSIGN(auto lock, open_file(mark, O_RDWR | O_CREAT | O_NOFOLLOW));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return Error{Errc::kInvalidArgument,
                         "another clip is being written to " + folder.string()};
        return errno_error(errno, "lock " + mark.string());
    }
    ClipFolder taken(folder, made, std::move(lock));
    SG_TRY(empty(folder));
    return taken;
}

ClipFolder::~ClipFolder() {
    if (!lock_.valid() || !empty(folder_)) return;
    std::error_code ignored;
    fs::remove(folder_ / kMark, ignored);
    if (made_) fs::remove(folder_, ignored);
}

Status ClipFolder::keep() {
    if (::unlink((folder_ / kMark).c_str()) != 0)
        return errno_error(errno, "remove " + (folder_ / kMark).string());
    lock_.reset();
    return {};
}

}  // namespace sg::live

#include "work_folder.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <base/file.hpp>

namespace sg::engine {
namespace {

namespace fs = std::filesystem;

/// A result names every segment of a task; a ten-hour track has some thousands.
constexpr std::size_t kMaxRecordBytes = std::size_t{256} << 20;

Status remove_tree(const fs::path& folder) {
    std::error_code ec;
    fs::remove_all(folder, ec);
    if (ec) return errno_error(ec.value(), "remove " + folder.string());
    return {};
}

/// Where a folder lies while it is removed.
fs::path doomed(fs::path folder) {
    return folder += "-done";
}

/// What a task made as another user (kWorkerUserVariable) becomes ours. The task has ended.
Status take_back(const fs::path& attempt) {
    struct stat about {};
    if (::geteuid() != 0 || ::stat(attempt.c_str(), &about) != 0 || about.st_uid == 0) return {};
    std::error_code ec;
    for (fs::recursive_directory_iterator at(attempt, ec); !ec && at != fs::end(at);
         at.increment(ec)) {
        if (::lchown(at->path().c_str(), 0, ::getegid()) != 0)
            return errno_error(errno, "take back " + at->path().string());
    }
    if (ec) return errno_error(ec.value(), "read folder " + attempt.string());
    return {};
}

}  // namespace

WorkFolder::WorkFolder(fs::path output, fs::path path, UniqueFd lock, bool made_output)
    : output_(std::move(output)),
      path_(std::move(path)),
      lock_(std::move(lock)),
      made_output_(made_output) {}

Result<WorkFolder> WorkFolder::open(const fs::path& output, const fs::path& path) {
    std::error_code ec;
    const bool existed = fs::exists(output, ec);
    SG_TRY(make_folders(path));
    remove_rest(path);
    SG_TRY_ASSIGN(auto lock, open_file(path / "lock", O_RDWR | O_CREAT));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return Error{
                Errc::kInvalidArgument,
                fmt::format(
                    "{}: another streamgate is writing there; wait for it or choose another folder",
                    output.string())};
        }
        return errno_error(errno, "lock " + path.string());
    }
    return WorkFolder(output, path, std::move(lock), !existed);
}

Status WorkFolder::reset() {
    for (const char* name : {"attempts", "stage", "final", "results", "journal"})
        SG_TRY(remove_tree(path() / name));
    std::error_code ec;
    fs::remove(plan_file(), ec);
    return {};
}

Status WorkFolder::clear_attempts() {
    return remove_tree(path() / "attempts");
}

Result<fs::path> WorkFolder::make_attempt(const std::string& task, int attempt) {
    auto folder = path() / "attempts" / fmt::format("{}-{}", task, attempt);
    SG_TRY(remove_tree(folder));
    SG_TRY(make_folders(folder));
    return folder;
}

void WorkFolder::remove_attempt(const fs::path& attempt) {
    std::error_code ignored;
    fs::remove_all(attempt, ignored);
}

Status WorkFolder::move_to_stage(const fs::path& attempt) {
    SG_TRY(take_back(attempt));
    std::error_code ec;
    for (fs::directory_iterator at(attempt, ec), end; !ec && at != end; at.increment(ec)) {
        const auto& rendition = at->path();
        const auto target = stage() / rendition.filename();
        // Whole when it is the first of its rendition: a copy has thousands of files.
        SG_TRY(make_folders(stage()));
        if (::rename(rendition.c_str(), target.c_str()) == 0) continue;
        SG_TRY(make_folders(target));
        for (fs::directory_iterator file(rendition, ec); !ec && file != end; file.increment(ec)) {
            const auto to = target / file->path().filename();
            if (::rename(file->path().c_str(), to.c_str()) != 0)
                return errno_error(errno, "move " + to.string());
        }
        if (ec) break;
    }
    if (ec) return errno_error(ec.value(), "read folder " + attempt.string());
    remove_attempt(attempt);
    return {};
}

Status WorkFolder::record_result(const std::string& task, std::string_view json) {
    SG_TRY(make_folders(path() / "results"));
    return write_file_atomic(path() / "results" / (task + ".json"), json, Durability::kFsync);
}

Result<std::optional<std::string>> WorkFolder::recorded_result(const std::string& task) const {
    auto text = read_file(path() / "results" / (task + ".json"), kMaxRecordBytes);
    if (text) return std::optional(std::move(text).value());
    if (text.error().code == Errc::kNotFound) return std::optional<std::string>();
    return std::move(text).error();
}

Status WorkFolder::append_journal(const std::string& track, std::string_view line) {
    SG_TRY(make_folders(path() / "journal"));
    const auto name = path() / "journal" / (track + ".ndjson");
    SG_TRY_ASSIGN(auto fd, open_file(name, O_WRONLY | O_CREAT | O_APPEND));
    const std::string text = std::string(line) + "\n";
    return write_all(fd.get(), std::as_bytes(std::span(text)), name.string());
}

Result<std::string> WorkFolder::journal(const std::string& track) const {
    auto text = read_file(path() / "journal" / (track + ".ndjson"), kMaxRecordBytes);
    if (!text && text.error().code == Errc::kNotFound) return std::string();
    return text;
}

void WorkFolder::remove() {
    std::error_code ignored;
    // Half a folder, left by a kill, would be taken for work to go on with.
    remove_rest(path());
    if (::rename(path().c_str(), doomed(path()).c_str()) == 0)
        remove_rest(path());
    else
        fs::remove_all(path(), ignored);
    if (made_output_) fs::remove(output_, ignored);  // only when empty
}

void WorkFolder::remove_rest(const fs::path& path) {
    std::error_code ignored;
    fs::remove_all(doomed(path), ignored);
}

}  // namespace sg::engine

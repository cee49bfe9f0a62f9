#include "watch_scan.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <sys/inotify.h>
#include <sys/stat.h>

#include <base/file.hpp>
#include <base/log.hpp>

#include "watch_rule.hpp"

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxCandidates = 10'000;
constexpr std::size_t kMaxFolders = 4'096;
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxOddNames = 100;
constexpr std::uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                  IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
                                  IN_EXCL_UNLINK;

std::string below(const std::string& folder, const std::string& name) {
    return folder.empty() ? name : folder + '/' + name;
}

/// Whether somebody has it open for writing, here: a lease is refused then (fcntl(2), F_SETLEASE).
/// False where leases are not to be had: another's file, some network disks.
bool open_for_writing(const fs::path& file) {
    const auto opened = open_file(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!opened) return false;
    const int fd = opened.value().get();
    // A writer who comes in the meantime must not end us with SIGIO.
    if (fcntl(fd, F_SETSIG, SIGURG) != 0) return false;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

}  // namespace

std::optional<FileIdentity> identity_of(const fs::path& file) {
    return identity_of(AT_FDCWD, file.native());
}

std::optional<FileIdentity> identity_of(int folder, const std::string& name) {
    struct stat facts {};
    if (fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode))
        return std::nullopt;
    return FileIdentity{facts.st_ino,
                        facts.st_size,
                        std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec};
}

WatchScan::WatchScan(const WatchRule& rule, const std::set<FileIdentity>& known, const Clock& clock)
    : rule_(rule), known_(known), clock_(clock) {}

void WatchScan::open() {
    folders_.clear();
    lost_track_ = false;
    inotify_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify_.valid() && problem_.empty()) {
        log::warn("watch_without_events rule={} reason=\"{}\" next=\"found by rescans\"",
                  rule_.name,
                  std::strerror(errno));
    }
}

void WatchScan::lose(const std::string& why) {
    if (problem_.empty()) {
        log::warn("watch_folder_lost rule={} folder=\"{}\" reason=\"{}\" next=\"tried again\"",
                  rule_.name,
                  rule_.folder.native(),
                  why);
    }
    problem_ = why;
    inotify_.reset();
    folders_.clear();
    candidates_.clear();
}

void WatchScan::rescan() {
    std::error_code error;
    const auto kind = fs::status(rule_.folder, error).type();
    if (kind != fs::file_type::directory) {
        lose(error && kind == fs::file_type::none ? error.message()
             : kind == fs::file_type::not_found   ? "it does not exist"
                                                  : "it is not a folder");
        return;
    }
    if (!problem_.empty() || !inotify_.valid() || lost_track_) {
        if (!problem_.empty()) {
            log::info("watch_folder_back rule={} folder=\"{}\"", rule_.name, rule_.folder.native());
        }
        open();
    }
    problem_.clear();
    left_some_ = false;
    walk({}, 0);
    std::erase_if(candidates_, [&](const auto& each) {
        return !identity_of(rule_.folder / each.first).has_value();
    });
}

void WatchScan::watch_folder(const std::string& folder) {
    if (!inotify_.valid() || folders_.size() >= kMaxFolders) return;
    // The rule's own folder may be a link, what is below may not.
    const auto mask = kEvents | (folder.empty() ? 0u : std::uint32_t{IN_DONT_FOLLOW});
    const int number = inotify_add_watch(inotify_.get(), (rule_.folder / folder).c_str(), mask);
    if (number >= 0) folders_[number] = folder;
}

bool WatchScan::is_ours(const fs::path& folder) const {
    return folder == rule_.done || folder == rule_.failed;
}

void WatchScan::walk(const std::string& folder, std::size_t depth) {
    // First the watch, then the look: what comes in between is seen by one of them.
    watch_folder(folder);
    std::error_code error;
    fs::directory_iterator entries(rule_.folder / folder, error);
    if (error && depth == 0) {
        lose(error.message());
        return;
    }
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
        const auto name = entries->path().filename().native();
        std::error_code ignored;
        const auto kind = entries->symlink_status(ignored).type();
        if (kind == fs::file_type::regular) {
            note(below(folder, name), How::kSeen);
        } else if (kind == fs::file_type::directory && rule_.recursive && depth < kMaxDepth &&
                   !name.starts_with('.') && !is_ours(entries->path())) {
            walk(below(folder, name), depth + 1);
        }
    }
}

std::chrono::milliseconds WatchScan::settle(How how) const {
    if (how == How::kMovedIn) return std::chrono::milliseconds(0);
    // Some programs open a file more than once, to write a header at the end for instance.
    if (how == How::kClosed) return std::min(rule_.stable, std::chrono::milliseconds(1'000));
    return rule_.stable;
}

void WatchScan::note(const std::string& path, How how) {
    const auto slash = path.rfind('/');
    const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (!matches(rule_, name)) return;
    const auto identity = identity_of(rule_.folder / path);
    if (!identity || known_.contains(*identity)) return;
    if (!is_plain_text(path)) {
        if (odd_names_.size() < kMaxOddNames && odd_names_.insert(path).second) {
            log::warn(
                "watch_file_left rule={} reason=\"the name of a file is not UTF-8: rename it\"",
                rule_.name);
        }
        return;
    }
    const auto now = clock_.now();
    const auto known = candidates_.find(path);
    if (known != candidates_.end()) {
        auto& candidate = known->second;
        if (candidate.identity == *identity && how == How::kSeen) return;
        candidate = {*identity, now, now + settle(how)};
    } else if (candidates_.size() < kMaxCandidates) {
        candidates_.emplace(path, Candidate{*identity, now, now + settle(how)});
    } else {
        left_some_ = true;
    }
}

void WatchScan::read_events() {
    alignas(inotify_event) std::array<char, 16'384> buffer;
    while (inotify_.valid() && !lost_track_) {
        const auto count = read(inotify_.get(), buffer.data(), buffer.size());
        if (count <= 0) break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
            inotify_event event;
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const std::string name = event.len > 0 ? buffer.data() + at + sizeof event : "";
            at += sizeof event + event.len;
            const auto folder = folders_.find(event.wd);
            if ((event.mask & IN_Q_OVERFLOW) != 0) {
                lost_track_ = true;
            } else if ((event.mask & IN_IGNORED) != 0) {
                if (folder != folders_.end()) folders_.erase(folder);
            } else if (folder != folders_.end()) {
                const auto at_folder = folder->second;
                on_event(event.mask, at_folder, name);
            }
        }
    }
    if (lost_track_) rescan();
}

void WatchScan::on_event(std::uint32_t mask, const std::string& folder, const std::string& name) {
    if ((mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0) {
        // Of a folder below, its parent tells us too.
        if (folder.empty()) lost_track_ = true;
        return;
    }
    const auto path = below(folder, name);
    if ((mask & IN_ISDIR) != 0) {
        if (!rule_.recursive || name.starts_with('.') || is_ours(rule_.folder / path)) return;
        if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) {
            walk(path, static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1);
        } else if ((mask & IN_MOVED_FROM) != 0) {
            lost_track_ = true;  // the paths of the watches below are wrong from now on
        }
        return;
    }
    if ((mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
        candidates_.erase(path);
    } else if ((mask & IN_MOVED_TO) != 0) {
        note(path, How::kMovedIn);
    } else {
        note(path, (mask & IN_CLOSE_WRITE) != 0 ? How::kClosed : How::kSeen);
    }
}

std::vector<FoundFile> WatchScan::take_ready(std::size_t limit) {
    std::vector<FoundFile> ready;
    const auto now = clock_.now();
    for (auto it = candidates_.begin(); it != candidates_.end() && ready.size() < limit;) {
        auto& [path, candidate] = *it;
        if (candidate.due > now) {
            ++it;
            continue;
        }
        const auto file = rule_.folder / path;
        const auto identity = identity_of(file);
        if (!identity || known_.contains(*identity)) {
            it = candidates_.erase(it);
        } else if (*identity != candidate.identity) {
            candidate = {*identity, now, now + rule_.stable};
            ++it;
        } else if (now - candidate.since < 10 * rule_.stable && open_for_writing(file)) {
            candidate.due = now + rule_.stable;
            ++it;
        } else {
            ready.push_back({path, *identity});
            it = candidates_.erase(it);
        }
    }
    return ready;
}

void WatchScan::put_back(const FoundFile& file, std::chrono::milliseconds wait) {
    const auto now = clock_.now();
    candidates_.try_emplace(file.path, Candidate{file.identity, now, now + wait});
}

std::optional<Clock::Monotonic> WatchScan::next_due() const {
    std::optional<Clock::Monotonic> due;
    for (const auto& [path, candidate] : candidates_) {
        if (!due || candidate.due < *due) due = candidate.due;
    }
    return due;
}

}  // namespace sg::jobs

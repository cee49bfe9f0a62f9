#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <jobs/watch_folder.hpp>

#include <base/clock.hpp>
#include <base/unique_fd.hpp>

namespace sg::jobs {

/// Tells one content of a file from another. Without the device: its number may change when a disk
/// is mounted again.
struct FileIdentity {
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t mtime_ns = 0;
    auto operator<=>(const FileIdentity&) const = default;
};

/// Of a regular file, links not followed; nothing when there is none.
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::filesystem::path& file);
/// Of one in an open folder.
[[nodiscard]] std::optional<FileIdentity> identity_of(int folder, const std::string& name);

struct FoundFile {
    std::string path;  ///< below the rule's folder
    FileIdentity identity;
};

/// Files of one rule's folder that are not jobs yet. Used by one thread; never blocks for long.
class WatchScan {
  public:
    /// `known`: identities that are jobs already.
    WatchScan(const WatchRule& rule, const std::set<FileIdentity>& known, const Clock& clock);

    /// Readable when something changed (inotify); -1 while the folder is missing. May be another
    /// after each call.
    [[nodiscard]] int fd() const noexcept { return inotify_.get(); }
    void read_events();
    /// Walks the whole folder. What inotify does not tell (network disks, overflow) is found here.
    void rescan();

    /// Files that stand still, at most `limit`. They are forgotten: tell `known`, or put_back().
    [[nodiscard]] std::vector<FoundFile> take_ready(std::size_t limit);
    void put_back(const FoundFile& file, std::chrono::milliseconds wait);

    /// When take_ready() may have something to give.
    [[nodiscard]] std::optional<Clock::Monotonic> next_due() const;
    [[nodiscard]] std::size_t waiting() const noexcept { return candidates_.size(); }
    /// There were more files than are kept at a time: rescan() when waiting() is 0.
    [[nodiscard]] bool left_some() const noexcept { return left_some_; }
    /// Why the folder cannot be watched; empty when it can.
    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  private:
    enum class How { kSeen, kClosed, kMovedIn };
    struct Candidate {
        FileIdentity identity;
        Clock::Monotonic since;  ///< unchanged
        Clock::Monotonic due;
    };

    void open();
    void lose(const std::string& why);
    void watch_folder(const std::string& folder);
    void walk(const std::string& folder, std::size_t depth);
    void on_event(std::uint32_t mask, const std::string& folder, const std::string& name);
    void note(const std::string& path, How how);
    [[nodiscard]] bool is_ours(const std::filesystem::path& folder) const;
    [[nodiscard]] std::chrono::milliseconds settle(How how) const;

    const WatchRule& rule_;
    const std::set<FileIdentity>& known_;
    const Clock& clock_;
    UniqueFd inotify_;
    std::map<int, std::string> folders_;  ///< inotify's numbers
    std::map<std::string, Candidate> candidates_;
    std::set<std::string> odd_names_;  ///< told once
    bool left_some_ = false;
    bool lost_track_ = false;
    std::string problem_;
};

}  // namespace sg::jobs

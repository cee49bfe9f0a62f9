#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <base/clock.hpp>
#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <packagers/live_media.hpp>

namespace sg::live {

struct RecordingPlan {
    std::filesystem::path folder;
    packagers::WallTime begins;  ///< the file's name, in UTC
    std::int64_t origin_us = 0;  ///< channel time that plays first
    std::vector<std::shared_ptr<const packagers::LiveInit>> tracks;
};

/// A fragmented MP4 of all renditions, which plays up to its last fragment whenever the process
/// ends. Its times begin near 0: an edit list of one second makes room for pictures that are
/// decoded before they are shown. One thread, which it may block.
class RecordingFile {
  public:
    RecordingFile(RecordingPlan plan, const Clock& clock) : plan_(std::move(plan)), clock_(clock) {}
    /// As close().
    ~RecordingFile();
    RecordingFile(const RecordingFile&) = delete;
    RecordingFile& operator=(const RecordingFile&) = delete;

    /// Makes the file when there is none yet; one of a folder at a time. `track` counts in the
    /// plan. After an error the file is as it was, and the next segment is tried again.
    [[nodiscard]] Status append(std::size_t track, const packagers::LiveSegment& segment);
    /// All of it on the disk.
    void close();

  private:
    [[nodiscard]] Status open();
    [[nodiscard]] Status give_name();
    [[nodiscard]] Status add(std::size_t track, const packagers::LiveSegment& segment);

    RecordingPlan plan_;
    const Clock& clock_;
    UniqueFd fd_;
    std::string name_;
    std::uint64_t bytes_ = 0;
    std::uint32_t sequence_ = 0;
    Clock::Monotonic synced_{};
    std::vector<std::byte> buffer_;
};

}  // namespace sg::live

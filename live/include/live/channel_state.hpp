#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <live/playback.hpp>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <packagers/live_media.hpp>

// What is kept of a channel over a restart of the service (DESIGN 7).

namespace sg::live {

struct ChannelState {
    /// Folder of the first epoch of this presentation, and of the last.
    std::string first_epoch;
    std::string epoch;
    std::int64_t next_number = 0;
    /// A segment of that number may have been begun, and seen.
    bool under_way = false;
    /// Its playlists ended: what comes next is another presentation.
    bool final = false;
    std::int64_t discontinuities = 0;  ///< before `next_number`
    std::optional<packagers::WallTime> availability_start;
    std::optional<packagers::WallTime> end_date;  ///< wall clock at the end of the last segment
    packagers::WallTime written;
    std::chrono::seconds keep{300};  ///< since `written`: its files stay so long
};

/// Two records in turn, each with a checksum: one of them is whole whenever the process dies. No
/// rename, no growth. One thread.
class ChannelStateFile {
  public:
    /// Creates the file where there is none.
    [[nodiscard]] static Result<ChannelStateFile> open(const std::filesystem::path& path);
    [[nodiscard]] Status write(const ChannelState& state);
    /// The newer record; nothing when none is whole.
    [[nodiscard]] static std::optional<ChannelState> read(const std::filesystem::path& path);

  private:
    UniqueFd fd_;
    std::string name_;
    std::uint64_t serial_ = 0;
};

struct RestoredSegment {
    std::size_t rendition = 0;  ///< counts in order of appearance
    packagers::LiveSegment segment;
    MediaBytes where;  ///< empty: its bytes are lost, and it is a gap
};

/// How a channel goes on after a restart.
struct ChannelContinuation {
    std::string first_epoch;  ///< empty: nothing came before
    std::int64_t next_number = 0;
    std::int64_t discontinuities = 0;           ///< before `next_number`
    std::int64_t discontinuities_restored = 0;  ///< of them, those of `segments`
    std::optional<packagers::WallTime> availability_start;
    std::optional<packagers::WallTime> not_before;  ///< dates go on from here
    std::vector<RestoredSegment> segments;          ///< ascending numbers
};

}  // namespace sg::live

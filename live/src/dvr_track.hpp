#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include <live/dvr_index.hpp>
#include <live/playback.hpp>

#include <base/result.hpp>

namespace sg::live {

struct DvrTrackConfig {
    std::filesystem::path folder;  ///< of the epoch
    std::size_t rendition = 0;
    std::int64_t file_us = 60'000'000;  ///< media in one file
    std::int64_t keep_us = 0;           ///< behind the newest; 0: all
};

/// Writes one rendition of one epoch to files, and unlinks those whose time is over. One thread,
/// which it may block.
class DvrTrack {
  public:
    explicit DvrTrack(DvrTrackConfig config) : config_(std::move(config)) {}

    /// The segment's bytes, then its line. After an error the files are as they were.
    [[nodiscard]] Result<MediaBytes> append(const packagers::LiveSegment& segment);

  private:
    struct Past {
        std::filesystem::path media;
        std::int64_t end_us = 0;
    };

    [[nodiscard]] Status open(const packagers::LiveSegment& segment);
    void close();
    void expire();

    DvrTrackConfig config_;
    std::filesystem::path media_;
    std::shared_ptr<const packagers::LiveInit> init_;
    std::shared_ptr<const StoredFile> file_;
    UniqueFd index_;
    std::uint64_t bytes_ = 0;
    std::uint64_t index_bytes_ = 0;
    std::int64_t began_us_ = 0;
    std::int64_t total_us_ = 0;
    std::deque<Past> past_;
};

/// Writes all pieces at `offset`; a failure cuts the file back to it.
[[nodiscard]] Status write_pieces_at(int fd,
                                     std::uint64_t offset,
                                     std::span<const std::span<const std::byte>> pieces,
                                     const std::string& name);

}  // namespace sg::live

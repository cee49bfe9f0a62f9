#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <live/channel_observer.hpp>
#include <live/channel_settings.hpp>

#include "dvr_observer.hpp"
#include "recording_file.hpp"

namespace sg::live {

/// Records all renditions of a channel, one file after the other: another one begins at a segment
/// border when its time is over, and where renditions or their parameters changed. On the channel's
/// thread; files are written by the store's.
class Recorder final : public ChannelObserver {
  public:
    Recorder(std::string channel,
             std::filesystem::path folder,
             const RecordingSettings& settings,
             std::shared_ptr<StoreParts> parts);

    void on_rendition(std::size_t rendition,
                      const std::shared_ptr<const packagers::LiveInit>& init) override;
    void on_rendition_end(std::size_t rendition) override;
    void on_segment(std::size_t rendition,
                    const std::shared_ptr<const packagers::LiveSegment>& segment) override;
    void on_end(bool may_continue) override;

  private:
    using Renditions = std::map<std::size_t, std::shared_ptr<const packagers::LiveInit>>;
    struct File {
        std::int64_t first_number = 0;
        std::int64_t origin_us = 0;
        Renditions renditions;
        std::map<std::size_t, std::size_t> tracks;  ///< by rendition
        std::shared_ptr<RecordingFile> file;
    };

    void begin(const packagers::LiveSegment& segment);
    [[nodiscard]] bool needs_other(const packagers::LiveSegment& segment) const;
    void write(const File& file,
               std::size_t track,
               const std::shared_ptr<const packagers::LiveSegment>& segment);
    void close_front();

    std::string channel_;
    std::filesystem::path folder_;
    std::int64_t rotate_us_;
    std::shared_ptr<StoreParts> parts_;
    std::uint64_t key_;
    Renditions current_;
    std::deque<File> files_;  ///< two where some renditions have passed a border and others not
    std::optional<std::int64_t> next_file_;  ///< segment number
    std::int64_t newest_ = -1;
    Counter written_bytes_;
    Counter dropped_segments_;
};

}  // namespace sg::live

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <live/dvr_index.hpp>

#include <base/unique_fd.hpp>
#include <packagers/live_media.hpp>

namespace sg::live {

/// An epoch's place in time, and the number of a segment in it.
using ClipKey = std::pair<std::size_t, std::int64_t>;

/// A stored segment of one rendition; borrows from the archive.
struct ClipSource {
    const DvrFile* file = nullptr;
    const DvrSegment* segment = nullptr;

    [[nodiscard]] const packagers::LiveInit& init() const { return *file->init; }
    [[nodiscard]] std::int64_t start_us() const;
    [[nodiscard]] std::int64_t length_us() const;
    /// Wall clock; nothing when it was not known.
    [[nodiscard]] std::optional<packagers::WallTime> begins() const;
    [[nodiscard]] std::optional<packagers::WallTime> ends() const;
};

struct ClipRendition {
    std::string name;
    bool video = false;
    std::map<ClipKey, ClipSource> segments;

    [[nodiscard]] const ClipSource* find(const ClipKey& key) const;
};

/// All that a channel's folder holds.
class ClipArchive {
  public:
    [[nodiscard]] static ClipArchive read(const std::filesystem::path& folder);

    [[nodiscard]] const std::vector<ClipRendition>& renditions() const { return renditions_; }

  private:
    std::vector<std::vector<DvrFile>> epochs_;
    std::vector<ClipRendition> renditions_;
};

}  // namespace sg::live

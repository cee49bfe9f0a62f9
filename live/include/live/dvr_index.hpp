#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <packagers/live_media.hpp>

// Closed segments of channels on disk: <channel>/<epoch>/<n>-<first number>.mp4, where n counts
// renditions. Each file begins with the rendition's init segment and holds some minutes of it, so
// that it plays by itself and goes as a whole when its time is over. Beside it a text: what the
// rendition is, then a line for each segment, with a checksum, written behind the segment's bytes.

namespace sg::live {

struct DvrSegment {
    packagers::LiveSegment segment;  ///< without parts
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    std::uint32_t samples = 0;
};

struct DvrFile {
    std::filesystem::path media;
    std::shared_ptr<const packagers::LiveInit> init;
    std::vector<DvrSegment> segments;
};

inline constexpr const char* kDvrMediaExtension = ".mp4";
inline constexpr const char* kDvrIndexExtension = ".idx";

/// First line of an index, its end included.
[[nodiscard]] std::string dvr_head_line(const packagers::LiveInit& init);
[[nodiscard]] std::string dvr_segment_line(const DvrSegment& segment);

/// What one init segment's file name stands for, so that files of one rendition share it.
using DvrInits = std::map<std::string, std::shared_ptr<const packagers::LiveInit>>;

/// Both files as far as they are whole: a process that was killed leaves half a segment or half a
/// line, which end the list. kBadData when not even the head is there.
[[nodiscard]] Result<DvrFile> read_dvr_file(const std::filesystem::path& index,
                                            const std::string& epoch,
                                            DvrInits& inits);

/// All files of an epoch, in order of their names' numbers; unreadable ones are left out.
[[nodiscard]] std::vector<DvrFile> read_dvr_epoch(const std::filesystem::path& folder);

/// Names of epochs are numbers of one base, which grow.
[[nodiscard]] bool epoch_before(const std::string& a, const std::string& b);

/// Folders of epochs below a channel's, the oldest first.
[[nodiscard]] std::vector<std::filesystem::path> dvr_epochs(const std::filesystem::path& channel);

}  // namespace sg::live

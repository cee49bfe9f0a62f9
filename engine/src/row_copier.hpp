#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <sys/uio.h>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <formats/codec_config.hpp>
#include <packagers/copied_track.hpp>

namespace sg::engine {

/// A segment to be written and where its samples are.
struct RowSegment {
    packagers::CopiedSegment segment;
    std::filesystem::path path;
    formats::Codec codec = formats::Codec::kH264;
    unsigned nal_length_size = 0;
};

/// Copies rows of segments, the same moment of all tracks, from a file where their samples lie
/// mixed: reads it window by window in the order of its bytes and gives each window's samples to
/// their files with one gathering write each. A window fits the processor's cache, so the second
/// copy costs little; copy_file_range() pays for each of the many short runs instead. One thread at
/// a time.
class RowCopier {
  public:
    /// `source` outlives the copier.
    RowCopier(int source, std::string source_name);

    /// False when a sample needs cleaning or the source is shorter than its tables say; what was
    /// written is of no use then. Errors are those of writing.
    [[nodiscard]] Result<bool> copy(std::span<const RowSegment> row);

  private:
    struct Item {
        std::uint64_t from = 0;
        std::uint64_t to = 0;  ///< in its file, of what is before the sample if anything is
        std::span<const std::byte> before;
        std::uint32_t size = 0;
        std::uint32_t file = 0;
    };
    /// A run of bytes for one file.
    struct Output {
        UniqueFd fd;
        std::uint64_t at = 0;
        std::uint64_t next = 0;
        std::vector<iovec> pieces;
    };

    void list(std::span<const RowSegment> row);
    [[nodiscard]] Result<bool> read_window(std::size_t first, std::size_t& end);
    [[nodiscard]] Status gather(Output& output,
                                const RowSegment& segment,
                                const Item& item,
                                std::span<const std::byte> sample);
    [[nodiscard]] static Status flush(Output& output, const RowSegment& segment);

    int source_;
    std::string source_name_;
    std::vector<std::byte> window_;
    std::vector<Item> items_;
    std::vector<Output> outputs_;
};

}  // namespace sg::engine

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_reader.hpp>

namespace sg::formats {

/// Reads bytes of a file at an offset, like pread: the count is short only at the end of the file.
using ReadAt = std::function<Result<std::size_t>(std::uint64_t offset, std::span<std::byte> into)>;

struct SampleTableLimits {
    std::size_t moov_bytes = std::size_t{512} << 20;
    std::uint32_t samples = 1U << 27;  ///< of one track
};

/// One sample of a progressive file, as its tables say.
struct Sample {
    std::uint32_t index = 0;   ///< from 0, in decoding order
    std::uint64_t offset = 0;  ///< in the file
    std::uint32_t size = 0;
    std::int64_t dts = 0;  ///< media timescale; before edit lists
    std::int32_t composition_offset = 0;
    std::uint32_t duration = 0;
    std::uint32_t description = 1;  ///< which sample entry, from 1
    bool key = true;
};

/// The tables of one track (ISO/IEC 14496-12 section 8.6 and 8.7) as they are stored: run lengths
/// stay run lengths and nothing is copied. Borrows the movie's bytes.
class SampleTable {
  public:
    /// `stbl` payload. kBadData when a table is missing or contradicts itself.
    [[nodiscard]] static Result<SampleTable> parse(std::span<const std::byte> stbl,
                                                   const SampleTableLimits& limits);

    [[nodiscard]] std::uint32_t samples() const { return samples_; }
    /// Without stss every sample is a key sample.
    [[nodiscard]] bool all_key() const { return all_key_; }
    /// Sample groups (ISO/IEC 14496-12 section 10.4, 14496-15 section 8.4.4) say more of which
    /// samples can be started at.
    [[nodiscard]] bool grouped_keys() const { return grouped_keys_; }

  private:
    friend class SampleCursor;

    /// Big-endian 32-bit values in the file's own bytes.
    class Words {
      public:
        Words() = default;
        explicit Words(std::span<const std::byte> bytes) : bytes_(bytes) {}
        [[nodiscard]] std::size_t size() const { return bytes_.size() / 4; }
        [[nodiscard]] std::uint32_t operator[](std::size_t i) const {
            const std::byte* at = bytes_.data() + 4 * i;
            return std::to_integer<std::uint32_t>(at[0]) << 24 |
                   std::to_integer<std::uint32_t>(at[1]) << 16 |
                   std::to_integer<std::uint32_t>(at[2]) << 8 |
                   std::to_integer<std::uint32_t>(at[3]);
        }

      private:
        std::span<const std::byte> bytes_;
    };

    [[nodiscard]] Status parse_sizes(std::span<const std::byte> stbl,
                                     const SampleTableLimits& limits);
    [[nodiscard]] Status parse_chunks(std::span<const std::byte> stbl);
    [[nodiscard]] Status parse_times(std::span<const std::byte> stbl);
    [[nodiscard]] std::uint32_t size_of(std::uint32_t sample) const;
    [[nodiscard]] std::uint64_t chunk_offset(std::size_t chunk) const;

    std::uint32_t samples_ = 0;
    std::uint32_t constant_size_ = 0;
    unsigned size_bits_ = 0;  ///< 0: all have constant_size_
    std::span<const std::byte> sizes_;
    Words durations_;   ///< count, delta
    Words offsets_;     ///< count, offset
    Words chunk_runs_;  ///< first chunk, samples per chunk, description
    Words chunks_;
    bool wide_chunks_ = false;
    bool all_key_ = true;
    bool grouped_keys_ = false;
    Words keys_;  ///< sample numbers from 1
};

/// Goes through a table's samples in decoding order in constant memory. Borrows the table.
class SampleCursor {
  public:
    explicit SampleCursor(const SampleTable& table);

    /// False at the end and where the tables contradict themselves; the latter also makes damaged()
    /// true.
    bool next(Sample& sample);
    /// The next call of next() gives this sample. Costs time in proportion to the runs before it,
    /// not to the samples.
    [[nodiscard]] Status seek(std::uint32_t sample);
    [[nodiscard]] bool damaged() const { return damaged_; }

  private:
    struct Run {
        std::size_t entry = 0;
        std::uint32_t used = 0;  ///< of the entry's count
    };

    bool place(Sample& sample);
    [[nodiscard]] bool enter_chunk();
    void advance_chunk();

    const SampleTable* table_;
    std::uint32_t index_ = 0;
    std::int64_t dts_ = 0;
    Run duration_;
    Run offset_;
    std::size_t chunk_run_ = 0;
    std::size_t chunk_ = 0;
    std::uint32_t in_chunk_ = 0;
    std::uint64_t position_ = 0;  ///< in the file, of the sample to come, once the chunk is entered
    std::size_t key_ = 0;
    bool damaged_ = false;
};

/// The movie header of a progressive or fragmented file with its sample tables.
class MovieFile {
  public:
    MovieFile(MovieFile&&) noexcept = default;
    MovieFile& operator=(MovieFile&&) noexcept = default;

    /// Finds ftyp and moov by `read`, wherever they are. kBadData when it is no MP4 or MOV file,
    /// kLimit when moov is too large.
    [[nodiscard]] static Result<MovieFile> open(const ReadAt& read,
                                                const SampleTableLimits& limits);

    [[nodiscard]] const MovieInfo& info() const { return info_; }
    /// Of info().tracks[track]. The table borrows this object's bytes, which moving it does not
    /// move.
    [[nodiscard]] Result<SampleTable> samples(std::size_t track) const;

  private:
    MovieFile() = default;

    MovieInfo info_;
    std::vector<std::byte> moov_;
    std::vector<std::span<const std::byte>> tables_;
    SampleTableLimits limits_;
};

}  // namespace sg::formats

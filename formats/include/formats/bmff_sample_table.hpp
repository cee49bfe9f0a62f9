#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_reader.hpp>
#include <formats/windowed_bytes.hpp>

namespace sg::formats {

struct SampleTableLimits {
    std::size_t moov_bytes = std::size_t{512} << 20;
    std::size_t kept_bytes = std::size_t{64} << 20;  ///< of moov, without the sample tables
    std::uint32_t samples = 1U << 27;                ///< of one track
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

/// A box of stbl whose length grows with the movie's.
struct TableBox {
    FourCc type = 0;
    WindowedBytes payload;
};

/// The tables of one track (ISO/IEC 14496-12 section 8.6 and 8.7) as they are stored: run lengths
/// stay run lengths, and they are read from the file as they are looked at. One thread at a time.
class SampleTable {
  public:
    /// `stbl` payload, which it borrows. kBadData when a table is missing or contradicts itself.
    [[nodiscard]] static Result<SampleTable> parse(std::span<const std::byte> stbl,
                                                   const SampleTableLimits& limits);
    [[nodiscard]] static Result<SampleTable> parse(const std::vector<TableBox>& boxes,
                                                   const SampleTableLimits& limits);

    [[nodiscard]] std::uint32_t samples() const { return samples_; }
    /// Without stss every sample is a key sample.
    [[nodiscard]] bool all_key() const { return all_key_; }
    /// Sample groups (ISO/IEC 14496-12 section 10.4, 14496-15 section 8.4.4) say more of which
    /// samples can be started at.
    [[nodiscard]] bool grouped_keys() const { return grouped_keys_; }
    /// 0 when each sample has its own.
    [[nodiscard]] std::uint32_t constant_size() const { return constant_size_; }
    /// A table could not be read.
    [[nodiscard]] bool failed() const;

    /// Entries of stts and ctts as they are stored.
    struct Run {
        std::uint32_t samples = 0;
        std::uint32_t value = 0;
    };
    [[nodiscard]] std::size_t duration_runs() const { return durations_.size() / 2; }
    [[nodiscard]] Run duration_run(std::size_t i) const {
        return {durations_[2 * i], durations_[2 * i + 1]};
    }
    [[nodiscard]] std::size_t offset_runs() const { return offsets_.size() / 2; }
    [[nodiscard]] Run offset_run(std::size_t i) const {
        return {offsets_[2 * i], offsets_[2 * i + 1]};
    }

    /// The last sample that is decoded at or before this time; costs time in proportion to the
    /// runs.
    [[nodiscard]] std::optional<std::uint32_t> sample_at(std::int64_t dts) const;
    /// The last key sample up to this one.
    [[nodiscard]] std::optional<std::uint32_t> key_up_to(std::uint32_t sample) const;

  private:
    friend class SampleCursor;

    /// Big-endian 32-bit values in the file's own bytes.
    class Words {
      public:
        Words() = default;
        explicit Words(WindowedBytes bytes) : bytes_(std::move(bytes)) {}
        [[nodiscard]] std::size_t size() const { return bytes_.size() / 4; }
        [[nodiscard]] bool failed() const { return bytes_.failed(); }
        [[nodiscard]] std::uint32_t operator[](std::size_t i) const {
            return bytes_.u32(std::uint64_t{4} * i);
        }

      private:
        WindowedBytes bytes_;
    };

    [[nodiscard]] Status parse_sizes(const std::vector<TableBox>& stbl,
                                     const SampleTableLimits& limits);
    [[nodiscard]] Status parse_chunks(const std::vector<TableBox>& stbl);
    [[nodiscard]] Status parse_times(const std::vector<TableBox>& stbl);
    [[nodiscard]] std::uint32_t size_of(std::uint32_t sample) const;
    [[nodiscard]] std::uint64_t chunk_offset(std::size_t chunk) const;

    std::uint32_t samples_ = 0;
    std::uint32_t constant_size_ = 0;
    unsigned size_bits_ = 0;  ///< 0: all have constant_size_
    WindowedBytes sizes_;
    Words durations_;   ///< count, delta
    Words offsets_;     ///< count, offset
    Words chunk_runs_;  ///< first chunk, samples per chunk, description
    Words chunks_;
    bool wide_chunks_ = false;
    bool all_key_ = true;
    bool grouped_keys_ = false;
    Words keys_;  ///< sample numbers from 1
};

/// Goes through a table's samples in decoding order in constant memory.
class SampleCursor {
  public:
    explicit SampleCursor(SampleTable table);

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

    void rewind();
    bool place(Sample& sample);
    [[nodiscard]] bool enter_chunk();
    void advance_chunk();

    SampleTable table_;  ///< its own, so that its windows are where this cursor is
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

    /// Finds ftyp and moov by `read`, wherever they are; the tables are read by a copy of it as
    /// they are looked at. kBadData when it is no MP4 or MOV file, kLimit when moov is too large.
    [[nodiscard]] static Result<MovieFile> open(const ReadAt& read,
                                                const SampleTableLimits& limits);

    [[nodiscard]] const MovieInfo& info() const { return info_; }
    /// Of info().tracks[track].
    [[nodiscard]] Result<SampleTable> samples(std::size_t track) const;

    /// Payload of moov without the boxes of stbl that grow with the movie's length.
    [[nodiscard]] std::span<const std::byte> kept() const { return kept_; }
    /// Those boxes, of info().tracks[track].
    [[nodiscard]] const std::vector<TableBox>& tables(std::size_t track) const {
        return tables_[track];
    }
    /// Where the moov box begins in the file, and its length with its header.
    [[nodiscard]] std::uint64_t moov_offset() const { return moov_offset_; }
    [[nodiscard]] std::uint64_t moov_bytes() const { return moov_bytes_; }

  private:
    MovieFile() = default;

    MovieInfo info_;
    std::vector<std::byte> kept_;
    std::vector<std::vector<TableBox>> tables_;
    std::uint64_t moov_offset_ = 0;
    std::uint64_t moov_bytes_ = 0;
    SampleTableLimits limits_;
};

}  // namespace sg::formats

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_sample_table.hpp>

namespace sg::formats {

/// A movie header with only the first and last samples of long tracks: what a demuxer that keeps
/// every sample in memory may be shown instead of the whole. What it keeps is where it was: file
/// positions, times and edit lists. Some samples after the first ones are stretched over what is
/// left out.
struct ShortMovie {
    /// Takes the place of `bytes` bytes at `offset` of the file; zeros follow it up to there.
    std::vector<std::byte> header;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;

    /// What the whole tables of a shortened track say.
    struct Track {
        std::uint32_t id = 0;
        std::uint32_t samples = 0;
        std::uint64_t bytes = 0;
        std::uint64_t duration = 0;  ///< media timescale
        std::uint32_t timescale = 0;
        std::uint32_t frame_duration = 0;  ///< of all samples but perhaps the last; 0: it varies
        int reorder = 0;  ///< pictures that wait until one decoded later is shown, at most
    };
    std::vector<Track> tracks;
};

struct ShortMovieOptions {
    std::uint32_t head = 4096;            ///< samples of each track
    std::uint32_t most_tail = 16384;      ///< else the movie is not shortened
    std::uint64_t from_samples = 20'000;  ///< of all tracks; with fewer there is nothing to gain
};

/// Nothing when the movie is short, or has something in it by which a part would be understood
/// differently from the whole.
[[nodiscard]] std::optional<ShortMovie> shorten(const MovieFile& movie,
                                                const ShortMovieOptions& options);

}  // namespace sg::formats

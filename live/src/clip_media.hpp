#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include <base/result.hpp>
#include <base/unique_fd.hpp>
#include <formats/bmff_reader.hpp>

#include "clip_plan.hpp"

namespace sg::live {

/// A stored segment in memory. Times are those of its rendition, without K.
struct ClipSegment {
    std::vector<std::byte> bytes;
    std::vector<formats::TrackExtends> defaults;  ///< of its init segment
    formats::ParsedSegment parsed;

    struct Sample {
        std::int64_t shown = 0;
        std::int64_t ends = 0;  ///< of the showing, when nothing follows in decoding order
        bool closed = false;    ///< what follows is shown behind all so far
        bool whole = false;     ///< closed, and no picture is missing between those so far
    };
    std::vector<Sample> samples;  ///< in decoding order, not empty
    std::int64_t first_shown = 0;
    std::int64_t first_decoded = 0;
};

/// The files that a clip is copied from, held open so that what expires meanwhile stays.
class ClipFiles {
  public:
    [[nodiscard]] Status open(const std::vector<ClipStretch>& stretches);
    [[nodiscard]] Result<ClipSegment> read(const ClipSource& source) const;

  private:
    std::map<const DvrFile*, UniqueFd> files_;
};

/// How many samples of a last segment belong to a stretch that ends at `until_us`: pictures end
/// there or before, sound there or less than a frame behind.
[[nodiscard]] std::size_t samples_until(const ClipSegment& segment,
                                        const packagers::TrackDescription& description,
                                        std::int64_t until_us);

/// Where there are several stretches, sets their ends to where their pictures and sound both end:
/// players stop for a second and more where one of the two is missing. Segments, and stretches,
/// that have nothing before that end go. One alone stays whole.
[[nodiscard]] Status settle_ends(const ClipFiles& files, std::vector<ClipStretch>& stretches);

}  // namespace sg::live

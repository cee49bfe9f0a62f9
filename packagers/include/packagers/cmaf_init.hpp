#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_writer.hpp>
#include <packagers/segment.hpp>

namespace sg::packagers {

struct CmafInit {
    std::vector<std::byte> bytes;
    /// What the bitstream and `track` say; rendition, label, defaults and source track are the
    /// caller's to fill.
    TrackDescription description;
};

/// The init segment of one track and its description, named by its digest: init-<digest8>.mp4.
[[nodiscard]] Result<CmafInit> make_cmaf_init(const formats::InitTrack& track, std::int64_t offset);

}  // namespace sg::packagers

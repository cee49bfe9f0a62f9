#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_reader.hpp>
#include <ingest/live_unit.hpp>

namespace sg::ingest {

/// Fragmented MP4, an init segment and whole media segments, as a live input's tracks and units.
/// Track ids are the file's. Times are nanoseconds of the presentation. Takes hostile bytes.
class FragmentDepacketizer {
  public:
    static constexpr LiveClock kClock{1'000'000'000, 64};

    explicit FragmentDepacketizer(LiveSink& sink) : sink_(sink) {}

    /// Before the first segment, and whenever another one is named: tracks that are not in that
    /// end. kBadData; kUnsupported when nothing in it can be delivered.
    [[nodiscard]] Status init(std::span<const std::byte> bytes);
    /// kBadData: nothing of it was delivered.
    [[nodiscard]] Status segment(std::span<const std::byte> bytes);

  private:
    struct Track {
        LiveTrack described;
        std::uint32_t timescale = 1;
        std::int64_t skip = 0;  ///< ticks that its edit list cuts off the front
        std::uint64_t next = 0;
    };

    LiveSink& sink_;
    std::map<std::uint32_t, Track> tracks_;
    std::vector<formats::TrackExtends> defaults_;
};

}  // namespace sg::ingest

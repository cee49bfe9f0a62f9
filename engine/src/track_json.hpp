#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <base/result.hpp>
#include <packagers/segment.hpp>

namespace sg::engine {

/// What one task made of one rendition: part of a track, or all of it.
struct TrackPart {
    packagers::TrackDescription description;
    std::vector<packagers::SegmentIndex> segments;
};

[[nodiscard]] nlohmann::json to_json(const packagers::SegmentIndex& segment);
[[nodiscard]] nlohmann::json to_json(const TrackPart& part);

/// From a child or the journal: types, ranges and counts are checked. kBadData otherwise.
[[nodiscard]] Result<packagers::SegmentIndex> segment_from_json(const nlohmann::json& json);
[[nodiscard]] Result<TrackPart> track_part_from_json(const nlohmann::json& json);

}  // namespace sg::engine

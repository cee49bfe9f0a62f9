#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

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

/// What a task tells of: an object with "tracks". One segment at a time is held as JSON, since a
/// long film has very many.
struct TracksDocument {
    nlohmann::json rest = nlohmann::json::object();  ///< all but the tracks
    std::vector<TrackPart> tracks;
};
[[nodiscard]] std::string tracks_text(const nlohmann::json& rest,
                                      std::span<const TrackPart* const> tracks);
/// kBadData as above, and when it names no tracks.
[[nodiscard]] Result<TracksDocument> tracks_from_text(std::string_view text);

}  // namespace sg::engine

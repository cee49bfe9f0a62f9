#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ingest/timeline_repair.hpp>

namespace sg::test {

/// What a stage of the timeline passes on. `told`: +1 for track 1, -1 for its end, | for a border.
struct TimelineRecorder final : ingest::TimelineSink {
    void on_track(const ingest::LiveTrack& track) override {
        told += "+" + std::to_string(track.id);
    }
    void on_unit(ingest::TimedUnit unit) override { units.push_back(std::move(unit)); }
    void on_marker(ingest::TimedMarker) override {}
    void on_track_end(int track) override { told += "-" + std::to_string(track); }
    void on_discontinuity(const ingest::TimelineDiscontinuity&) override { told += "|"; }

    std::string told;
    std::vector<ingest::TimedUnit> units;
};

}  // namespace sg::test

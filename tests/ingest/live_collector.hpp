#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ingest/live_unit.hpp>

namespace sg::tests {

/// Keeps what a depacketizer delivers.
struct LiveCollector final : ingest::LiveSink {
    void on_track(const ingest::LiveTrack& track) override { tracks.push_back(track); }
    void on_unit(ingest::LiveUnit unit) override { units.push_back(std::move(unit)); }
    void on_marker(ingest::LiveMarker marker) override { markers.push_back(std::move(marker)); }
    void on_track_end(int track) override { ended.push_back(track); }
    void on_left_out(std::string_view what) override { left_out.emplace_back(what); }

    std::vector<ingest::LiveTrack> tracks;
    std::vector<ingest::LiveUnit> units;
    std::vector<ingest::LiveMarker> markers;
    std::vector<int> ended;
    std::vector<std::string> left_out;
};

}  // namespace sg::tests

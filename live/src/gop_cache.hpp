#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include <ingest/timed_unit.hpp>

namespace sg::live {

/// What an encoder that starts in the middle of a GOP needs to go on at once: of each video track
/// everything from its newest key frame on, of sound as much as belongs to it. A GOP that grows too
/// long is given up, and the next key frame is waited for. One thread.
class GopCache {
  public:
    struct Limits {
        std::int64_t duration_ns = 12'000'000'000;
        std::size_t bytes = std::size_t{32} << 20;
    };
    explicit GopCache(Limits limits) : limits_(limits) {}

    void add(const ingest::TimedUnit& unit, bool video);
    /// Nothing of it belongs to what follows.
    void forget(int track);
    void clear();

    /// A track's pictures from a key frame on are there.
    [[nodiscard]] bool has_pictures(int track) const { return begun_.contains(track); }
    [[nodiscard]] const std::deque<ingest::TimedUnit>& units() const { return units_; }

  private:
    void trim();

    Limits limits_;
    std::deque<ingest::TimedUnit> units_;  ///< in order of arrival
    std::map<int, std::int64_t> begun_;    ///< video tracks, by the time of the key frame
    std::size_t bytes_ = 0;
};

}  // namespace sg::live

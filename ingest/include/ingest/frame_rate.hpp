#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <media/rational.hpp>
#include <media/timestamp.hpp>

namespace sg::ingest {

/// Finds the rate behind a run of picture times in constant memory. Picture times are rounded to a
/// timebase and may jitter: a rate fits when every picture stays within half a frame of one grid,
/// however long the run.
class FrameRateMeter {
  public:
    struct Verdict {
        bool constant = false;
        media::Rational rate{
            0, 1};  ///< constant: exact; else the average; {0, 1} with fewer than two pictures
        media::Rational grid_rate{
            0, 1};  ///< a standard rate whose grid holds every picture, {0, 1} when none does
        std::int64_t pictures = 0;
        std::int64_t duplicates = 0;  ///< pictures with the time of another
        std::int64_t min_delta = 0;   ///< ticks
        std::int64_t max_delta = 0;
        std::int64_t usual_delta_ns = 0;
        struct Delta {
            std::int64_t delta_ns = 0;
            std::int64_t count = 0;
        };
        std::vector<Delta> deltas;  ///< most frequent first, at most 8
    };

    /// `hints`: rates that the container or codec claims; tried beside the standard ones.
    FrameRateMeter(media::Timebase timebase, std::vector<media::Rational> hints);

    /// Times in presentation order, in ticks of the timebase. An earlier time than the last counts
    /// as a duplicate.
    void add(std::int64_t pts);
    /// The next time starts afresh after a hole that says nothing about the rate.
    void skip();
    [[nodiscard]] Verdict verdict() const;
    [[nodiscard]] std::int64_t usual_delta() const;  ///< ticks; 0 while unknown

  private:
    struct Candidate {
        media::Rational rate;
        bool standard = false;
        double frames_per_tick = 0;
        std::int64_t slot = 0;
        double phase = 0;
        double lowest = 0;
        double highest = 0;
        std::int64_t collisions = 0;
        std::int64_t holes = 0;
        std::int64_t empty_slots = 0;
        [[nodiscard]] double spread() const { return highest - lowest; }
    };

    media::Timebase timebase_;
    std::vector<Candidate> candidates_;  ///< that no time has refuted yet
    struct Bucket {
        std::int64_t delta = 0;
        std::int64_t count = 0;
    };
    std::vector<Bucket> buckets_;
    std::int64_t anchor_ = media::kNoTime;
    std::int64_t last_ = media::kNoTime;
    std::int64_t span_ = 0;
    std::int64_t intervals_ = 0;
    std::int64_t pictures_ = 0;
    std::int64_t duplicates_ = 0;
    std::int64_t min_delta_ = 0;
    std::int64_t max_delta_ = 0;
};

/// The nearest fraction whose parts stay at most `limit`.
[[nodiscard]] media::Rational simplest_near(media::Rational value, std::int64_t limit);
/// The standard frame rate within 0.02 %, else the value itself.
[[nodiscard]] media::Rational snap_rate(media::Rational value);

}  // namespace sg::ingest

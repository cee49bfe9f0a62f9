#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include <engine/index.hpp>
#include <ingest/facts.hpp>
#include <ingest/frame_rate.hpp>

#include "index_clock.hpp"

namespace sg::engine {

/// Builds a VideoIndex from records in decoding order, in memory that grows only with the list of
/// key frames.
class VideoTracker {
  public:
    VideoTracker(const ingest::StreamFacts& facts, std::int64_t max_key_frames);

    void add(const IndexRecord& record);
    [[nodiscard]] VideoIndex finish();

  private:
    struct Shown {
        std::int64_t ns = 0;
        std::int64_t pts = 0;
        std::int64_t shift_ns = 0;
        std::int64_t duration_ns = 0;
        friend bool operator>(const Shown& a, const Shown& b) { return a.ns > b.ns; }
    };

    void add_key(const IndexRecord& record, std::int64_t ns);
    void show(const Shown& picture);

    VideoIndex index_;
    std::int64_t max_key_frames_;
    ingest::FrameRateMeter meter_;
    std::priority_queue<Shown, std::vector<Shown>, std::greater<>> waiting_;
    bool started_ = false;
    std::int64_t start_ns_ =
        media::kNoTime;  ///< of the first key frame: what is shown before it cannot be decoded
    std::int64_t newest_ns_ = media::kNoTime;  ///< of the pictures to be shown
    std::int64_t keys_in_a_row_ = 0;
    std::int64_t last_key_ns_ = media::kNoTime;
    Shown last_;
    bool any_shown_ = false;
    std::int64_t second_ = media::kNoTime;
    std::int64_t second_bytes_ = 0;
};

}  // namespace sg::engine

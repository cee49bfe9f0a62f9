#pragma once

#include <cstdint>

#include <engine/index.hpp>
#include <ingest/facts.hpp>

#include "index_clock.hpp"

namespace sg::engine {

/// Builds an AudioIndex from records in order, in constant memory.
class AudioTracker {
  public:
    explicit AudioTracker(const ingest::StreamFacts& facts);

    void add(const IndexRecord& record);
    [[nodiscard]] AudioIndex finish();

  private:
    [[nodiscard]] std::int64_t samples_of(const IndexRecord& record) const;
    [[nodiscard]] std::int64_t to_ns(std::int64_t samples) const;

    AudioIndex index_;
    std::int64_t sample_rate_;
    std::int64_t frame_samples_;
    std::int64_t expected_ns_ = media::kNoTime;  ///< where the next packet should start
    std::int64_t to_skip_ = 0;
    std::int64_t run_start_ns_ = 0;
    std::int64_t run_samples_ = 0;
    std::int64_t run_drift_ns_ = 0;
    std::int64_t settled_drift_ns_ = 0;
};

}  // namespace sg::engine

#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include <ingest/facts.hpp>
#include <ingest/frame_rate.hpp>
#include <ingest/picture_parser.hpp>
#include <media/packet.hpp>

namespace sg::ingest {

/// Learns from the first packets of a source what its header does not say.
class Look {
  public:
    explicit Look(const SourceFacts& facts);

    void add(const media::Packet& packet);
    /// Media time seen so far, of the stream that has most.
    [[nodiscard]] std::int64_t span_ns() const { return span_ns_; }
    /// `at_end`: the source had no more packets, so the last pictures are all there.
    void finish(SourceFacts& facts, bool at_end);

  private:
    struct Stream {
        explicit Stream(const StreamFacts& facts);
        FrameRateMeter rate;
        PictureParser parser;
        bool half_picture = false;
        /// Coming pictures in presentation order: a few packets suffice to sort out reordering.
        std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> waiting;
        std::int64_t first_ns = media::kNoTime;
        std::int64_t last_key_ns = media::kNoTime;
        std::int64_t largest_spacing_ns = 0;
        std::int64_t keys = 0;
        std::int64_t packets = 0;
        std::int64_t without_pts = 0;
        std::int64_t newest_ns = media::kNoTime;
        bool jumped = false;
        bool reordered = false;
        bool encrypted = false;
        bool captions = false;
        std::int64_t last_pts = media::kNoTime;
    };
    std::vector<Stream> streams_;
    std::vector<media::Timebase> timebases_;
    std::vector<bool> is_video_;
    std::int64_t span_ns_ = 0;
};

}  // namespace sg::ingest

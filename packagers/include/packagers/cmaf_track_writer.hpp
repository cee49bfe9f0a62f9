#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/codec_config.hpp>
#include <packagers/cmaf_segment_layout.hpp>
#include <packagers/segment.hpp>

namespace sg::packagers {

/// One coded picture or audio frame. Times are presentation ticks from the timeline's origin in the
/// track's timescale, without K.
struct SampleView {
    std::span<const std::byte> data;
    std::int64_t pts = 0;
    std::uint32_t duration = 0;
    bool key = false;
};

struct CmafTrackConfig {
    formats::CodecConfig codec;  ///< as in the init segment
    LayoutConfig layout;
    /// H.264 and HEVC samples come with start codes, as encoders give them, instead of lengths.
    bool annex_b = false;
    /// Takes samples apart and drops what does not belong into MP4 samples: delimiters, filler,
    /// parameter sets equal to the init segment's. Others are an error. Off: bytes go through
    /// untouched (only without `annex_b`).
    bool clean = true;
    /// Each key frame of a video track is a fragment of its own, and what follows it up to the next
    /// one another; else fragments start only at end_fragment().
    bool fragment_at_keys = true;
    bool digests = true;  ///< of segments; they cost more than all the rest of a copy
};

/// An immutable media segment.
struct CmafSegment {
    std::vector<std::byte> bytes;
    SegmentIndex index;
};

/// Makes the CMAF segments of one track, ISO/IEC 23000-19 section 7.3. Not thread-safe. The bytes
/// of a segment follow from its samples, number and configuration alone, whatever was written
/// before.
class CmafTrackWriter {
  public:
    [[nodiscard]] static Result<CmafTrackWriter> create(CmafTrackConfig config);

    /// Copies the sample's bytes. In decoding order; kMismatch when a parameter set differs from
    /// the init segment's, kBadData when the sample's own structure is broken.
    [[nodiscard]] Status add_sample(const SampleView& sample);

    /// The next sample starts a new fragment.
    void end_fragment() { border_pending_ = true; }

    [[nodiscard]] bool has_samples() const { return !samples_.empty(); }

    /// Closes segment `number`. `end` as in lay_out_segment(). kMismatch when it does not start
    /// where the last one that this writer made ended, unless `number` does not follow it either.
    [[nodiscard]] Result<CmafSegment> end_segment(std::int64_t number,
                                                  std::optional<std::int64_t> end = std::nullopt);

  private:
    explicit CmafTrackWriter(CmafTrackConfig config) : config_(std::move(config)) {}

    [[nodiscard]] Status append_payload(std::span<const std::byte> data);
    void clear();

    CmafTrackConfig config_;
    std::vector<LayoutSample> samples_;
    std::vector<std::size_t> fragment_starts_;
    std::vector<std::byte> payload_;
    bool border_pending_ = false;
    std::optional<std::int64_t> last_number_;
    std::int64_t last_end_ = 0;
};

}  // namespace sg::packagers

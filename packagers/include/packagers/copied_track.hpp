#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_sample_table.hpp>
#include <formats/codec_config.hpp>
#include <packagers/cmaf_segment_layout.hpp>
#include <packagers/copy_times.hpp>
#include <pipeline/timeline.hpp>

namespace sg::packagers {

/// Samples of a progressive file's table as the packets of a stream.
struct TableSpan {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    std::int64_t pts_offset =
        0;  ///< added to the table's times gives source times; media timescale
    std::uint32_t discarded = 0;  ///< of the first, an edit list cuts off so many
};

struct CopiedTrackConfig {
    bool video = false;
    TableSpan span;
    media::Timebase timebase{1, 1};  ///< of the table
    pipeline::TimelineMap timeline;
    LayoutConfig layout;
    /// As SegmenterConfig has them.
    std::vector<std::int64_t> borders;
    std::int64_t sample_duration = 0;
    bool hold_last_sample = false;
    std::int64_t timescale = 0;
};

/// A segment whose payload is still in the source.
struct CopiedSegment {
    SegmentLayout layout;
    /// Where its samples lie in the source and how long they are, in the segment's order.
    struct Extent {
        std::uint64_t offset = 0;
        std::uint32_t size = 0;
    };
    std::vector<Extent> samples;
};

/// Lays out the segments of a copied track from the source's sample table alone. What comes out is
/// what CopyStage, Segmenter and CmafTrackWriter make of the same samples when there is nothing in
/// them to clean away. Borrows the table.
class CopiedTrack {
  public:
    CopiedTrack(CopiedTrackConfig config, CopyTimes times, const formats::SampleTable& table);

    /// In order; nothing after the last. kUnsupported when the track is none that tables alone can
    /// tell about, kMismatch when it breaks a promise of segments: the way through the packets says
    /// what is wrong.
    [[nodiscard]] Result<std::optional<CopiedSegment>> next();

  private:
    [[nodiscard]] Result<bool> fill();
    [[nodiscard]] bool decodable(std::int64_t pts, bool key);
    [[nodiscard]] Result<std::optional<CopiedSegment>> close();

    struct Pending {
        LayoutSample sample;
        CopiedSegment::Extent extent;
    };

    CopiedTrackConfig config_;
    CopyTimes times_;
    formats::SampleCursor cursor_;
    bool sought_ = false;
    bool ended_ = false;
    std::optional<Pending> ahead_;  ///< starts the next segment
    std::vector<LayoutSample> samples_;
    std::vector<CopiedSegment::Extent> extents_;
    std::size_t current_ = 0;
    std::optional<std::int64_t> last_end_;
    bool first_group_ = true;
    std::optional<std::int64_t> first_pts_;
};

/// Whether cleaning would leave the sample as it is: nothing in it that does not belong into MP4
/// samples, no parameter sets, lengths that add up. Other codecs than H.264, HEVC and AV1 are not
/// taken apart; AV1 is never said to be clean.
[[nodiscard]] bool is_clean_sample(formats::Codec codec,
                                   unsigned nal_length_size,
                                   std::span<const std::byte> data);

}  // namespace sg::packagers

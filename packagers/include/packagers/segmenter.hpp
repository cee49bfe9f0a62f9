#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <packagers/cmaf_init.hpp>
#include <packagers/cmaf_track_writer.hpp>
#include <packagers/segment.hpp>
#include <pipeline/stage.hpp>

namespace sg::packagers {

/// Takes what a segmenter makes. Called on the segmenter's lane; must not block on a network.
class SegmentSink {
  public:
    virtual ~SegmentSink() = default;
    /// Once, before the first segment.
    [[nodiscard]] virtual Status on_track(const TrackDescription& track,
                                          std::span<const std::byte> init) = 0;
    [[nodiscard]] virtual Status on_segment(const CmafSegment& segment) = 0;
};

struct SegmenterConfig {
    /// Rendition, language, label, defaults: what the bitstream cannot say. The rest is filled in
    /// from it.
    TrackDescription track;
    std::int64_t timescale = 0;
    std::int64_t offset = 0;  ///< K, ticks
    /// Presentation ticks where the segments of this run start, then its end.
    std::vector<std::int64_t> borders;
    std::int64_t first_number = 1;
    /// Ticks of every sample; 0: as the packets say.
    std::int64_t sample_duration = 0;
    std::int64_t decode_lead = 0;      ///< LayoutConfig::decode_lead, should the codec reorder
    media::Rational frame_rate{0, 1};  ///< video at a constant rate
    /// Encoded video: a segment must hold exactly the pictures that its borders span. A copy holds
    /// what the source has.
    bool every_sample_planned = false;
    /// A copy may end before the last border. Its last sample then lasts until there, so that
    /// players find every track as long as the presentation; SegmentIndex::duration is without that
    /// time.
    bool hold_last_sample = false;
    bool digests = true;  ///< fill in SegmentIndex::sha256, which the resume journal compares
};

/// Cuts the packets of one encoded track into CMAF segments at planned borders (DESIGN 1). A video
/// segment must start with a key frame that is shown exactly at its border, an audio segment with
/// the first frame at or after it; every planned segment must come. kMismatch otherwise. One input,
/// no output.
class Segmenter final : public pipeline::Stage {
  public:
    /// `sink` outlives the stage.
    [[nodiscard]] static Result<std::unique_ptr<Segmenter>> create(SegmenterConfig config,
                                                                   SegmentSink& sink);

    [[nodiscard]] Result<pipeline::Flow> process(int port,
                                                 pipeline::Item item,
                                                 pipeline::Emit& out) override;

  private:
    Segmenter(SegmenterConfig config, SegmentSink& sink);

    [[nodiscard]] Status start_writer(std::span<const std::byte> first_sample);
    [[nodiscard]] Status add(const media::Packet& packet);
    [[nodiscard]] Status close_segment();
    [[nodiscard]] Status finish();

    SegmenterConfig config_;
    SegmentSink& sink_;
    media::StreamInfoPtr info_;
    std::optional<CmafTrackWriter> writer_;
    std::size_t current_ = 0;  ///< index of the open segment
    std::int64_t last_end_ = 0;
    bool finished_ = false;
};

/// The codec configuration of a stream from its extradata, or from its first sample where the codec
/// keeps it there.
[[nodiscard]] Result<formats::CodecConfig> codec_config(const media::StreamInfo& info,
                                                        std::span<const std::byte> first_sample);

struct TrackStart {
    CmafTrackConfig writer;
    CmafInit init;
};

/// What precedes a track's first segment. The first sample counts only where its codec describes
/// itself there.
[[nodiscard]] Result<TrackStart> start_track(const SegmenterConfig& config,
                                             const media::StreamInfo& info,
                                             std::span<const std::byte> first_sample);

}  // namespace sg::packagers

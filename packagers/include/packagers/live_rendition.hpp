#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_writer.hpp>
#include <formats/codec_config.hpp>
#include <packagers/live_media.hpp>

namespace sg::packagers {

/// A coded picture or audio frame on the channel's timeline.
struct LiveSample {
    std::int64_t pts_ns = 0;
    std::int64_t dts_ns = 0;  ///< strictly ascending within a rendition, never above pts_ns
    bool key = false;
    std::vector<std::byte> data;
};

struct LiveRenditionConfig {
    std::string name;  ///< its folder: "1080p", "audio-en"
    formats::CodecConfig codec;
    bool annex_b = false;  ///< H.264 and HEVC samples have start codes instead of lengths
    std::string language = "und";
    std::string label;
    bool is_default = false;
    int source_track = 0;
};

/// Makes the CMAF chunks (parts) of one rendition. A part closes with the sample behind it, which
/// shows how long its last one is, and that another part follows in this segment or the next: what
/// a playlist hints at comes to exist.
/// Keeps the samples' own buffers until then: media bytes are copied once. Not thread-safe.
class LiveRenditionWriter {
  public:
    struct Place {
        std::int64_t pts = 0;  ///< track timescale, without K
        std::int64_t dts = 0;
    };

    /// `segment`: how long the first one will be, as far as that is known.
    [[nodiscard]] static Result<LiveRenditionWriter> create(LiveRenditionConfig config,
                                                            std::chrono::seconds offset,
                                                            std::chrono::nanoseconds part_target,
                                                            std::chrono::nanoseconds segment);

    [[nodiscard]] const LiveRenditionConfig& config() const { return config_; }
    [[nodiscard]] const std::shared_ptr<const LiveInit>& init() const { return init_; }
    [[nodiscard]] bool is_video() const { return video_; }

    /// Nanoseconds of the channel's timeline to the track's timescale, to the nearest tick.
    [[nodiscard]] std::int64_t ticks(std::int64_t ns) const;

    /// Where the next sample stands: the nearest tick, except that contiguous audio counts samples,
    /// so that rounding leaves no gaps. Nothing when it must be dropped: audio that repeats what is
    /// there, a picture decoded before the last one.
    [[nodiscard]] std::optional<Place> place(const LiveSample& sample) const;

    /// The next sample starts a segment whose presentation starts at `start`.
    void begin_segment(std::int64_t start);

    /// kMismatch when a parameter set differs from the init segment's, kBadData when the sample's
    /// own structure is broken: it is left out. Parts that closed are appended to `parts`.
    [[nodiscard]] Status add(const Place& place, LiveSample sample, std::vector<LivePart>& parts);

    /// Closes the last part of a segment. `next_dts`: of the sample that follows, when it is
    /// known. `end`: of the segment's presentation.
    [[nodiscard]] Status end_segment(std::optional<std::int64_t> next_dts,
                                     std::int64_t end,
                                     std::vector<LivePart>& parts);

    /// Where presentation would end if nothing followed; the segment's start without samples.
    [[nodiscard]] std::int64_t presented_until() const;

    /// Times start anew.
    void reset_times();

  private:
    struct Held {
        std::int64_t pts = 0;
        std::int64_t dts = 0;
        std::uint32_t size = 0;
        bool key = false;
        std::vector<std::byte> data;
    };

    explicit LiveRenditionWriter(LiveRenditionConfig config) : config_(std::move(config)) {}

    /// What the rounding of times may add to a part.
    [[nodiscard]] std::int64_t rounding() const { return timescale_ / 1000; }
    /// RFC 8216bis §4.4.4.9: of all but the last of a segment.
    [[nodiscard]] std::int64_t shortest_part() const { return (part_target_ * 85 + 99) / 100; }
    [[nodiscard]] bool part_is_full(std::int64_t next_dts, std::int64_t estimate) const;
    [[nodiscard]] std::int64_t frame_ticks(std::span<const std::byte> data) const;
    [[nodiscard]] Status settle(std::int64_t next_dts,
                                std::int64_t estimate,
                                std::vector<LivePart>& parts);
    [[nodiscard]] Status close(std::size_t count,
                               std::int64_t end_dts,
                               std::vector<LivePart>& parts);

    LiveRenditionConfig config_;
    std::shared_ptr<const LiveInit> init_;
    bool video_ = true;
    std::int64_t timescale_ = 0;
    std::int64_t offset_ = 0;
    std::int64_t part_target_ = 0;
    std::vector<Held> held_;
    std::vector<formats::FragmentSample> table_;
    std::vector<std::byte> header_;
    std::uint32_t sequence_ = 0;
    std::int64_t segment_start_ = 0;
    std::optional<std::int64_t> segment_first_dts_;
    std::int64_t segment_latest_pts_ = 0;
    std::int64_t segment_lead_ = 0;  ///< of a key frame that began one: shown after it is decoded
    std::optional<std::int64_t> before_first_dts_;  ///< of the segment before
    std::int64_t segment_span_ = 0;                 ///< how long segments last, by the last one
    std::int64_t parts_made_ = 0;                   ///< of the open segment
    std::optional<std::int64_t> last_dts_;
    std::int64_t last_duration_ = 0;        ///< of the sample before the last
    std::optional<std::int64_t> expected_;  ///< audio: where the next frame starts
};

}  // namespace sg::packagers

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <formats/bmff_reader.hpp>
#include <formats/codec_config.hpp>
#include <formats/elementary_stream.hpp>
#include <formats/ts_writer.hpp>
#include <packagers/segment.hpp>

// Transport streams for old players, made from packaged CMAF segments in segment order (DESIGN 5).

namespace sg::packagers {

/// kUnsupported, naming the codec, for what transport streams do not carry in HLS: VP9, AV1, Opus,
/// FLAC.
[[nodiscard]] Status check_ts_codec(formats::Codec codec);

/// The renditions that a TS presentation has: each video with the default audio in its segments,
/// and one audio-only rendition for every other audio track of the source. Those that TS cannot
/// carry are left out. Borrows from `tracks`.
struct TsSelection {
    std::vector<const TrackIndex*> videos;
    const TrackIndex* default_audio = nullptr;
    std::vector<const TrackIndex*> other_audio;
};
[[nodiscard]] TsSelection select_ts_tracks(std::span<const TrackIndex> tracks);

/// A packaged track as input.
struct TsTrack {
    formats::CodecConfig codec;
    std::vector<formats::TrackExtends> defaults;
    std::uint32_t track_id = 0;
    std::uint32_t timescale = 0;
    std::int64_t offset = 0;  ///< K
    std::string language;
    /// How far decode times stand before presentation times, in timescale. The maximum of
    /// largest_reorder() over all segments; 0 for audio.
    std::int64_t reorder = 0;
};

[[nodiscard]] Result<TsTrack> make_ts_track(std::span<const std::byte> init_segment,
                                            const TrackDescription& description);

/// How much earlier than its place in presentation order a picture of this segment must be decoded,
/// in timescale.
[[nodiscard]] Result<std::int64_t> largest_reorder(const TsTrack& track,
                                                   std::span<const std::byte> segment);

struct TsSegment {
    std::vector<std::byte> bytes;
    /// In the timescale of the video, else of the audio. Its one fragment is the whole segment;
    /// key_bytes end behind the first picture.
    SegmentIndex index;
};

/// Makes the segments of one TS rendition: video with audio, or one of them alone. Presentation
/// time 0 is 10 s on its clock, in every rendition. Segments follow from their input and from the
/// counters of the one before. Not thread-safe.
class TsRenditionWriter {
  public:
    /// At least one track. kUnsupported as check_ts_codec(), or for AAC that ADTS cannot say.
    [[nodiscard]] static Result<TsRenditionWriter> create(std::optional<TsTrack> video,
                                                          std::optional<TsTrack> audio);

    /// From the tracks' segments of this number; empty where a track has none. kMismatch when a
    /// picture is decoded after it is shown, that is when `reorder` is too small.
    [[nodiscard]] Result<TsSegment> write_segment(std::int64_t number,
                                                  std::span<const std::byte> video,
                                                  std::span<const std::byte> audio);

    /// State that outlives a segment, for the resume journal.
    [[nodiscard]] const std::vector<std::uint8_t>& counters() const { return writer_.counters(); }
    [[nodiscard]] bool set_counters(std::vector<std::uint8_t> counters) {
        return writer_.set_counters(std::move(counters));
    }

  private:
    friend Result<std::int64_t> largest_reorder(const TsTrack& track,
                                                std::span<const std::byte> segment);

    struct Sample;
    struct AudioUnit;

    TsRenditionWriter(std::optional<TsTrack> video,
                      std::optional<TsTrack> audio,
                      std::optional<formats::AdtsFramer> adts,
                      std::vector<formats::ts::Stream> streams);

    [[nodiscard]] static Result<std::vector<Sample>> samples_of(const TsTrack& track,
                                                                std::span<const std::byte> segment);
    [[nodiscard]] Status write_video(const Sample& sample, std::vector<std::byte>& out);
    [[nodiscard]] Result<std::vector<AudioUnit>> audio_units(const std::vector<Sample>& samples);
    [[nodiscard]] SegmentIndex index_of(const std::vector<Sample>& samples,
                                        const TsTrack& track) const;

    std::optional<TsTrack> video_;
    std::optional<TsTrack> audio_;
    std::optional<formats::AdtsFramer> adts_;
    formats::ts::Writer writer_;
    std::size_t audio_stream_ = 0;
    std::vector<std::byte> scratch_;
};

/// Description of a TS rendition from those of the CMAF tracks in it: "1080p" with CODECS of both
/// and no init segment.
[[nodiscard]] TrackDescription describe_ts_rendition(const TrackDescription* video,
                                                     const TrackDescription* audio);

}  // namespace sg::packagers

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <engine/repair.hpp>
#include <ingest/table_stream.hpp>
#include <media/rational.hpp>
#include <media/timestamp.hpp>
#include <packagers/copied_track.hpp>
#include <pipeline/plan.hpp>

namespace sg::ingest {
class MediaInput;
}

namespace sg::engine {

/// Version of the index file; another version is rebuilt, never migrated.
inline constexpr int kIndexVersion = 2;

/// All times that end in _ns are "source ns": source timestamps on one clock for all streams, after
/// the repairs in Index::timeline. They may start anywhere, also below zero; the planner picks the
/// origin.

struct KeyFrame {
    std::int64_t pts = media::kNoTime;  ///< source timebase
    std::int64_t dts = media::kNoTime;
    std::int64_t position = -1;
    std::int64_t presentation_ns = 0;
    /// Nothing that follows it in decoding order is shown before it (a closed GOP starts here).
    bool closed = true;
    /// H.264 and HEVC: it is an IDR picture, not just a point to recover at. Other codecs: true.
    bool idr = true;
};

/// Time that a stream's timestamps skip (positive) or pass twice (negative).
struct Gap {
    std::int64_t at_ns = 0;  ///< where the media before it ends
    std::int64_t length_ns = 0;
};

struct DeltaCount {
    std::int64_t delta_ns = 0;
    std::int64_t count = 0;
};

struct VideoIndex {
    int stream = -1;
    std::int64_t frames = 0;  ///< pictures that can be shown: a pair of fields is one, discarded
                              ///< and undecodable ones are not counted
    std::vector<KeyFrame> key_frames;  ///< in decoding order
    bool key_frames_thinned =
        false;  ///< all pictures are key frames: the list holds one per half second
    bool constant_rate = false;
    /// Constant: the exact rate, snapped to a standard one. Variable: the average, reduced. {0, 1}
    /// with fewer than two frames.
    media::Rational frame_rate{0, 1};
    /// All pictures lie on this standard rate's grid, though some of its places are empty; {0, 1}
    /// when there is none.
    media::Rational grid_rate{0, 1};
    std::int64_t min_delta_ns = 0;  ///< between pictures in presentation order
    std::int64_t max_delta_ns = 0;
    std::vector<DeltaCount> deltas;  ///< most frequent first, at most 8, rounded to 0.1 ms
    std::int64_t first_ns = media::kNoTime;
    std::int64_t last_ns = media::kNoTime;  ///< presentation of the last picture
    std::int64_t end_ns = media::kNoTime;   ///< when the last picture stops being shown
    std::int64_t reorder_ns =
        0;  ///< the largest pts - dts: how much later than its dts a picture may be shown
    bool reorders = false;  ///< some picture is shown before one that is decoded earlier
    bool has_leading_pictures = false;  ///< open GOPs
    bool field_pairs = false;           ///< the packets carried single fields
    std::int64_t lost_before_key_frame = 0;
    std::int64_t discarded = 0;   ///< cut off by an edit list
    std::int64_t untimed = 0;     ///< packets without a pts, given one
    std::int64_t duplicates = 0;  ///< pictures with the pts of another
    std::vector<Gap> gaps;        ///< the first 100: over 2.5 usual frames and over 100 ms
    std::int64_t gap_count = 0;
    std::int64_t bytes = 0;
    std::int64_t largest_second_bytes = 0;
};

struct AudioIndex {
    int stream = -1;
    std::int64_t packets = 0;
    std::int64_t samples =
        0;  ///< presented, by the packets' durations; 0 when the codec does not tell
    std::int64_t first_ns = media::kNoTime;
    std::int64_t last_ns = media::kNoTime;  ///< start of the last packet
    std::int64_t end_ns = media::kNoTime;
    std::int64_t drift_ns = 0;  ///< timestamps minus sample count at the end, gaps not counted
    std::int64_t discarded = 0;
    std::int64_t untimed = 0;
    std::vector<Gap> gaps;  ///< the first 100 beyond 40 ms either way
    std::int64_t gap_count = 0;
    std::int64_t gap_total_ns = 0;
    std::int64_t bytes = 0;
};

/// The source's clock jumped; what follows continues where the media before it ended.
struct Jump {
    std::string kind;           ///< "wrap", "forward" or "backward"
    std::int64_t position = 0;  ///< byte offset of the first packet after it
    std::int64_t at_ns = 0;     ///< repaired time
    std::int64_t from_ns = 0;   ///< source clock before
    std::int64_t to_ns = 0;     ///< and after
};

/// How a stream's packets follow from the sample table of a progressive MP4 or MOV.
struct StreamTable {
    int stream = -1;
    std::uint32_t track_id = 0;
    packagers::TableSpan span;
    std::int64_t dts_offset = 0;     ///< as span.pts_offset, of decoding times
    std::int64_t last_duration = 0;  ///< of the last packet, media timescale
    std::int64_t skip_samples = 0;   ///< cut off the front of the first packets

    [[nodiscard]] ingest::TableStream packets() const;
};

/// What one pass over a whole source tells. Cached by the source's identity.
struct Index {
    pipeline::SourceIdentity identity;
    std::string demuxer;
    pipeline::SeekMethod seek = pipeline::SeekMethod::kScan;
    pipeline::TimelineMap timeline;  ///< source time to source ns; the first epoch's shift is 0
    std::vector<VideoIndex> video;
    std::vector<AudioIndex> audio;
    std::vector<Jump> jumps;
    std::vector<StreamTable>
        tables;  ///< of the streams whose packets the tables alone tell all about
    std::vector<Repair> repairs;
    std::int64_t damaged_packets = 0;  ///< the demuxer marked them corrupt
    std::int64_t skipped_errors = 0;   ///< reads that failed and were passed over
    bool truncated = false;  ///< reading ended before the end that the container announced

    [[nodiscard]] const VideoIndex* video_stream(int stream) const;
    [[nodiscard]] const AudioIndex* audio_stream(int stream) const;
    /// Of all streams; empty when some have no table.
    [[nodiscard]] std::vector<ingest::TableStream> table_streams() const;
};

struct IndexOptions {
    std::stop_token stop;
    /// Bytes read and bytes in all; called at most about ten times a second.
    std::function<void(std::int64_t, std::int64_t)> progress;
    std::int64_t max_key_frames = 2'000'000;
    std::int64_t max_packets = 500'000'000;
    std::int64_t max_read_errors = 1000;
    /// MP4 and MOV files of at least this size are indexed by their sample tables, without reading
    /// the payload.
    std::int64_t tables_from_bytes = std::int64_t{16} << 20;
};

/// Reads the whole source once, without decoding; leaves it at its end. kBadData when nothing
/// playable is in it.
[[nodiscard]] Result<Index> build_index(ingest::MediaInput& input, const IndexOptions& options);

[[nodiscard]] std::string to_json(const Index& index);
/// Several lines for people: frame rate proof, gaps, jumps, repairs.
[[nodiscard]] std::string describe(const Index& index);

/// The file in `cache_folder` for this identity; written atomically.
[[nodiscard]] Status save_index(const std::filesystem::path& cache_folder, const Index& index);
/// kNotFound when there is none, of another version, or not this source's; kBadData when it is
/// damaged (the caller rebuilds).
[[nodiscard]] Result<Index> load_index(const std::filesystem::path& cache_folder,
                                       const pipeline::SourceIdentity& identity);
/// Hostile bytes are refused with kBadData, in bounded memory.
[[nodiscard]] Result<Index> index_from_json(const std::string& text);

}  // namespace sg::engine

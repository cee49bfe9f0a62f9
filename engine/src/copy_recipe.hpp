#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <base/result.hpp>
#include <engine/index.hpp>
#include <formats/bmff_sample_table.hpp>
#include <formats/codec_config.hpp>
#include <ingest/source.hpp>
#include <packagers/copied_track.hpp>
#include <packagers/segmenter.hpp>
#include <pipeline/plan.hpp>

namespace sg::engine {

/// All that the copied renditions of a progressive MP4 or MOV need from its demuxer, so that a task
/// can copy them by the sample tables and without a media library. Not part of the plan: with it or
/// without it the same files are made.
struct CopyRecipe {
    struct Track {
        packagers::TrackDescription description;
        std::vector<std::byte> init;
        formats::Codec codec = formats::Codec::kH264;
        unsigned nal_length_size = 0;
        std::int64_t decode_lead = 0;
        StreamTable table;
        media::Timebase timebase{1, 1};
    };
    std::vector<Track> tracks;  ///< of all copied renditions, video first, in the plan's order

    [[nodiscard]] std::string to_json() const;
    [[nodiscard]] static Result<CopyRecipe> from_json(std::string_view text);
};

/// Nothing when some copied rendition must go through the demuxer: the index was not made from
/// tables, samples are stored in another form than segments hold them, or there is nothing to copy.
[[nodiscard]] std::optional<CopyRecipe> make_copy_recipe(const pipeline::Plan& plan,
                                                         const Index& index,
                                                         ingest::MediaInput& input);

/// The tables of a movie and the tracks that a recipe lays out from them.
class CopiedTracks {
  public:
    /// `read` is called only by open().
    [[nodiscard]] static Result<CopiedTracks> open(const pipeline::Plan& plan,
                                                   const CopyRecipe& recipe,
                                                   const formats::ReadAt& read);

    [[nodiscard]] std::vector<packagers::CopiedTrack>& tracks() { return tracks_; }

  private:
    explicit CopiedTracks(formats::MovieFile movie) : movie_(std::move(movie)) {}

    formats::MovieFile movie_;
    std::vector<std::unique_ptr<formats::SampleTable>> tables_;
    std::vector<packagers::CopiedTrack> tracks_;
};

}  // namespace sg::engine

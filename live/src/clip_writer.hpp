#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <base/result.hpp>
#include <packagers/stretch.hpp>

#include "clip_media.hpp"
#include "clip_plan.hpp"

namespace sg::live {

/// Writes a clip's segments, then what names them. Stretches follow each other on one timeline.
class ClipWriter {
  public:
    /// Borrows all but the folder, which is empty or made.
    ClipWriter(std::filesystem::path folder,
               const ClipFiles& files,
               const std::vector<ClipStretch>& stretches);

    [[nodiscard]] Status add(const ClipTrack& track);
    [[nodiscard]] Status finish();
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    /// A rendition's way through one stretch.
    struct Passage {
        const ClipTrack* track = nullptr;
        std::size_t stretch = 0;
        packagers::TrackIndex index;
    };
    [[nodiscard]] Status begin(const packagers::LiveInit& init, Passage& passage);
    [[nodiscard]] Status copy(const ClipRendition& from, Passage& passage);
    [[nodiscard]] Status fill_silent(const packagers::LiveInit& init, Passage& passage);
    [[nodiscard]] Status write_segment(std::span<const std::byte> bytes,
                                       packagers::SegmentIndex segment,
                                       Passage& passage);
    /// Number of a stretch's segment in the clip, from 1.
    [[nodiscard]] std::int64_t number(std::size_t stretch, std::size_t index) const;
    /// What is taken away from the times of a stretch's segments.
    [[nodiscard]] std::int64_t earlier_ticks(std::size_t stretch, std::uint32_t timescale) const;
    [[nodiscard]] bool is_cut(const Passage& passage, std::size_t index) const;
    [[nodiscard]] std::filesystem::path folder_of(const Passage& passage) const;

    std::filesystem::path folder_;
    const ClipFiles& files_;
    const std::vector<ClipStretch>& stretches_;
    std::vector<std::int64_t> first_numbers_;
    std::vector<packagers::Stretch> hls_;
    std::vector<packagers::Stretch> dash_;  ///< without what stands in for something else
    std::vector<std::string> playlists_;    ///< renditions of the HLS playlists
    std::uint32_t sequence_ = 0;            ///< of the rendition that is being written
    std::uint64_t bytes_ = 0;
};

}  // namespace sg::live

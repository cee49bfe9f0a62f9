#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <packagers/segment.hpp>
#include <packagers/segmenter.hpp>
#include <pipeline/plan.hpp>

namespace sg::engine::test {

/// A presentation that our own writers made: four segments of a second, two video renditions
/// (H.264, 25 frames/s) and a stereo AAC one.
struct MadePresentation {
    std::filesystem::path folder;
    pipeline::Plan plan;
    std::vector<packagers::TrackIndex> tracks;

    /// Playlists and MPD over `tracks`.
    void write_manifests() const;
    /// Turns every rendition into a single file.
    void join_segments();
    /// A TS rendition of the larger video with the sound, and its index-ts.m3u8.
    void add_transport_stream() const;

    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
        return folder / name;
    }
};

/// Encoded once for a test program; a copy in `folder` each time.
[[nodiscard]] MadePresentation make_presentation(const std::filesystem::path& folder);

[[nodiscard]] std::string load(const std::filesystem::path& path);
void store(const std::filesystem::path& path, const std::string& bytes);
/// Puts `to` in place of the first `from`; fails the test when there is none.
void replace_in(const std::filesystem::path& path, const std::string& from, const std::string& to);

}  // namespace sg::engine::test

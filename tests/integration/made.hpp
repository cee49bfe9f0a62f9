#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <formats/bmff_reader.hpp>
#include <formats/m3u8.hpp>
#include <formats/mpd.hpp>

// What a run made, read back by its bytes. Whatever cannot be read fails the test.

namespace sg::test {

struct MadeSample {
    std::int64_t pts = 0;  ///< ticks as stored: K included
    std::int64_t dts = 0;
    std::int64_t duration = 0;
    bool key = false;
    std::string sha256;
};

struct MadeSegment {
    std::string file;
    std::vector<MadeSample> samples;
    std::int64_t playlist_us = 0;

    [[nodiscard]] std::int64_t first_pts() const;  ///< of the picture shown first
    [[nodiscard]] std::int64_t end_pts() const;
};

/// One rendition: its HLS playlist, init segment and all samples.
struct MadeRendition {
    std::string name;
    formats::m3u8::Media playlist;
    formats::MovieInfo init;
    std::int64_t timescale = 0;
    std::vector<MadeSegment> segments;
    std::filesystem::path folder;

    [[nodiscard]] const formats::TrackInfo& track() const { return init.tracks.front(); }
    [[nodiscard]] std::size_t samples() const;
    [[nodiscard]] std::vector<std::string> hashes() const;  ///< of all samples in decoding order
    [[nodiscard]] double first_s() const;                   ///< as stored
    [[nodiscard]] double end_s() const;
    /// Init and segments in one file, for a decoder.
    void join_to(const std::filesystem::path& path) const;
};

[[nodiscard]] std::string bytes_of(const std::filesystem::path& path);
[[nodiscard]] formats::m3u8::Multivariant read_multivariant(const std::filesystem::path& folder);
[[nodiscard]] formats::m3u8::Media read_playlist(const std::filesystem::path& path);
[[nodiscard]] formats::mpd::Mpd read_mpd(const std::filesystem::path& folder);
[[nodiscard]] MadeRendition read_rendition(const std::filesystem::path& folder,
                                           const std::string& name);

/// Relative path to SHA-256 of every file below a folder.
[[nodiscard]] std::map<std::string, std::string> digests(const std::filesystem::path& folder);

}  // namespace sg::test

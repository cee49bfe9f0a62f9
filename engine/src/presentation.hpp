#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <base/result.hpp>
#include <packagers/segment.hpp>
#include <pipeline/plan.hpp>

#include "track_json.hpp"

namespace sg::engine {

/// Collects what tasks made until every rendition of a plan is whole.
class Assembly {
  public:
    explicit Assembly(const pipeline::Plan& plan) : plan_(plan) {}

    /// Takes a task's parts. kMismatch when a part's init segment differs from what another task of
    /// the same rendition made, or its segments are not the planned ones.
    [[nodiscard]] Status add(std::vector<TrackPart> parts);

    /// Segments from the first on that every rendition already has.
    [[nodiscard]] std::size_t common_segments() const;
    [[nodiscard]] bool complete() const;
    [[nodiscard]] std::int64_t bytes() const;  ///< of all segments
    /// In the plan's order: video, then audio; each with its first `segments` segments.
    [[nodiscard]] std::vector<packagers::TrackIndex> tracks(std::size_t segments) const;
    [[nodiscard]] std::vector<packagers::TrackIndex> tracks() const {
        return tracks(static_cast<std::size_t>(plan_.segment_count));
    }

  private:
    struct Track {
        packagers::TrackDescription description;
        std::map<std::int64_t, packagers::SegmentIndex> segments;  ///< by number
    };
    [[nodiscard]] std::vector<std::string> names() const;

    const pipeline::Plan& plan_;
    std::map<std::string, Track> tracks_;
};

/// Writes every playlist and the MPD below `stage`, media playlists first, multivariant playlist
/// and MPD last.
[[nodiscard]] Status write_manifests(const std::filesystem::path& stage,
                                     const pipeline::Plan& plan,
                                     std::span<const packagers::TrackIndex> tracks);

/// While the rest is being encoded: EVENT playlists over what `tracks` hold, and a multivariant
/// playlist with the bit rates that the plan's rate control promises.
[[nodiscard]] Status write_growing_playlists(const std::filesystem::path& folder,
                                             const pipeline::Plan& plan,
                                             std::span<const packagers::TrackIndex> tracks);

/// Links every file of `stage` into `output` and then replaces the manifests, the multivariant
/// playlist and the MPD last. May be repeated after a crash.
[[nodiscard]] Status publish(const std::filesystem::path& stage,
                             const std::filesystem::path& output);

/// Takes out of `output` what was linked into it from `stage`, which never got a ledger, and the
/// media playlists beside; nothing else. What was copied is not known any more, and stays.
void withdraw(const std::filesystem::path& stage, const std::filesystem::path& output);

/// Links one file, or copies it where links cannot be made. An equal file already there is left.
[[nodiscard]] Status link_file(const std::filesystem::path& from, const std::filesystem::path& to);

/// What an output folder publishes, as written by write_ledger(); kNotFound without one.
struct Ledger {
    std::string plan_digest;
    std::string preset;
    std::vector<std::string> folders;  ///< of renditions
    std::vector<std::string> files;    ///< manifests
};
inline constexpr const char* kLedgerFile = "streamgate.json";
[[nodiscard]] Result<Ledger> read_ledger(const std::filesystem::path& output);
[[nodiscard]] std::string ledger_json(const pipeline::Plan& plan,
                                      std::span<const packagers::TrackIndex> tracks,
                                      const std::vector<std::string>& manifests);
/// Removes what an earlier run published there, as its ledger lists it.
[[nodiscard]] Status unpublish(const std::filesystem::path& output, const Ledger& ledger);

/// Names of the manifests that a plan makes, below its output folder.
[[nodiscard]] std::vector<std::string> manifest_names(const pipeline::Plan& plan);

}  // namespace sg::engine

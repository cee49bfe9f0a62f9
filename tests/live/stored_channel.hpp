#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../packagers/live_feed.hpp"
#include "dvr_track.hpp"

namespace sg::test {

/// What a channel's packager makes goes to disk, as far as `kept` says so.
class StoredOutput final : public LiveRecorder {
  public:
    StoredOutput(std::filesystem::path epoch, std::chrono::seconds began)
        : epoch_(std::move(epoch)), began_(began) {}

    void on_segment_end(std::size_t rendition,
                        std::shared_ptr<const packagers::LiveSegment> segment) override;
    [[nodiscard]] std::optional<packagers::WallTime> date_at(std::int64_t ns) override {
        return *LiveRecorder::date_at(ns) + began_;
    }

    std::function<bool(const std::string& rendition, std::int64_t number)> kept;
    std::int64_t next_number = 0;

  private:
    std::filesystem::path epoch_;
    std::chrono::seconds began_;
    std::map<std::size_t, live::DvrTrack> tracks_;
};

/// One run of a service that packages the channel live/a, in segments of a second, from made-up
/// pictures (29.97 a second, reordered) and sound.
class StoredRun {
  public:
    /// `began`: after 2026-01-31T12:00:00Z.
    StoredRun(const std::filesystem::path& store,
              const std::string& epoch,
              std::vector<packagers::LiveRenditionConfig> renditions,
              std::int64_t first_number = 0,
              std::chrono::seconds began = std::chrono::seconds(0));

    /// What comes from here on is this.
    void renew(std::vector<packagers::LiveRenditionConfig> renditions);
    void until(double seconds);
    void nothing_until(double seconds);
    void finish();

    StoredOutput output;
    std::optional<packagers::LivePackager> packager;
    std::optional<LiveFeed> feed;

  private:
    void feed_of(const std::vector<packagers::LiveRenditionConfig>& renditions);

    std::map<std::string, std::size_t> numbers_;
    std::vector<LiveFeed::Video> videos_;
    std::vector<LiveFeed::Audio> audios_;
};

}  // namespace sg::test

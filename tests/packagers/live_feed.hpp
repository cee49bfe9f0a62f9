#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <packagers/live_packager.hpp>

namespace sg::test {

/// Segments of 4 s, a target of 6 s, parts of 0.5 s.
[[nodiscard]] packagers::LivePackagerConfig live_packager_config();
[[nodiscard]] packagers::LiveRenditionConfig live_video(const std::string& name,
                                                        bool annex_b = false);
/// AAC, stereo, 48 kHz.
[[nodiscard]] packagers::LiveRenditionConfig live_audio(const std::string& name);

/// Keeps what a packager makes.
class LiveRecorder : public packagers::LiveOutput {
  public:
    struct Track {
        std::vector<std::shared_ptr<const packagers::LiveInit>> inits;
        std::vector<std::shared_ptr<const packagers::LiveSegment>> segments;
        std::vector<packagers::LivePart> parts;
        std::size_t started = 0;
        bool ended = false;
    };

    void on_rendition(std::size_t rendition,
                      const std::shared_ptr<const packagers::LiveInit>& init) override;
    void on_rendition_end(std::size_t rendition) override;
    void on_segment_start(std::size_t rendition, const packagers::LiveSegment& segment) override;
    void on_part(std::size_t rendition, const packagers::LivePart& part) override;
    void on_segment_end(std::size_t rendition,
                        std::shared_ptr<const packagers::LiveSegment> segment) override;
    /// 2026-01-31T12:00:00Z at the channel's origin.
    [[nodiscard]] std::optional<packagers::WallTime> date_at(std::int64_t ns) override;

    [[nodiscard]] const Track& track(std::size_t rendition) const { return tracks_.at(rendition); }

  private:
    std::vector<Track> tracks_;
};

/// Made-up coded media on a channel's timeline, in the order an encoder sends it.
class LiveFeed {
  public:
    struct Video {
        std::size_t rendition = 0;
        std::int64_t frame_ns = 40'000'000;
        int gop = 50;
        bool reorder = false;  ///< I P b b ...: two pictures between, decoded after
        int bytes = 400;
    };
    struct Audio {
        std::size_t rendition = 1;
        int bytes = 60;
    };

    explicit LiveFeed(packagers::LivePackager& packager) : packager_(&packager) {}
    std::vector<Video> videos;
    std::vector<Audio> audios;
    bool milliseconds = false;  ///< times are as RTMP has them
    bool annex_b = false;

    /// Sends everything up to this time of the channel, interleaved.
    void run_until(std::int64_t ns);
    /// Leaves out what lies before, as when nothing arrived.
    void skip_until(std::int64_t ns);
    [[nodiscard]] std::int64_t now() const { return now_; }

  private:
    void step(bool send);
    void send_video(const Video& video, std::int64_t frame);
    void send_audio(const Audio& audio, std::int64_t frame);

    packagers::LivePackager* packager_;
    std::int64_t now_ = 0;  ///< 1 ms steps
};

}  // namespace sg::test

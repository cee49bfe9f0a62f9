#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <live/window.hpp>

#include <packagers/live_packager.hpp>

#include "../packagers/live_feed.hpp"

namespace sg::test {

/// A packager and its window, driven by made-up media; time is the feed's.
class ChannelModel final : public LiveRecorder {
  public:
    ChannelModel(packagers::LivePackagerConfig packager,
                 live::WindowConfig window,
                 std::vector<packagers::LiveRenditionConfig> renditions);

    void on_rendition(std::size_t rendition,
                      const std::shared_ptr<const packagers::LiveInit>& init) override;
    void on_rendition_end(std::size_t rendition) override;
    void on_segment_start(std::size_t rendition, const packagers::LiveSegment& segment) override;
    void on_part(std::size_t rendition, const packagers::LivePart& part) override;
    void on_segment_end(std::size_t rendition,
                        std::shared_ptr<const packagers::LiveSegment> segment) override;

    [[nodiscard]] std::shared_ptr<const live::ChannelView> view();
    live::LiveWindow window;
    std::unique_ptr<packagers::LivePackager> packager;
    std::unique_ptr<LiveFeed> feed;
};

[[nodiscard]] std::string text_of(const live::Resource& resource);
/// The text behind a path that must be found.
[[nodiscard]] std::string text_of(const live::ChannelView& view,
                                  const std::string& path,
                                  const live::PlaylistDirectives& directives = {});

}  // namespace sg::test

#include "stored_channel.hpp"

#include <algorithm>

#include <live/segment_store.hpp>

#include <support/catch.hpp>

namespace sg::test {

using packagers::LiveRenditionConfig;

void StoredOutput::on_segment_end(std::size_t rendition,
                                  std::shared_ptr<const packagers::LiveSegment> segment) {
    next_number = std::max(next_number, segment->number + 1);
    const auto& name = segment->init->description.rendition;
    if (!segment->gap && (!kept || kept(name, segment->number))) {
        live::DvrTrackConfig config;
        config.folder = epoch_;
        config.rendition = rendition;
        REQUIRE(tracks_.try_emplace(rendition, std::move(config)).first->second.append(*segment));
    }
    LiveRecorder::on_segment_end(rendition, std::move(segment));
}

StoredRun::StoredRun(const std::filesystem::path& store,
                     const std::string& epoch,
                     std::vector<LiveRenditionConfig> renditions,
                     std::int64_t first_number,
                     std::chrono::seconds began)
    : output(live::channel_folder(store, "live/a") / epoch, began) {
    packagers::LivePackagerConfig config;
    config.epoch = epoch;
    config.first_number = first_number;
    config.continues = first_number > 0;
    config.segment = std::chrono::seconds(1);
    config.target = std::chrono::seconds(2);
    feed_of(renditions);
    packager.emplace(
        packagers::LivePackager::create(config, std::move(renditions), output).value());
    feed.emplace(*packager);
    feed->videos = videos_;
    feed->audios = audios_;
}

/// Renditions keep their number for as long as the packager lives.
void StoredRun::feed_of(const std::vector<LiveRenditionConfig>& renditions) {
    videos_.clear();
    audios_.clear();
    for (const auto& r : renditions) {
        const auto at = numbers_.try_emplace(r.name, numbers_.size()).first->second;
        if (formats::is_video(r.codec.codec))
            videos_.push_back({at, 33'366'667, 30, true, 400});
        else
            audios_.push_back({at, 60});
    }
}

void StoredRun::renew(std::vector<LiveRenditionConfig> renditions) {
    feed_of(renditions);
    REQUIRE(packager->discontinuity(std::move(renditions)));
    feed->videos = videos_;
    feed->audios = audios_;
}

void StoredRun::until(double seconds) {
    feed->run_until(static_cast<std::int64_t>(seconds * 1e9));
}

void StoredRun::nothing_until(double seconds) {
    feed->skip_until(static_cast<std::int64_t>(seconds * 1e9));
}

void StoredRun::finish() {
    REQUIRE(packager->finish());
}

}  // namespace sg::test

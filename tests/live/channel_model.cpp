#include "channel_model.hpp"

#include <unistd.h>

#include <support/catch.hpp>

namespace sg::test {

using namespace packagers;
using namespace live;

ChannelModel::ChannelModel(LivePackagerConfig config,
                           WindowConfig window_config,
                           std::vector<LiveRenditionConfig> renditions)
    : window(std::move(window_config)) {
    auto made = LivePackager::create(std::move(config), std::move(renditions), *this);
    REQUIRE(made);
    packager = std::make_unique<LivePackager>(std::move(*made));
    feed = std::make_unique<LiveFeed>(*packager);
}

void ChannelModel::on_rendition(std::size_t rendition,
                                const std::shared_ptr<const LiveInit>& init) {
    LiveRecorder::on_rendition(rendition, init);
    window.set_rendition(rendition, init);
}

void ChannelModel::on_rendition_end(std::size_t rendition) {
    LiveRecorder::on_rendition_end(rendition);
    window.end_rendition(rendition);
}

void ChannelModel::on_segment_start(std::size_t rendition, const LiveSegment& segment) {
    LiveRecorder::on_segment_start(rendition, segment);
    window.start_segment(rendition, segment);
}

void ChannelModel::on_part(std::size_t rendition, const LivePart& part) {
    LiveRecorder::on_part(rendition, part);
    window.add_part(rendition, part);
}

void ChannelModel::on_segment_end(std::size_t rendition,
                                  std::shared_ptr<const LiveSegment> segment) {
    LiveRecorder::on_segment_end(rendition, segment);
    window.end_segment(rendition, std::move(segment));
}

std::shared_ptr<const ChannelView> ChannelModel::view() {
    return window.view(*date_at(feed->now()));
}

std::string text_of(const Resource& resource) {
    std::string out;
    for (const MediaBytes& piece : resource.pieces) {
        if (piece.memory) {
            const auto* from = reinterpret_cast<const char*>(piece.memory->data()) + piece.offset;
            out.append(from, piece.bytes);
            continue;
        }
        REQUIRE(piece.file);
        std::string part(piece.bytes, '\0');
        const auto got = ::pread(
            piece.file->fd.get(), part.data(), part.size(), static_cast<off_t>(piece.offset));
        REQUIRE(got == static_cast<ssize_t>(part.size()));
        out += part;
    }
    return out;
}

std::string text_of(const ChannelView& view,
                    const std::string& path,
                    const PlaylistDirectives& directives) {
    const Lookup found = view.find(path, directives);
    INFO(path);
    REQUIRE(found.outcome == Lookup::Outcome::kFound);
    return text_of(found.resource);
}

}  // namespace sg::test

#include "clip_archive.hpp"

#include <algorithm>

#include <packagers/live_hls.hpp>

namespace sg::live {

using packagers::WallTime;

std::int64_t ClipSource::start_us() const {
    return packagers::live_micros(segment->segment.start, init().description.timescale);
}

std::int64_t ClipSource::length_us() const {
    return packagers::live_micros(segment->segment.duration, init().description.timescale);
}

std::optional<WallTime> ClipSource::begins() const {
    return segment->segment.date;
}

std::optional<WallTime> ClipSource::ends() const {
    if (!segment->segment.date) return std::nullopt;
    return *segment->segment.date + std::chrono::microseconds(length_us());
}

const ClipSource* ClipRendition::find(const ClipKey& key) const {
    const auto found = segments.find(key);
    return found == segments.end() ? nullptr : &found->second;
}

ClipArchive ClipArchive::read(const std::filesystem::path& folder) {
    ClipArchive archive;
    // Sources point into it.
    for (const auto& epoch : dvr_epochs(folder)) archive.epochs_.push_back(read_dvr_epoch(epoch));
    auto& renditions = archive.renditions_;
    for (std::size_t e = 0; e < archive.epochs_.size(); ++e) {
        for (const auto& file : archive.epochs_[e]) {
            const auto& description = file.init->description;
            auto found =
                std::find_if(renditions.begin(), renditions.end(), [&](const ClipRendition& r) {
                    return r.name == description.rendition;
                });
            if (found == renditions.end()) {
                renditions.push_back(
                    {description.rendition, description.type == packagers::TrackType::kVideo, {}});
                found = renditions.end() - 1;
            }
            for (const auto& segment : file.segments)
                found->segments.insert_or_assign(ClipKey(e, segment.segment.number),
                                                 ClipSource{&file, &segment});
        }
    }
    return archive;
}

}  // namespace sg::live

#include "segmenter_settings.hpp"

namespace sg::engine {
namespace {

using packagers::SegmenterConfig;
using pipeline::Plan;

SegmenterConfig whole_track(const Plan& plan, const pipeline::VideoRendition& r) {
    SegmenterConfig config;
    config.track.type = packagers::TrackType::kVideo;
    config.track.rendition = r.name;
    config.track.source_track = static_cast<int>(r.source_stream);
    config.timescale = r.timescale;
    config.offset = plan.packaging.offset_seconds * r.timescale;
    config.borders = r.borders;
    config.sample_duration = r.frame_duration;
    config.decode_lead = r.decode_lead;
    config.frame_rate = r.frame_rate;
    return config;
}

SegmenterConfig whole_track(const Plan& plan, const pipeline::AudioRendition& r) {
    SegmenterConfig config;
    config.track.type = packagers::TrackType::kAudio;
    config.track.rendition = r.name;
    config.track.language = r.language;
    config.track.label = r.label;
    config.track.is_default = r.is_default;
    config.track.describes_video = r.describes_video;
    config.track.source_track = static_cast<int>(r.source_stream);
    config.timescale = r.sample_rate;
    config.offset = plan.packaging.offset_seconds * r.sample_rate;
    config.borders = r.borders;
    return config;
}

/// A copy makes no promise of bytes that a resume would hold it to.
SegmenterConfig copied(SegmenterConfig config) {
    config.hold_last_sample = true;
    config.digests = false;
    return config;
}

}  // namespace

SegmenterConfig encoded_segments(const Plan& plan,
                                 const pipeline::Chunk& chunk,
                                 const pipeline::VideoRendition& r) {
    auto config = whole_track(plan, r);
    const auto first = r.borders.begin() + chunk.first_segment;
    config.borders.assign(first, first + chunk.segments + 1);
    config.first_number = chunk.first_segment + 1;
    config.every_sample_planned = true;
    return config;
}

SegmenterConfig encoded_segments(const Plan& plan, const pipeline::AudioRendition& r) {
    auto config = whole_track(plan, r);
    config.sample_duration = r.frame_samples;
    return config;
}

SegmenterConfig copied_segments(const Plan& plan, const pipeline::VideoRendition& r) {
    return copied(whole_track(plan, r));
}

SegmenterConfig copied_segments(const Plan& plan, const pipeline::AudioRendition& r) {
    return copied(whole_track(plan, r));
}

}  // namespace sg::engine

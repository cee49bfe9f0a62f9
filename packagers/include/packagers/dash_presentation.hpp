#pragma once

#include <span>
#include <string>

#include <packagers/segment.hpp>
#include <packagers/stretch.hpp>

namespace sg::packagers {

/// <out>/manifest.mpd of a finished presentation (static, ISO/IEC 23009-1): over segment files the
/// isoff-live profile with SegmentTemplate, $Number$ and SegmentTimeline; when the tracks are
/// single files the isoff-on-demand profile with their sidx. Each video codec and range is an
/// adaptation set, and each audio track of the source in one codec and channel count. Times on the
/// media timeline contain K, and presentationTimeOffset takes it away (DESIGN 4).
[[nodiscard]] std::string dash_manifest(std::span<const TrackIndex> tracks);

/// The same with a Period for each stretch, over segment files; presentationTimeOffset takes its
/// start away as well. Adaptation sets that go on with the same init segments are marked as
/// connected (ISO/IEC 23009-1 §5.3.2.4).
[[nodiscard]] std::string dash_manifest(std::span<const Stretch> stretches);

}  // namespace sg::packagers

#include "child_media.hpp"

#include <utility>

namespace sg::live {

Result<ingest::LiveTrack> live_track_of(const engine::LiveSourceTrack& described) {
    ingest::LiveTrack track;
    SG_TRY_ASSIGN(track.config, formats::make_codec_config(described.codec, described.extradata));
    track.id = described.id;
    track.annex_b = track.config.from_annex_b;
    track.language = described.language;
    return track;
}

ingest::LiveUnit live_unit_of(ingest::TimedUnit timed) {
    ingest::LiveUnit unit;
    unit.track = timed.track;
    unit.pts = timed.pts_ns;
    unit.dts = timed.dts_ns;
    unit.key = timed.key;
    unit.damaged = timed.damaged;
    unit.data = std::move(timed.data);
    return unit;
}

}  // namespace sg::live

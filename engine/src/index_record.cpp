#include "index_record.hpp"

#include <media_av/libav.hpp>

namespace sg::engine {
namespace {

std::uint32_t little_endian(const std::uint8_t* p) {
    return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
           static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}

}  // namespace

IndexRecord to_record(const ingest::TimedReader::TimedPacket& timed,
                      const ingest::StreamFacts& facts) {
    const auto& packet = timed.packet;
    IndexRecord r;
    r.stream = packet.stream();
    r.pts = packet.pts();
    r.dts = packet.dts();
    r.pts_ns = source_ns(r.pts, facts.timebase);
    r.time_ns = r.dts != media::kNoTime ? source_ns(r.dts, facts.timebase) : r.pts_ns;
    r.duration_ns = source_ns(packet.duration(), facts.timebase);
    r.position = packet.position();
    r.bytes = static_cast<std::int64_t>(packet.bytes());
    r.key = packet.key();
    r.idr = timed.idr;
    r.discard = (packet.native()->flags & AV_PKT_FLAG_DISCARD) != 0;
    r.filled = timed.filled;
    r.second_field = timed.second_field;
    std::size_t size = 0;
    const auto* skip = av_packet_get_side_data(packet.native(), AV_PKT_DATA_SKIP_SAMPLES, &size);
    if (skip != nullptr && size >= 10) {
        r.skip_samples = little_endian(skip);
        r.drop_samples = little_endian(skip + 4);
    }
    return r;
}

}  // namespace sg::engine

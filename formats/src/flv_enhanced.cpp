#include "flv_enhanced.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sg::formats::flv {
namespace {

Error cut_short() {
    return Error{Errc::kBadData, "an Enhanced RTMP header ends before its last byte"};
}

}  // namespace

Result<std::uint8_t> read_modex(ByteReader& reader,
                                std::uint8_t packet_type,
                                std::uint8_t modex,
                                std::uint32_t& nanoseconds) {
    constexpr std::uint8_t kTimestampOffsetNano = 0;
    constexpr std::uint32_t kMostNanoseconds = 999'999;
    while (packet_type == modex) {
        std::size_t size = reader.u8() + std::size_t{1};
        if (size == 256) size = reader.u16() + std::size_t{1};
        ByteReader data(reader.bytes(size));
        const std::uint8_t types = reader.u8();
        if (!reader.ok()) return cut_short();
        if (types >> 4 == kTimestampOffsetNano && size >= 3)
            nanoseconds = std::min(data.u24(), kMostNanoseconds);
        packet_type = types & 15;
    }
    return packet_type;
}

Result<Head> read_head(ByteReader& reader, std::uint8_t packet_type, std::uint8_t multitrack) {
    Head head;
    head.packet_type = packet_type;
    if (packet_type == multitrack) {
        const std::uint8_t types = reader.u8();
        head.multitrack = true;
        head.multitrack_type = types >> 4;
        head.packet_type = types & 15;
        if (reader.ok() &&
            (head.multitrack_type > kManyTracksManyCodecs || head.packet_type == multitrack)) {
            return Error{Errc::kBadData,
                         fmt::format("an Enhanced RTMP tag has multitrack type {} around packet "
                                     "type {}",
                                     head.multitrack_type,
                                     head.packet_type)};
        }
    }
    if (head.multitrack_type != kManyTracksManyCodecs) head.codec = reader.u32();
    if (!reader.ok()) return cut_short();
    return head;
}

Result<Track> read_track(ByteReader& reader, const Head& head) {
    Track track;
    track.codec = head.codec;
    if (!head.multitrack) {
        track.body = reader.bytes(reader.left());
        return track;
    }
    if (head.multitrack_type == kManyTracksManyCodecs) track.codec = reader.u32();
    track.id = reader.u8();
    const std::size_t size =
        head.multitrack_type == kOneTrack ? reader.left() : std::size_t{reader.u24()};
    track.body = reader.bytes(size);
    if (!reader.ok()) return cut_short();
    return track;
}

}  // namespace sg::formats::flv

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include <formats/flv.hpp>

namespace {

using namespace sg::formats;

/// Headers that we write must read as what was written.
void write_and_read(const FlvPacket& packet, bool video) {
    std::vector<std::byte> body;
    video ? write_flv_video_header(packet, body) : write_flv_audio_header(packet, body);
    body.insert(body.end(), packet.data.begin(), packet.data.end());
    std::vector<FlvPacket> again;
    if (!(video ? read_flv_video(body, again) : read_flv_audio(body, again))) std::abort();
    if (packet.data.empty()) return;
    if (again.size() != 1 || again[0].codec != packet.codec || again[0].track != packet.track ||
        again[0].type != packet.type || again[0].data.size() != packet.data.size()) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    std::vector<FlvPacket> packets;
    if (read_flv_video(bytes, packets)) {
        for (const FlvPacket& packet : packets) {
            write_and_read(packet, true);
            if (packet.type == FlvPacketType::kMetadata)
                (void)read_flv_color_info(packet.data).has_value();
        }
    }
    if (read_flv_audio(bytes, packets)) {
        for (const FlvPacket& packet : packets) {
            write_and_read(packet, false);
            if (packet.type == FlvPacketType::kMultichannelConfig) {
                (void)read_flv_channels(packet.data).has_value();
            }
        }
    }
    return 0;
}

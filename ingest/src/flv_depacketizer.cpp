#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <formats/nal.hpp>
#include <ingest/flv_depacketizer.hpp>

namespace sg::ingest {

namespace {

using formats::Codec;
using formats::FlvPacketType;
using formats::fourcc;

constexpr std::uint8_t kAudio = 8;
constexpr std::uint8_t kVideo = 9;
constexpr std::uint8_t kDataAmf3 = 15;
constexpr std::uint8_t kDataAmf0 = 18;
constexpr std::size_t kMaxExtradata = std::size_t{64} << 10U;
constexpr std::size_t kMaxMarker = std::size_t{64} << 10U;

std::optional<Codec> codec_of(formats::FourCc name) {
    if (name == fourcc("avc1")) return Codec::kH264;
    if (name == fourcc("hvc1")) return Codec::kHevc;
    if (name == fourcc("av01")) return Codec::kAv1;
    if (name == fourcc("vp09")) return Codec::kVp9;
    if (name == fourcc("mp4a")) return Codec::kAac;
    if (name == fourcc(".mp3")) return Codec::kMp3;
    if (name == fourcc("Opus")) return Codec::kOpus;
    if (name == fourcc("fLaC")) return Codec::kFlac;
    if (name == fourcc("ac-3")) return Codec::kAc3;
    if (name == fourcc("ec-3")) return Codec::kEac3;
    return std::nullopt;
}

/// Each frame describes itself, and senders send nothing else.
bool self_describing(Codec codec) {
    return codec == Codec::kMp3 || codec == Codec::kAc3 || codec == Codec::kEac3;
}

/// A short string at the front (AMF0 section 2.4).
std::optional<std::string_view> leading_text(std::span<const std::byte> body) {
    formats::ByteReader reader(body);
    const bool text = reader.u8() == 2;
    const std::span<const std::byte> bytes = reader.bytes(reader.u16());
    if (!text || !reader.ok()) return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// Key frames by the bitstream where it tells: some encoders set the flag on any intra picture.
bool is_key(const LiveTrack& track, const formats::FlvPacket& packet) {
    const Codec codec = track.config.codec;
    if (codec != Codec::kH264 && codec != Codec::kHevc) return packet.key;
    return formats::access_unit_random_access(
               codec == Codec::kH264 ? formats::NalCodec::kH264 : formats::NalCodec::kHevc,
               packet.data,
               track.annex_b ? 0 : track.config.nal_length_size) != formats::RandomAccess::kNone;
}

}  // namespace

Status FlvDepacketizer::push(std::uint8_t type,
                             std::uint32_t timestamp,
                             std::span<const std::byte> body) {
    Status status;
    if (type == kVideo) {
        status = formats::read_flv_video(body, packets_);
    } else if (type == kAudio) {
        status = formats::read_flv_audio(body, packets_);
    } else if (type == kDataAmf0 || type == kDataAmf3) {
        return data(type, timestamp, body);
    } else {
        return {};
    }
    if (!status) {
        ++counters_.bad_messages;
        return status;
    }
    for (const formats::FlvPacket& each : packets_) {
        Status done = packet(type == kVideo, timestamp, each);
        if (!done && status) status = std::move(done);
    }
    return status;
}

Status FlvDepacketizer::packet(bool video,
                               std::uint32_t timestamp,
                               const formats::FlvPacket& packet) {
    if (packet.track >= kMaxTracks) {
        ++counters_.unsupported;
        return Error{Errc::kLimit,
                     fmt::format("read RTMP {} track {}: more than {} tracks",
                                 video ? "video" : "audio",
                                 packet.track,
                                 kMaxTracks)};
    }
    const int id = packet.track * 2 + (video ? 0 : 1);
    switch (packet.type) {
        case FlvPacketType::kSequenceStart:
        case FlvPacketType::kFrames:
            break;
        case FlvPacketType::kSequenceEnd: {
            const auto it = tracks_.find(id);
            if (it != tracks_.end() && std::exchange(it->second.announced, false)) {
                sink_.on_track_end(id);
            }
            return {};
        }
        default:
            return {};
    }
    const std::optional<Codec> codec = codec_of(packet.codec);
    if (!codec || formats::is_video(*codec) != video) {
        ++counters_.unsupported;
        if (packet.type == FlvPacketType::kFrames) return {};
        return Error{Errc::kUnsupported,
                     fmt::format("read RTMP {} track {}: its codec cannot be packaged; send H.264, "
                                 "HEVC, AV1, VP9, AAC, MP3, Opus, AC-3 or FLAC",
                                 video ? "video" : "audio",
                                 packet.track)};
    }
    TrackState& state = tracks_[id];
    state.track.id = id;
    if (packet.type == FlvPacketType::kSequenceStart) return configure(state, *codec, packet.data);
    if (packet.data.empty()) return {};
    if (self_describing(*codec)) SG_TRY(configure(state, *codec, packet.data));
    if (!state.usable || state.codec != codec) {
        ++counters_.without_config;
        return {};
    }
    unit(state, timestamp, packet);
    return {};
}

Status FlvDepacketizer::configure(TrackState& state,
                                  Codec codec,
                                  std::span<const std::byte> extradata) {
    const bool frame = self_describing(codec);
    if (!frame && state.codec == codec && state.usable &&
        std::equal(
            extradata.begin(), extradata.end(), state.extradata.begin(), state.extradata.end())) {
        return {};
    }
    if (!frame && extradata.size() > kMaxExtradata) {
        ++counters_.bad_messages;
        return Error{Errc::kBadData,
                     fmt::format("read RTMP decoder configuration: {} bytes are too "
                                 "many",
                                 extradata.size())};
    }
    Result<formats::CodecConfig> config = formats::make_codec_config(codec, extradata);
    if (!config) {
        ++counters_.bad_messages;
        // A damaged frame changes nothing; a damaged configuration leaves none to decode with.
        if (!frame) state.usable = false;
        return config.error().within("read RTMP decoder configuration");
    }
    if (frame && state.codec == codec && state.usable &&
        config->payload == state.track.config.payload) {
        return {};
    }
    state.codec = codec;
    state.usable = true;
    if (!frame) state.extradata.assign(extradata.begin(), extradata.end());
    state.track.config = std::move(*config);
    state.track.annex_b = state.track.config.from_annex_b;
    state.announced = true;
    sink_.on_track(state.track);
    return {};
}

void FlvDepacketizer::unit(TrackState& state,
                           std::uint32_t timestamp,
                           const formats::FlvPacket& packet) {
    if (!std::exchange(state.announced, true)) sink_.on_track(state.track);
    LiveUnit unit;
    unit.track = state.track.id;
    unit.dts = timestamp;
    unit.pts = std::int64_t{timestamp} + packet.composition;
    unit.key = !formats::is_video(*state.codec) || is_key(state.track, packet);
    unit.data.assign(packet.data.begin(), packet.data.end());
    sink_.on_unit(std::move(unit));
}

Status FlvDepacketizer::data(std::uint8_t type,
                             std::uint32_t timestamp,
                             std::span<const std::byte> body) {
    // An AMF3 data message is AMF0 behind a byte that says so.
    if (type == kDataAmf3 && !body.empty()) body = body.subspan(1);
    std::optional<std::string_view> name = leading_text(body);
    if (name == "@setDataFrame") {
        body = body.subspan(3 + name->size());
        name = leading_text(body);
    }
    if (!name) {
        ++counters_.bad_messages;
        return Error{Errc::kBadData, "read RTMP data message: it does not start with a name"};
    }
    if (body.size() > kMaxMarker) return {};
    LiveMarker marker;
    if (name == "onMetaData") {
        marker.kind = LiveMarker::Kind::kMetadata;
    } else if (name == "onCaptionInfo" || name == "onCaption" || name == "onTextData") {
        marker.kind = LiveMarker::Kind::kCaptions;
    } else if (name == "onFI" || name == "onTimecode") {
        marker.kind = LiveMarker::Kind::kTimecode;
    } else {
        return {};
    }
    marker.time = timestamp;
    marker.data.assign(body.begin(), body.end());
    sink_.on_marker(std::move(marker));
    return {};
}

}  // namespace sg::ingest

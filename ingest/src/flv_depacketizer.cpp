#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <formats/hdr_metadata.hpp>
#include <formats/nal.hpp>
#include <formats/vp9.hpp>
#include <ingest/flv_depacketizer.hpp>

#include "opus_head.hpp"
#include "parameter_sets.hpp"
#include "same_stream.hpp"

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
/// Of an Opus stream without a header: libopus' own.
constexpr unsigned kOpusPreSkip = 312;

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

std::optional<formats::NalCodec> nal_codec(Codec codec) {
    if (codec == Codec::kH264) return formats::NalCodec::kH264;
    if (codec == Codec::kHevc) return formats::NalCodec::kHevc;
    return std::nullopt;
}

unsigned length_size(const formats::CodecConfig& config) {
    return config.from_annex_b ? 0 : config.nal_length_size;
}

/// Key frames by the bitstream where it tells: some encoders set the flag on any intra picture.
bool is_key(const formats::CodecConfig& config, const formats::FlvPacket& packet) {
    if (!formats::is_video(config.codec)) return true;
    const auto nals = nal_codec(config.codec);
    if (!nals) return packet.key;
    return formats::access_unit_random_access(*nals, packet.data, length_size(config)) !=
           formats::RandomAccess::kNone;
}

/// VP9's own header has the picture's size and a rough idea of colour; the record that stands ahead
/// of it in RTMP has the level and exact colour, but no size.
formats::CodecConfig vp9_config(formats::VideoFacts picture, const formats::VideoFacts& record) {
    picture.level = record.level;
    if (record.colour_primaries != 2) picture.colour_primaries = record.colour_primaries;
    if (record.transfer != 2) picture.transfer = record.transfer;
    if (record.matrix != 2) picture.matrix = record.matrix;
    return formats::make_vp9_config(picture);
}

}  // namespace

FlvDepacketizer::TrackState::TrackState() = default;
FlvDepacketizer::TrackState::~TrackState() = default;

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
    if (packet.type == FlvPacketType::kSequenceEnd) {
        const auto it = tracks_.find(id);
        if (it != tracks_.end() && std::exchange(it->second.announced, false))
            sink_.on_track_end(id);
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
    switch (packet.type) {
        case FlvPacketType::kSequenceStart:
            return start(state, *codec, packet.data);
        case FlvPacketType::kMpeg2TsSequenceStart:
            // It tells nothing that the first key frame does not.
            return start(state, *codec, {});
        case FlvPacketType::kMetadata:
            return colour(state, packet.data);
        case FlvPacketType::kMultichannelConfig:
            return channels(state, packet.data);
        default:
            break;
    }
    if (packet.data.empty()) return {};
    const bool describes_itself = self_describing(*codec);
    if (describes_itself && state.codec != codec) {
        state.codec = codec;
        state.config = {};
        state.config.codec = *codec;
        state.usable = false;
    }
    if (state.codec != codec) {
        ++counters_.without_config;
        return {};
    }
    const bool key = is_key(state.config, packet);
    Status learnt;
    if (key && (video || describes_itself)) learnt = learn(state, packet.data);
    if (state.usable && (learnt || video))
        unit(state, timestamp, packet, key);
    else if (learnt)
        ++counters_.without_config;
    return learnt;
}

Status FlvDepacketizer::start(TrackState& state, Codec codec, Bytes extradata) {
    if (self_describing(codec)) return {};
    if (state.codec == codec && std::ranges::equal(extradata, state.extradata)) return {};
    if (extradata.size() > kMaxExtradata) {
        ++counters_.bad_messages;
        return Error{Errc::kBadData,
                     fmt::format("read RTMP decoder configuration: {} bytes are too "
                                 "many",
                                 extradata.size())};
    }
    // A damaged configuration leaves none to decode with.
    state.usable = false;
    state.codec.reset();
    state.config = {};
    state.config.codec = codec;
    const auto known = [&] {
        state.codec = codec;
        state.extradata.assign(extradata.begin(), extradata.end());
    };
    if (codec == Codec::kOpus && extradata.empty()) {
        // Enhanced RTMP v2 "Enhanced Audio": then a multichannel configuration tells the channels.
        known();
        return take(state,
                    formats::make_codec_config(
                        codec, opus_head(state.channels == 0 ? 2 : state.channels, kOpusPreSkip)));
    }
    if (codec == Codec::kAv1 && extradata.empty()) {
        known();
        return {};
    }
    Result<formats::CodecConfig> config = formats::make_codec_config(codec, extradata);
    // AV1 may leave its sequence header to the first key frame.
    if (!config && config.error().code == Errc::kAgain) {
        known();
        return {};
    }
    if (config) known();
    if (config && codec == Codec::kVp9) {
        state.config = std::move(*config);
        return {};
    }
    SG_TRY(take(state, std::move(config)));
    if (const auto nals = nal_codec(codec)) {
        state.sets = std::make_unique<ParameterSets>();
        state.sets->assign(*nals, state.config.parameter_sets);
    }
    return {};
}

Status FlvDepacketizer::learn(TrackState& state, Bytes frame) {
    const Codec codec = *state.codec;
    if (self_describing(codec)) return take(state, formats::make_codec_config(codec, frame));
    if (codec == Codec::kVp9) {
        Result<formats::VideoFacts> picture = formats::parse_vp9_key_frame(frame);
        if (!picture) return take(state, picture.error());
        return take(state, vp9_config(*picture, state.config.video));
    }
    if (codec == Codec::kAv1) {
        Result<formats::CodecConfig> config = formats::make_codec_config(codec, frame);
        const bool silent = !config && config.error().code == Errc::kAgain;
        const bool other = !config || config->parameter_sets != state.config.parameter_sets;
        if (!silent && other) return take(state, std::move(config));
    } else if (const unsigned lengths = length_size(state.config);
               state.sets && state.sets->gather(frame, lengths)) {
        Result<formats::CodecConfig> config =
            formats::make_codec_config(codec, state.sets->annex_b());
        if (config && lengths != 0) formats::use_nal_lengths(*config, lengths);
        if (config) formats::read_hdr_metadata(codec, frame, lengths, config->video);
        return take(state, std::move(config));
    }
    if (!state.usable) return {};
    formats::CodecConfig config = state.config;
    formats::read_hdr_metadata(codec, frame, length_size(config), config.video);
    return take(state, std::move(config));
}

Status FlvDepacketizer::colour(TrackState& state, Bytes data) {
    Result<std::optional<formats::FlvColorInfo>> info = formats::read_flv_color_info(data);
    if (!info) {
        ++counters_.bad_messages;
        return info.error().within("read RTMP video metadata");
    }
    if (!*info || **info == state.colour) return {};
    state.colour = **info;
    if (state.announced) announce(state);
    return {};
}

Status FlvDepacketizer::channels(TrackState& state, Bytes data) {
    Result<formats::FlvChannels> told = formats::read_flv_channels(data);
    if (!told) {
        ++counters_.bad_messages;
        return told.error().within("read RTMP multichannel configuration");
    }
    state.channels = told->count;
    const bool headless = state.codec == Codec::kOpus && state.extradata.empty();
    if (!headless || state.channels == state.config.audio.channels) return {};
    return take(state,
                formats::make_codec_config(Codec::kOpus, opus_head(state.channels, kOpusPreSkip)));
}

/// A configuration that cannot be made changes nothing.
Status FlvDepacketizer::take(TrackState& state, Result<formats::CodecConfig> config) {
    if (!config) {
        ++counters_.bad_messages;
        return config.error().within("read RTMP decoder configuration");
    }
    if (state.usable && same_stream(*config, state.config)) return {};
    state.config = std::move(*config);
    state.usable = true;
    announce(state);
    return {};
}

void FlvDepacketizer::announce(TrackState& state) {
    state.track.config = state.config;
    state.colour.complete(state.track.config.video);
    state.track.annex_b = state.config.from_annex_b;
    state.announced = true;
    sink_.on_track(state.track);
}

void FlvDepacketizer::unit(TrackState& state,
                           std::uint32_t timestamp,
                           const formats::FlvPacket& packet,
                           bool key) {
    if (!state.announced) announce(state);
    LiveUnit unit;
    unit.track = state.track.id;
    unit.dts = timestamp;
    unit.pts = std::int64_t{timestamp} + packet.composition;
    unit.fine_ns = packet.nanoseconds;
    unit.key = key;
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

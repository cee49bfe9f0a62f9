#include "restream_rtmp.hpp"

#include <utility>

#include <fmt/format.h>

#include <formats/amf0.hpp>
#include <formats/codec_config.hpp>
#include <formats/flv.hpp>
#include <formats/nal.hpp>

namespace sg::live {
namespace {

using formats::Amf0Value;
using formats::Codec;
using formats::fourcc;
using protocols::RtmpType;

constexpr std::int64_t kMillisecond = 1'000'000;

/// AudioSpecificConfig inside our own esds, whose descriptors have sizes of four bytes.
std::vector<std::byte> audio_specific(const std::vector<std::byte>& esds) {
    constexpr std::size_t kDescriptor = 30;
    constexpr std::size_t kHeader = 5;
    if (esds.size() < kDescriptor + kHeader || esds[kDescriptor] != std::byte{5}) return {};
    std::size_t size = 0;
    for (std::size_t i = 1; i < kHeader; ++i)
        size = size << 7 | (std::to_integer<std::size_t>(esds[kDescriptor + i]) & 127U);
    const auto rest = std::span(esds).subspan(kDescriptor + kHeader);
    if (size == 0 || size > rest.size()) return {};
    return {rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size)};
}

double as_number(std::uint64_t value) {
    return static_cast<double>(value);
}

protocols::RtmpClientOptions options_for(protocols::RtmpUrl url) {
    protocols::RtmpClientOptions options;
    options.url = std::move(url);
    return options;
}

}  // namespace

RtmpRestreamLink::RtmpRestreamLink(boost::asio::io_context& home, protocols::RtmpUrl url)
    : client_(home, options_for(std::move(url)), *this) {}

void RtmpRestreamLink::start(Events events) {
    events_ = std::move(events);
    client_.start();
}

void RtmpRestreamLink::on_ready() {
    events_.ready();
}

void RtmpRestreamLink::on_messages(std::span<protocols::RtmpMessage> /*messages*/) {}

void RtmpRestreamLink::on_closed(const Error& why) {
    events_.closed(why);
}

Status RtmpRestreamLink::track(const ingest::LiveTrack& track) {
    Track entry;
    entry.described = track;
    const auto& config = track.config;
    for (const auto& [id, other] : tracks_) {
        if (id == track.id) continue;
        if (formats::is_video(other.described.config.codec) == formats::is_video(config.codec))
            return Error{Errc::kUnsupported, "RTMP servers take one video and one audio track"};
    }
    switch (config.codec) {
        case Codec::kH264:
            entry.fourcc = fourcc("avc1");
            entry.configuration = config.payload;
            break;
        case Codec::kHevc:
            entry.fourcc = fourcc("hvc1");
            entry.configuration = config.payload;
            break;
        case Codec::kAv1:
            entry.fourcc = fourcc("av01");
            entry.configuration = config.payload;
            break;
        case Codec::kAac:
            entry.fourcc = fourcc("mp4a");
            entry.configuration = audio_specific(config.payload);
            break;
        case Codec::kMp3:
            entry.fourcc = fourcc(".mp3");
            entry.announced = true;  // it describes itself
            break;
        default:
            return Error{Errc::kUnsupported,
                         fmt::format("RTMP targets get no {}", formats::codec_name(config.codec))};
    }
    tracks_[track.id] = std::move(entry);
    return {};
}

bool RtmpRestreamLink::send_metadata(std::uint32_t time) {
    Amf0Value::Object facts;
    facts.ecma_array = true;
    for (const auto& [id, track] : tracks_) {
        const auto& config = track.described.config;
        if (formats::is_video(config.codec)) {
            facts.properties.emplace_back("width", as_number(config.video.width));
            facts.properties.emplace_back("height", as_number(config.video.height));
            facts.properties.emplace_back(
                "videocodecid", config.codec == Codec::kH264 ? 7.0 : as_number(track.fourcc));
        } else {
            facts.properties.emplace_back("audiosamplerate", as_number(config.audio.sample_rate));
            facts.properties.emplace_back("audiochannels", as_number(config.audio.channels));
            facts.properties.emplace_back("stereo", config.audio.channels == 2);
            facts.properties.emplace_back("audiocodecid", config.codec == Codec::kMp3 ? 2.0 : 10.0);
        }
    }
    facts.properties.emplace_back("encoder", "StreamGate");
    body_.clear();
    formats::write_amf0("@setDataFrame", body_);
    formats::write_amf0("onMetaData", body_);
    formats::write_amf0(std::move(facts), body_);
    return client_.send(RtmpType::kDataAmf0, time, {}, body_);
}

bool RtmpRestreamLink::send(const Track& track,
                            bool configuration,
                            const ingest::TimedUnit& unit,
                            std::uint32_t time) {
    const bool video = formats::is_video(track.described.config.codec);
    formats::FlvPacket packet;
    packet.type =
        configuration ? formats::FlvPacketType::kSequenceStart : formats::FlvPacketType::kFrames;
    packet.codec = track.fourcc;
    packet.key = configuration || unit.key;
    if (!configuration)
        packet.composition =
            static_cast<std::int32_t>((unit.pts_ns - *origin_ns_) / kMillisecond - time);
    std::span<const std::byte> data = configuration
                                          ? std::span<const std::byte>(track.configuration)
                                          : std::span<const std::byte>(unit.data);
    if (!configuration && track.described.annex_b) {
        body_.clear();
        formats::AnnexBNals nals(data);
        for (std::span<const std::byte> nal; nals.next(nal);)
            if (!formats::append_length_prefixed(nal, body_)) return false;
        data = body_;
    }
    head_.clear();
    if (video)
        formats::write_flv_video_header(packet, head_);
    else
        formats::write_flv_audio_header(packet, head_);
    return client_.send(video ? RtmpType::kVideo : RtmpType::kAudio, time, head_, data);
}

bool RtmpRestreamLink::unit(const ingest::TimedUnit& unit) {
    const auto found = tracks_.find(unit.track);
    if (found == tracks_.end()) return true;
    if (!origin_ns_) origin_ns_ = unit.dts_ns;
    // Sound that is a little older than the first picture.
    if (unit.dts_ns < *origin_ns_) return true;
    const auto time = static_cast<std::uint32_t>((unit.dts_ns - *origin_ns_) / kMillisecond);
    if (!metadata_sent_) {
        if (!send_metadata(time)) return false;
        metadata_sent_ = true;
    }
    for (auto& [id, track] : tracks_) {
        if (track.announced) continue;
        if (!send(track, true, unit, time)) return false;
        track.announced = true;
    }
    return send(found->second, false, unit, time);
}

void RtmpRestreamLink::finish() {
    client_.finish();
}

std::uint64_t RtmpRestreamLink::sent_bytes() const {
    return client_.stats().sent_bytes;
}

}  // namespace sg::live

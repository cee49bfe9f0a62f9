#include "restream_srt.hpp"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <formats/codec_config.hpp>

namespace sg::live {
namespace {

using formats::Codec;
using formats::ts::StreamType;

/// PAT and PMT at least so often, and before key frames.
constexpr std::int64_t kTablesNs = 400'000'000;
/// Room for the clock to run ahead of the first picture.
constexpr std::int64_t kLeadNs = 1'000'000'000;

Result<StreamType> stream_type(const formats::CodecConfig& config) {
    switch (config.codec) {
        case Codec::kH264:
            return StreamType::kH264;
        case Codec::kHevc:
            return StreamType::kHevc;
        case Codec::kAac:
            return StreamType::kAac;
        case Codec::kAc3:
            return StreamType::kAc3;
        case Codec::kEac3:
            return StreamType::kEac3;
        case Codec::kMp3:
            return config.audio.sample_rate < 32'000 ? StreamType::kMpeg2Audio
                                                     : StreamType::kMpeg1Audio;
        default:
            return Error{Errc::kUnsupported,
                         fmt::format("our transport streams carry no {}",
                                     formats::codec_name(config.codec))};
    }
}

std::int64_t clock_of(std::int64_t ns) {
    return ns / 100'000 * 9 + ns % 100'000 * 9 / 100'000;
}

}  // namespace

SrtRestreamLink::SrtRestreamLink(boost::asio::io_context& home,
                                 protocols::SrtService& service,
                                 SrtTarget target)
    : home_(home), service_(service), target_(std::move(target)) {}

SrtRestreamLink::~SrtRestreamLink() {
    shared_->events = {};
    if (shared_->connection) shared_->connection->close();
}

void SrtRestreamLink::start(Events events) {
    shared_->events = std::move(events);
    protocols::SrtCallSettings settings;
    settings.host = target_.host;
    settings.port = target_.port;
    settings.stream_id = target_.stream_id;
    settings.passphrase = target_.passphrase;
    settings.key_bytes = target_.key_bytes;
    settings.latency = target_.latency;
    const auto executor = [&home = home_](std::function<void()> work) {
        boost::asio::post(home, std::move(work));
    };
    protocols::srt_call(service_,
                        std::move(settings),
                        executor,
                        [weak = std::weak_ptr(shared_),
                         executor](Result<std::shared_ptr<protocols::SrtConnection>> called) {
                            const auto shared = weak.lock();
                            if (!shared || !shared->events.ready) return;
                            if (!called) {
                                shared->events.closed(called.error());
                                return;
                            }
                            shared->connection = std::move(*called);
                            protocols::SrtHandler handler;
                            handler.on_data = [](std::span<const std::byte>) {};
                            handler.on_end = [weak](const Error& why) {
                                const auto still = weak.lock();
                                if (still && still->events.closed) still->events.closed(why);
                            };
                            shared->connection->start(executor, std::move(handler));
                            shared->events.ready();
                        });
}

Status SrtRestreamLink::track(const ingest::LiveTrack& track) {
    Track entry;
    entry.described = track;
    SG_TRY_ASSIGN(entry.type, stream_type(track.config));
    if (track.config.codec == Codec::kAac) {
        SG_TRY_ASSIGN(entry.adts, formats::AdtsFramer::create(track.config.audio));
    }
    tracks_[track.id] = std::move(entry);
    // Its tables are other ones from the next unit on.
    writer_.reset();
    return {};
}

void SrtRestreamLink::restart_writer() {
    std::vector<formats::ts::Stream> streams;
    for (auto& [id, track] : tracks_) {
        track.stream = streams.size();
        streams.push_back({track.type, track.described.language});
    }
    writer_.emplace(std::move(streams));
}

Status SrtRestreamLink::payload(const Track& track, const ingest::TimedUnit& unit) {
    payload_.clear();
    const auto& config = track.described.config;
    const bool nals = config.codec == Codec::kH264 || config.codec == Codec::kHevc;
    if (nals && !track.described.annex_b) {
        const std::vector<std::vector<std::byte>> none;
        return formats::append_annex_b(
            config.codec == Codec::kH264 ? formats::NalCodec::kH264 : formats::NalCodec::kHevc,
            unit.data,
            config.nal_length_size,
            unit.key ? std::span(config.parameter_sets) : std::span(none),
            payload_);
    }
    if (track.adts) return track.adts->append(unit.data, payload_);
    payload_ = unit.data;
    return {};
}

bool SrtRestreamLink::unit(const ingest::TimedUnit& unit) {
    const auto found = tracks_.find(unit.track);
    if (found == tracks_.end()) return true;
    if (!shared_->connection) return false;
    const Track& track = found->second;
    // A sample that cannot be framed is left out; what follows is not worse for it.
    if (!payload(track, unit)) return true;
    if (!origin_ns_) origin_ns_ = unit.dts_ns - kLeadNs;
    if (unit.dts_ns < *origin_ns_) return true;
    packets_.clear();
    const bool video = formats::is_video(track.described.config.codec);
    const bool fresh = !writer_;
    if (fresh) restart_writer();
    if (fresh || (video && unit.key) || unit.dts_ns - tables_ns_ >= kTablesNs) {
        writer_->begin_segment(packets_);
        tables_ns_ = unit.dts_ns;
    }
    formats::ts::Unit out;
    out.stream = track.stream;
    out.pts = clock_of(unit.pts_ns - *origin_ns_);
    out.dts = clock_of(unit.dts_ns - *origin_ns_);
    out.random_access = unit.key;
    out.payload = payload_;
    writer_->write(out, packets_);
    if (!shared_->connection->send(packets_)) {
        // Counters went on without it, which tells the receiver that something is missing.
        return false;
    }
    sent_bytes_ += packets_.size();
    return true;
}

}  // namespace sg::live

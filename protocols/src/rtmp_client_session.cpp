#include <algorithm>

#include <fmt/format.h>

#include <formats/byte_reader.hpp>
#include <protocols/rtmp_client_session.hpp>

#include "rtmp_command.hpp"

namespace sg::protocols {
namespace {

using formats::Amf0Value;

constexpr std::uint32_t kWindow = 2'500'000;
/// Large chunks save headers and the server's work; 60000 is what other clients use as well.
constexpr std::uint32_t kOurChunkSize = 60'000;
constexpr std::uint32_t kPlayBufferMilliseconds = 3000;
/// Live streams start at once, recorded ones are not asked for (section 7.2.2.1).
constexpr double kLiveOnly = -1000;

/// Transaction ids of the commands that are answered.
constexpr double kConnect = 1;
constexpr double kReleaseStream = 2;
constexpr double kFcPublish = 3;
constexpr double kCreateStream = 4;

RtmpChunkStream chunk_stream(RtmpType type) {
    switch (type) {
        case RtmpType::kAudio:
            return RtmpChunkStream::kAudio;
        case RtmpType::kVideo:
            return RtmpChunkStream::kVideo;
        default:
            return RtmpChunkStream::kData;
    }
}

}  // namespace

RtmpClientSession::RtmpClientSession(RtmpUrl url,
                                     RtmpIntent intent,
                                     const RtmpChunkLimits& limits,
                                     std::uint64_t seed)
    : url_(std::move(url)),
      intent_(intent),
      handshake_(RtmpHandshake::Role::kClient, seed),
      reader_(limits),
      ack_window_(kWindow) {
    output_.swap(handshake_.output());
}

Result<RtmpClientSession::Event> RtmpClientSession::advance(std::span<const std::byte>& input) {
    const std::size_t before = input.size();
    if (!handshake_.done()) {
        SG_TRY(handshake_.receive(input));
        std::vector<std::byte>& answer = handshake_.output();
        output_.insert(output_.end(), answer.begin(), answer.end());
        answer.clear();
        if (!handshake_.done()) return Event::kNeedInput;
    }
    if (!connect_sent_) connect();
    RtmpMessage message;
    Event event = Event::kNeedInput;
    while (event == Event::kNeedInput) {
        SG_TRY_ASSIGN(const bool whole, reader_.next(input, message));
        if (!whole) break;
        SG_TRY_ASSIGN(event, handle(std::move(message)));
    }
    received_ += before - input.size();
    acknowledge();
    return event;
}

void RtmpClientSession::acknowledge() {
    if (received_ - acknowledged_ < ack_window_) return;
    acknowledged_ = received_;
    rtmp::write_number(
        writer_, RtmpType::kAcknowledgement, static_cast<std::uint32_t>(received_), output_);
}

void RtmpClientSession::connect() {
    connect_sent_ = true;
    writer_.set_chunk_size(kOurChunkSize, output_);
    Amf0Value::Object object;
    object.properties = {{"app", url_.app},
                         {"type", "nonprivate"},
                         {"flashVer", "FMLE/3.0 (compatible; StreamGate)"},
                         {"tcUrl", url_.tc_url()},
                         // Enhanced RTMP v2: multitrack and ModEx are understood, any codec is
                         // forwarded.
                         {"capsEx", 2.0 + 4.0},
                         {"fourCcList", Amf0Value(Amf0Value::Array{"*"})}};
    rtmp::write_command(writer_, 0, {"connect", kConnect, std::move(object)}, output_);
}

void RtmpClientSession::on_connected() {
    if (intent_ == RtmpIntent::kPublish) {
        const Amf0Value null = Amf0Value::Null{};
        rtmp::write_command(
            writer_, 0, {"releaseStream", kReleaseStream, null, url_.stream}, output_);
        rtmp::write_command(writer_, 0, {"FCPublish", kFcPublish, null, url_.stream}, output_);
    } else {
        rtmp::write_number(writer_, RtmpType::kWindowAckSize, kWindow, output_);
    }
    rtmp::write_command(writer_, 0, {"createStream", kCreateStream, Amf0Value::Null{}}, output_);
}

void RtmpClientSession::on_stream(std::uint32_t stream_id) {
    stream_id_ = stream_id;
    const Amf0Value null = Amf0Value::Null{};
    if (intent_ == RtmpIntent::kPublish) {
        rtmp::write_command(
            writer_, stream_id_, {"publish", 5.0, null, url_.stream, "live"}, output_);
        return;
    }
    rtmp::write_command(writer_, stream_id_, {"play", 5.0, null, url_.stream, kLiveOnly}, output_);
    rtmp::write_buffer_length(writer_, stream_id_, kPlayBufferMilliseconds, output_);
}

RtmpClientSession::Event RtmpClientSession::become_ready() {
    if (ready_) return Event::kNeedInput;
    ready_ = true;
    return Event::kReady;
}

Result<RtmpClientSession::Event> RtmpClientSession::handle(RtmpMessage message) {
    switch (message.type) {
        case RtmpType::kCommandAmf0:
        case RtmpType::kCommandAmf3:
            return command(message);
        case RtmpType::kUserControl:
            SG_TRY(rtmp::answer_ping(writer_, message, output_));
            return Event::kNeedInput;
        case RtmpType::kWindowAckSize: {
            formats::ByteReader reader(message.payload.bytes());
            const std::uint32_t window = reader.u32();
            if (reader.ok()) ack_window_ = std::max<std::uint32_t>(window, 64 << 10);
            return Event::kNeedInput;
        }
        case RtmpType::kAudio:
        case RtmpType::kVideo:
        case RtmpType::kDataAmf0:
            if (intent_ != RtmpIntent::kPlay || stream_id_ == 0) return Event::kNeedInput;
            messages_.push_back(std::move(message));
            // Some servers never say that playing has begun.
            return become_ready();
        case RtmpType::kAggregate: {
            if (intent_ != RtmpIntent::kPlay || stream_id_ == 0) return Event::kNeedInput;
            SG_TRY(rtmp::split_aggregate(message, messages_));
            return become_ready();
        }
        default:
            return Event::kNeedInput;
    }
}

Result<RtmpClientSession::Event> RtmpClientSession::command(const RtmpMessage& message) {
    SG_TRY_ASSIGN(const rtmp::Values values, rtmp::read_command(message));
    const std::string name = rtmp::text_at(values, 0);
    const double transaction = rtmp::number_at(values, 1);
    if (name == "_result" && transaction == kConnect) {
        on_connected();
    } else if (name == "_result" && transaction == kCreateStream) {
        on_stream(static_cast<std::uint32_t>(rtmp::number_at(values, 3)));
    } else if (name == "_error" && (transaction == kConnect || transaction == kCreateStream)) {
        const Amf0Value info = values.size() > 3 ? values[3] : Amf0Value();
        return Error{Errc::kPermission,
                     fmt::format("{} refuses: {} {}",
                                 url_.shown(),
                                 rtmp::text_of(info, "code"),
                                 rtmp::text_of(info, "description"))};
    } else if (name == "onStatus") {
        return on_status(values.size() > 3 ? values[3] : Amf0Value());
    } else if (name == "close") {
        return Error{Errc::kIo, url_.shown() + " closes the connection"};
    }
    return Event::kNeedInput;
}

Result<RtmpClientSession::Event> RtmpClientSession::on_status(const Amf0Value& info) {
    const std::string code = rtmp::text_of(info, "code");
    if (rtmp::text_of(info, "level") == "error") {
        return Error{
            Errc::kPermission,
            fmt::format(
                "{} refuses: {} {}", url_.shown(), code, rtmp::text_of(info, "description"))};
    }
    if (code == "NetStream.Publish.Start" && intent_ == RtmpIntent::kPublish) return become_ready();
    if (code == "NetStream.Play.Start" && intent_ == RtmpIntent::kPlay) return become_ready();
    if (code == "NetStream.Play.UnpublishNotify" || code == "NetStream.Play.Stop" ||
        code == "NetStream.Play.Complete") {
        return Error{Errc::kEndOfStream, url_.shown() + " has ended the stream"};
    }
    return Event::kNeedInput;
}

void RtmpClientSession::send(RtmpType type,
                             std::uint32_t timestamp,
                             std::span<const std::byte> head,
                             std::span<const std::byte> body) {
    writer_.write({chunk_stream(type), type, stream_id_, timestamp}, head, body, output_);
}

void RtmpClientSession::finish() {
    if (!ready_) return;
    const Amf0Value null = Amf0Value::Null{};
    if (intent_ == RtmpIntent::kPublish) {
        rtmp::write_command(writer_, 0, {"FCUnpublish", 6.0, null, url_.stream}, output_);
    }
    rtmp::write_command(writer_, 0, {"deleteStream", 7.0, null, double(stream_id_)}, output_);
}

}  // namespace sg::protocols

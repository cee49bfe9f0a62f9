#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <protocols/rtmp_client_session.hpp>

#include "rtmp_command.hpp"

namespace sg::protocols {
namespace {

using formats::Amf0Value;

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

void hide(std::string& words, std::string_view secret) {
    if (secret.empty()) return;
    for (auto at = words.find(secret); at != std::string::npos; at = words.find(secret, at + 3)) {
        words.replace(at, secret.size(), "...");
    }
}

/// For messages and logs: what a stranger said, within bounds.
std::string one_line(std::string_view words) {
    constexpr std::size_t kMost = 300;
    std::string line(words.substr(0, kMost));
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return line;
}

}  // namespace

RtmpClientSession::RtmpClientSession(RtmpUrl url,
                                     RtmpIntent intent,
                                     const RtmpChunkLimits& limits,
                                     std::uint64_t seed)
    : url_(std::move(url)), intent_(intent), link_(RtmpHandshake::Role::kClient, limits, seed) {}

Result<RtmpClientSession::Event> RtmpClientSession::advance(std::span<const std::byte>& input) {
    RtmpMessage message;
    Event event = Event::kNeedInput;
    while (event == Event::kNeedInput) {
        SG_TRY_ASSIGN(const bool whole, link_.next(input, message));
        if (!connect_sent_ && link_.open()) connect();
        if (!whole) break;
        SG_TRY_ASSIGN(event, handle(std::move(message)));
    }
    return event;
}

void RtmpClientSession::connect() {
    connect_sent_ = true;
    link_.writer().set_chunk_size(kOurChunkSize, link_.output());
    Amf0Value::Object object;
    object.properties = {{"app", url_.app},
                         {"type", "nonprivate"},
                         {"flashVer", "FMLE/3.0 (compatible; StreamGate)"},
                         {"tcUrl", url_.tc_url()},
                         // Enhanced RTMP v2: multitrack and ModEx are understood, any codec is
                         // forwarded.
                         {"capsEx", 2.0 + 4.0},
                         {"fourCcList", Amf0Value(Amf0Value::Array{"*"})}};
    rtmp::write_command(
        link_.writer(), 0, {"connect", kConnect, std::move(object)}, link_.output());
}

void RtmpClientSession::on_connected() {
    if (intent_ == RtmpIntent::kPublish) {
        const Amf0Value null = Amf0Value::Null{};
        rtmp::write_command(link_.writer(),
                            0,
                            {"releaseStream", kReleaseStream, null, url_.stream},
                            link_.output());
        rtmp::write_command(
            link_.writer(), 0, {"FCPublish", kFcPublish, null, url_.stream}, link_.output());
    } else {
        rtmp::write_number(
            link_.writer(), RtmpType::kWindowAckSize, RtmpLink::kWindow, link_.output());
    }
    rtmp::write_command(
        link_.writer(), 0, {"createStream", kCreateStream, Amf0Value::Null{}}, link_.output());
}

Status RtmpClientSession::on_stream(double stream_id) {
    if (!(stream_id >= 1 && stream_id <= std::numeric_limits<std::uint32_t>::max())) {
        return Error{Errc::kBadData, url_.shown() + " makes a stream without a usable number"};
    }
    stream_id_ = static_cast<std::uint32_t>(stream_id);
    const Amf0Value null = Amf0Value::Null{};
    if (intent_ == RtmpIntent::kPublish) {
        rtmp::write_command(link_.writer(),
                            stream_id_,
                            {"publish", 5.0, null, url_.stream, "live"},
                            link_.output());
        return {};
    }
    rtmp::write_command(
        link_.writer(), stream_id_, {"play", 5.0, null, url_.stream, kLiveOnly}, link_.output());
    rtmp::write_buffer_length(link_.writer(), stream_id_, kPlayBufferMilliseconds, link_.output());
    return {};
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
        SG_TRY(on_stream(rtmp::number_at(values, 3)));
    } else if (name == "_error" && (transaction == kConnect || transaction == kCreateStream)) {
        return refusal(values.size() > 3 ? values[3] : Amf0Value());
    } else if (name == "onStatus") {
        return on_status(values.size() > 3 ? values[3] : Amf0Value());
    } else if (name == "close") {
        return Error{Errc::kIo, url_.shown() + " closes the connection"};
    }
    return Event::kNeedInput;
}

Error RtmpClientSession::refusal(const Amf0Value& info) const {
    std::string words = rtmp::text_of(info, "code") + ' ' + rtmp::text_of(info, "description");
    // Servers like to repeat the stream, which usually holds the key, whole or without its query.
    const std::size_t query = std::min(url_.stream.find('?'), url_.stream.size());
    const std::string_view stream = url_.stream;
    for (const auto secret : {stream, stream.substr(query), stream.substr(0, query)}) {
        hide(words, secret);
    }
    return Error{Errc::kPermission, fmt::format("{} refuses: {}", url_.shown(), one_line(words))};
}

Result<RtmpClientSession::Event> RtmpClientSession::on_status(const Amf0Value& info) {
    const std::string code = rtmp::text_of(info, "code");
    if (rtmp::text_of(info, "level") == "error") return refusal(info);
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
    link_.writer().write(
        {chunk_stream(type), type, stream_id_, timestamp}, head, body, link_.output());
}

void RtmpClientSession::finish() {
    if (!ready_) return;
    const Amf0Value null = Amf0Value::Null{};
    if (intent_ == RtmpIntent::kPublish) {
        rtmp::write_command(
            link_.writer(), 0, {"FCUnpublish", 6.0, null, url_.stream}, link_.output());
    }
    rtmp::write_command(
        link_.writer(), 0, {"deleteStream", 7.0, null, double(stream_id_)}, link_.output());
}

}  // namespace sg::protocols

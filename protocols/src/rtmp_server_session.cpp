#include <algorithm>

#include <fmt/format.h>

#include <formats/amf0.hpp>
#include <protocols/rtmp_server_session.hpp>

#include "rtmp_command.hpp"

namespace sg::protocols {
namespace {

using formats::Amf0Value;

constexpr std::uint32_t kOurChunkSize = 4096;
constexpr std::uint32_t kMaxStreams = 64;
/// Before anybody is accepted: room for any command.
constexpr std::size_t kSetupMessage = 256 << 10;
/// CapsExMask of Enhanced RTMP v2 "Enhancing NetConnection connect Command".
constexpr std::uint32_t kReconnect = 1;
constexpr std::uint32_t kMultitrack = 2;
constexpr std::uint32_t kModEx = 4;
constexpr std::uint32_t kTimestampNanoOffset = 8;

/// "rtmp://host:1935/live" -> "host"; "rtmp://[::1]/live" -> "::1".
std::string host_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?"));
    url.remove_prefix(url.find('@') == std::string_view::npos ? 0 : url.find('@') + 1);
    if (url.starts_with('[')) return std::string(url.substr(1, url.find(']') - 1));
    return std::string(url.substr(0, url.rfind(':')));
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            decoded += static_cast<char>(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
            i += 2;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

/// The fields of Enhanced RTMP v2 "Enhancing NetConnection connect Command": what we take in.
void add_capabilities(Amf0Value::Object& answer) {
    constexpr double kCanForward = 4;
    // The first version knows the list alone.
    Amf0Value::Array list;
    Amf0Value::Object video;
    for (const char* codec : {"avc1", "hvc1", "av01", "vp09"}) {
        video.properties.emplace_back(codec, kCanForward);
        list.emplace_back(codec);
    }
    Amf0Value::Object audio;
    for (const char* codec : {"mp4a", "Opus", "ac-3", "ec-3", "fLaC", ".mp3"}) {
        audio.properties.emplace_back(codec, kCanForward);
        list.emplace_back(codec);
    }
    answer.properties.emplace_back(
        "capsEx", double{kReconnect | kMultitrack | kModEx | kTimestampNanoOffset});
    answer.properties.emplace_back("fourCcList", std::move(list));
    answer.properties.emplace_back("videoFourCcInfoMap", std::move(video));
    answer.properties.emplace_back("audioFourCcInfoMap", std::move(audio));
}

RtmpChunkLimits setup_limits(RtmpChunkLimits limits) {
    limits.message_bytes = std::min(limits.message_bytes, kSetupMessage);
    limits.partial_bytes = std::min(limits.partial_bytes, 2 * kSetupMessage);
    return limits;
}

}  // namespace

std::string RtmpPublishRequest::argument(std::string_view name) const {
    std::string_view rest = query;
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) != name) continue;
        return equals == std::string_view::npos ? std::string()
                                                : percent_decoded(pair.substr(equals + 1));
    }
    return {};
}

RtmpServerSession::RtmpServerSession(const RtmpChunkLimits& limits, std::uint64_t seed)
    : limits_(limits), link_(RtmpHandshake::Role::kServer, setup_limits(limits), seed) {}

Result<RtmpServerSession::Event> RtmpServerSession::advance(std::span<const std::byte>& input) {
    RtmpMessage message;
    Event event = Event::kNeedInput;
    while (event == Event::kNeedInput) {
        SG_TRY_ASSIGN(const bool whole, link_.next(input, message));
        if (!whole) break;
        SG_TRY_ASSIGN(event, handle(std::move(message)));
    }
    return event;
}

Result<RtmpServerSession::Event> RtmpServerSession::handle(RtmpMessage message) {
    switch (message.type) {
        case RtmpType::kCommandAmf0:
        case RtmpType::kCommandAmf3:
            return command(message);
        case RtmpType::kDataAmf3:
            // What encoders send is AMF0 behind one zero byte.
            if (message.payload.empty() || message.payload.bytes().front() != std::byte{0}) break;
            message.type = RtmpType::kDataAmf0;
            message.payload = message.payload.tail(1);
            [[fallthrough]];
        case RtmpType::kAudio:
        case RtmpType::kVideo:
        case RtmpType::kDataAmf0:
            if (publishing_ && !message.payload.empty()) messages_.push_back(std::move(message));
            break;
        case RtmpType::kAggregate:
            if (publishing_) SG_TRY(rtmp::split_aggregate(message, messages_));
            break;
        default:
            break;
    }
    return Event::kNeedInput;
}

Result<RtmpServerSession::Event> RtmpServerSession::command(const RtmpMessage& message) {
    SG_TRY_ASSIGN(const Values values, rtmp::read_command(message));
    const std::string name = rtmp::text_at(values, 0);
    const double transaction = rtmp::number_at(values, 1);
    if (name == "connect") {
        on_connect(values);
        return Event::kNeedInput;
    }
    if (!connected_) {
        return Error{Errc::kBadData, "the client sends a command before it has connected"};
    }
    if (name == "createStream") {
        if (++streams_ > kMaxStreams) {
            return Error{Errc::kLimit,
                         fmt::format("the client makes over {} streams", kMaxStreams)};
        }
        send_command(0, {"_result", transaction, Amf0Value::Null{}, double(streams_)});
    } else if (name == "releaseStream" || name == "FCPublish") {
        send_command(0, {"_result", transaction, Amf0Value::Null{}, Amf0Value()});
        if (name == "FCPublish") {
            send_command(0,
                         {"onFCPublish",
                          0.0,
                          Amf0Value::Null{},
                          rtmp::status_info("status", "NetStream.Publish.Start", "ready")});
        }
    } else if (name == "publish") {
        return on_publish(values, message.stream_id);
    } else if (name == "play" || name == "play2") {
        on_play(message.stream_id);
    } else if (name == "FCUnpublish") {
        send_command(0, {"_result", transaction, Amf0Value::Null{}, Amf0Value()});
        send_command(0,
                     {"onFCUnpublish",
                      0.0,
                      Amf0Value::Null{},
                      rtmp::status_info("status", "NetStream.Unpublish.Success", "stopped")});
        return end_stream();
    } else if (name == "deleteStream" || name == "closeStream") {
        return end_stream();
    }
    return Event::kNeedInput;
}

void RtmpServerSession::on_connect(const Values& values) {
    bool enhanced = false;
    if (values.size() > 2) {
        const Amf0Value& object = values[2];
        auto [name, query] = rtmp::split_query(rtmp::text_of(object, "app"));
        app_ = std::move(name);
        app_query_ = std::move(query);
        request_.host = host_of(rtmp::text_of(object, "tcUrl"));
        request_.client = rtmp::text_of(object, "flashVer");
        const Amf0Value* caps = object.find("capsEx");
        enhanced = caps || object.find("videoFourCcInfoMap") || object.find("fourCcList");
        // Conversion of a number that does not fit is undefined.
        reconnects_ = caps && caps->number() && *caps->number() >= 0 && *caps->number() < 65536 &&
                      (static_cast<std::uint32_t>(*caps->number()) & kReconnect) != 0;
    }
    connected_ = true;
    for (const RtmpType type : {RtmpType::kWindowAckSize, RtmpType::kSetPeerBandwidth}) {
        rtmp::write_number(link_.writer(), type, RtmpLink::kWindow, link_.output());
    }
    link_.writer().set_chunk_size(kOurChunkSize, link_.output());

    Amf0Value::Object server;
    server.properties = {{"fmsVer", "FMS/3,5,7,7009"}, {"capabilities", 31.0}, {"mode", 1.0}};
    Amf0Value::Object info;
    info.properties = {{"level", "status"},
                       {"code", "NetConnection.Connect.Success"},
                       {"description", "Connection succeeded."},
                       {"objectEncoding", 0.0}};
    if (enhanced) add_capabilities(info);
    send_command(0, {"_result", rtmp::number_at(values, 1), std::move(server), std::move(info)});
}

RtmpServerSession::Event RtmpServerSession::on_publish(const Values& values,
                                                       std::uint32_t stream_id) {
    if (publishing_) {
        send_status(stream_id,
                    "error",
                    "NetStream.Publish.BadConnection",
                    "This connection publishes already; open another one.");
        return Event::kNeedInput;
    }
    auto [name, query] = rtmp::split_query(rtmp::text_at(values, 3));
    request_.app = app_;
    request_.stream = std::move(name);
    request_.query = query + (query.empty() || app_query_.empty() ? "" : "&") + app_query_;
    if (request_.stream.empty()) {
        // Encoders with one field for everything put the name at the end of the app.
        const std::size_t slash = request_.app.rfind('/');
        if (slash != std::string::npos) {
            request_.stream = request_.app.substr(slash + 1);
            request_.app.resize(slash);
        }
    }
    publish_stream_ = stream_id;
    asked_ = true;
    return Event::kPublish;
}

void RtmpServerSession::accept_publish() {
    if (!asked_) return;
    asked_ = false;
    publishing_ = true;
    link_.set_limits(limits_);
    rtmp::write_user_event(
        link_.writer(), rtmp::UserEvent::kStreamBegin, publish_stream_, link_.output());
    send_status(publish_stream_, "status", "NetStream.Publish.Start", "Publishing has begun.");
}

void RtmpServerSession::refuse_publish(std::string_view code, std::string_view description) {
    if (!asked_) return;
    asked_ = false;
    send_status(publish_stream_, "error", code, description);
}

void RtmpServerSession::request_reconnect(std::string_view description) {
    if (reconnects_)
        send_status(0, "status", "NetConnection.Connect.ReconnectRequest", description);
}

void RtmpServerSession::say_goodbye(std::string_view description) {
    if (!connected_) return;
    if (publishing_) {
        send_status(publish_stream_, "error", "NetStream.Publish.Failed", description);
    }
    send_status(0, "status", "NetConnection.Connect.Closed", description);
}

void RtmpServerSession::on_play(std::uint32_t stream_id) {
    send_status(stream_id,
                "error",
                "NetStream.Play.Failed",
                "This server takes streams in by RTMP; play them by HLS or DASH.");
}

RtmpServerSession::Event RtmpServerSession::end_stream() {
    if (!publishing_) return Event::kNeedInput;
    publishing_ = false;
    send_status(publish_stream_, "status", "NetStream.Unpublish.Success", "Publishing has ended.");
    return Event::kUnpublish;
}

void RtmpServerSession::send_command(std::uint32_t stream_id, const Values& values) {
    rtmp::write_command(link_.writer(), stream_id, values, link_.output());
}

void RtmpServerSession::send_status(std::uint32_t stream_id,
                                    std::string_view level,
                                    std::string_view code,
                                    std::string_view description) {
    send_command(stream_id,
                 {"onStatus", 0.0, Amf0Value::Null{}, rtmp::status_info(level, code, description)});
}

}  // namespace sg::protocols

#include <formats/amf0.hpp>
#include <protocols/rtmp_client_session.hpp>
#include <protocols/rtmp_server_session.hpp>
#include <support/catch.hpp>

#include "rtmp_bytes.hpp"

using namespace sg;
using namespace sg::protocols;
using formats::Amf0Value;

namespace {

using ServerEvent = RtmpServerSession::Event;
using ClientEvent = RtmpClientSession::Event;

/// Carries bytes between the two sides until neither has anything to say; tells what happened.
struct Wire {
    RtmpServerSession& server;
    RtmpClientSession& client;
    std::vector<std::byte> to_server{};
    std::vector<std::byte> to_client{};
    std::string client_error{};
    bool ready = false;

    static void move(std::vector<std::byte>& from, std::vector<std::byte>& to) {
        to.insert(to.end(), from.begin(), from.end());
        from.clear();
    }
    /// Returns early when the server has an event.
    ServerEvent run() {
        while (true) {
            move(client.output(), to_server);
            std::span<const std::byte> input = to_server;
            const auto event = server.advance(input);
            REQUIRE(event);
            to_server.erase(to_server.begin(),
                            to_server.end() - static_cast<std::ptrdiff_t>(input.size()));
            if (*event != ServerEvent::kNeedInput) return *event;
            move(server.output(), to_client);
            if (to_client.empty()) return ServerEvent::kNeedInput;
            input = to_client;
            while (client_error.empty()) {
                const auto answer = client.advance(input);
                if (!answer) {
                    client_error = answer.error().message;
                } else if (*answer == ClientEvent::kReady) {
                    ready = true;
                } else {
                    break;
                }
            }
            to_client.erase(to_client.begin(),
                            to_client.end() - static_cast<std::ptrdiff_t>(input.size()));
            if (!client_error.empty()) return ServerEvent::kNeedInput;
        }
    }
};

RtmpUrl url(std::string_view text) {
    auto parsed = parse_rtmp_url(text);
    REQUIRE(parsed);
    return *parsed;
}

/// A client that says what the test tells it to, behind a simple handshake.
struct RawClient {
    RtmpServerSession& server;
    RtmpChunkWriter writer{};
    std::vector<std::byte> bytes{};

    void shake_hands() {
        bytes.assign(1 + 2 * RtmpHandshake::kPartSize, std::byte{0});
        bytes[0] = std::byte{3};
        CHECK(send() == ServerEvent::kNeedInput);
        CHECK(server.handshake_done());
    }
    void command(const std::vector<Amf0Value>& values, std::uint32_t stream = 0) {
        std::vector<std::byte> payload;
        for (const Amf0Value& value : values) formats::write_amf0(value, payload);
        writer.write(
            {RtmpChunkStream::kCommand, RtmpType::kCommandAmf0, stream, 0}, payload, {}, bytes);
    }
    void connect(const char* app) {
        Amf0Value::Object object;
        object.properties = {{"app", app}, {"tcUrl", std::string("rtmp://example.net:99/") + app}};
        command({"connect", 1.0, object});
    }
    Result<ServerEvent> try_send() {
        std::span<const std::byte> input = bytes;
        auto event = server.advance(input);
        bytes.erase(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(input.size()));
        return event;
    }
    ServerEvent send() {
        auto event = try_send();
        INFO((event ? std::string() : event.error().message));
        REQUIRE(event);
        return *event;
    }
};

bool contains(const std::vector<std::byte>& bytes, std::string_view text) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).find(text) !=
           std::string_view::npos;
}

}  // namespace

TEST_CASE("a client publishes to a server over a handshake with digests") {
    RtmpServerSession server({}, 1);
    RtmpClientSession client(
        url("rtmp://media.example:1936/live/one/cam?key=a%2Fb&x=2"), RtmpIntent::kPublish, {}, 2);
    Wire wire{server, client};
    REQUIRE(wire.run() == ServerEvent::kPublish);
    const RtmpPublishRequest& request = server.publish_request();
    CHECK(request.app == "live/one");
    CHECK(request.stream == "cam");
    CHECK(request.query == "key=a%2Fb&x=2");
    CHECK(request.argument("key") == "a/b");
    CHECK(request.argument("x") == "2");
    CHECK(request.argument("none").empty());
    CHECK(request.host == "media.example");

    server.accept_publish();
    CHECK(wire.run() == ServerEvent::kNeedInput);
    CHECK(wire.ready);
    CHECK(server.publishing());

    const auto head = from_hex("1701000000");
    const std::vector<std::byte> picture(200'000, std::byte{9});
    client.send(RtmpType::kVideo, 1234, head, picture);
    CHECK(wire.run() == ServerEvent::kNeedInput);
    REQUIRE(server.messages().size() == 1);
    CHECK(server.messages()[0].timestamp == 1234);
    CHECK(server.messages()[0].payload.size() == picture.size() + 5);
    server.messages().clear();

    client.finish();
    CHECK(wire.run() == ServerEvent::kUnpublish);
    CHECK_FALSE(server.publishing());
}

TEST_CASE("a refused publisher is told why") {
    RtmpServerSession server({}, 1);
    RtmpClientSession client(url("rtmp://h/live/cam?key=wrong"), RtmpIntent::kPublish, {}, 2);
    Wire wire{server, client};
    REQUIRE(wire.run() == ServerEvent::kPublish);
    server.refuse_publish("NetStream.Publish.BadName", "The stream key is wrong.");
    wire.run();
    CHECK(wire.client_error.find("The stream key is wrong.") != std::string::npos);
    CHECK(wire.client_error.find("key=wrong") == std::string::npos);
    CHECK_FALSE(server.publishing());
}

TEST_CASE("a player is told that this server plays nothing by RTMP") {
    RtmpServerSession server({}, 1);
    RtmpClientSession client(url("rtmp://h/live/cam"), RtmpIntent::kPlay, {}, 2);
    Wire wire{server, client};
    wire.run();
    CHECK(wire.client_error.find("NetStream.Play.Failed") != std::string::npos);
}

TEST_CASE("clients that put everything into the app publish the last part of it") {
    RtmpServerSession server({}, 1);
    RawClient client{server};
    client.shake_hands();
    client.connect("live/cam?token=t");
    client.command({"createStream", 2.0, Amf0Value::Null{}});
    client.command({"publish", 3.0, Amf0Value::Null{}, "", "live"}, 1);
    REQUIRE(client.send() == ServerEvent::kPublish);
    CHECK(server.publish_request().app == "live");
    CHECK(server.publish_request().stream == "cam");
    CHECK(server.publish_request().argument("token") == "t");
}

TEST_CASE("media before a publish is accepted goes nowhere, and one connection publishes once") {
    RtmpServerSession server({}, 1);
    RawClient client{server};
    client.shake_hands();
    client.connect("live");
    client.writer.write(
        {RtmpChunkStream::kAudio, RtmpType::kAudio, 1, 0}, {}, from_hex("af01"), client.bytes);
    client.command({"publish", 3.0, Amf0Value::Null{}, "cam", "live"}, 1);
    REQUIRE(client.send() == ServerEvent::kPublish);
    CHECK(server.messages().empty());
    server.accept_publish();
    client.command({"publish", 3.0, Amf0Value::Null{}, "other", "live"}, 1);
    CHECK(client.send() == ServerEvent::kNeedInput);
    CHECK(contains(server.output(), "NetStream.Publish.BadConnection"));
}

TEST_CASE("AMF3 commands and data with AMF0 inside, and aggregates, become plain messages") {
    RtmpServerSession server({}, 1);
    RawClient client{server};
    client.shake_hands();
    client.connect("live");
    std::vector<std::byte> payload = {std::byte{0}};
    for (const Amf0Value& value :
         {Amf0Value("publish"), Amf0Value(3.0), Amf0Value(Amf0Value::Null{}), Amf0Value("cam")}) {
        formats::write_amf0(value, payload);
    }
    client.writer.write(
        {RtmpChunkStream::kCommand, RtmpType::kCommandAmf3, 1, 0}, payload, {}, client.bytes);
    REQUIRE(client.send() == ServerEvent::kPublish);
    server.accept_publish();

    client.writer.write({RtmpChunkStream::kData, RtmpType::kDataAmf3, 1, 7},
                        {},
                        from_hex("00 02 0001 61"),
                        client.bytes);
    client.writer.write({RtmpChunkStream::kVideo, RtmpType::kAggregate, 1, 100},
                        {},
                        from_hex("08 000002 0003e8 00 000000 af01 0000000d"
                                 "09 000003 0003fc 00 000000 170100 0000000e"),
                        client.bytes);
    CHECK(client.send() == ServerEvent::kNeedInput);
    REQUIRE(server.messages().size() == 3);
    CHECK(server.messages()[0].type == RtmpType::kDataAmf0);
    CHECK(to_hex(server.messages()[0].payload.bytes()) == "02000161");
    CHECK(server.messages()[1].timestamp == 100);
    CHECK(server.messages()[2].timestamp == 120);
    CHECK(to_hex(server.messages()[2].payload.bytes()) == "170100");
}

TEST_CASE("pings are answered and bytes acknowledged") {
    RtmpServerSession server({}, 1);
    RawClient client{server};
    client.shake_hands();
    client.connect("live");
    client.send();
    server.output().clear();
    client.writer.write({RtmpChunkStream::kControl, RtmpType::kUserControl, 0, 0},
                        {},
                        from_hex("0006 01020304"),
                        client.bytes);
    client.send();
    CHECK(to_hex(server.output()) ==
          "02000000000006040000000000070102"
          "0304");
    server.output().clear();

    client.writer.write({RtmpChunkStream::kControl, RtmpType::kWindowAckSize, 0, 0},
                        {},
                        from_hex("00010000"),
                        client.bytes);
    client.writer.write({RtmpChunkStream::kAudio, RtmpType::kAudio, 1, 0},
                        {},
                        std::vector<std::byte>(70'000),
                        client.bytes);
    client.send();
    CHECK(to_hex(server.output()).starts_with("0200000000000403"));
}

TEST_CASE("before a publisher is accepted messages are as small as commands, afterwards not") {
    const auto publish = [](RawClient& client) {
        client.shake_hands();
        client.connect("live");
        client.command({"publish", 3.0, Amf0Value::Null{}, "cam", "live"}, 1);
        CHECK(client.send() == ServerEvent::kPublish);
        client.writer.write({RtmpChunkStream::kVideo, RtmpType::kVideo, 1, 0},
                            {},
                            std::vector<std::byte>(400'000),
                            client.bytes);
    };
    RtmpServerSession refusing({}, 1);
    RawClient stranger{refusing};
    publish(stranger);
    refusing.refuse_publish("NetStream.Publish.Denied", "no");
    const auto event = stranger.try_send();
    REQUIRE_FALSE(event);
    CHECK(event.error().code == Errc::kLimit);

    RtmpServerSession server({}, 1);
    RawClient client{server};
    publish(client);
    server.accept_publish();
    CHECK(client.send() == ServerEvent::kNeedInput);
    REQUIRE(server.messages().size() == 1);
    CHECK(server.messages()[0].payload.size() == 400'000);
}

TEST_CASE(
    "an Enhanced RTMP client hears what is taken, and one that can is asked to connect anew") {
    for (const double caps : {3.0, 2.0}) {
        RtmpServerSession server({}, 1);
        RawClient client{server};
        client.shake_hands();
        Amf0Value::Object object;
        object.properties = {{"app", "live"}, {"capsEx", caps}};
        client.command({"connect", 1.0, object});
        CHECK(client.send() == ServerEvent::kNeedInput);
        for (const char* word : {"capsEx", "fourCcList", "videoFourCcInfoMap", "hvc1", "fLaC"})
            CHECK(contains(server.output(), word));
        server.output().clear();
        server.request_reconnect("moving");
        CHECK(contains(server.output(), "NetConnection.Connect.ReconnectRequest") == (caps == 3.0));
    }
}

TEST_CASE("connections that break the rules end with a reason") {
    const auto error_of = [](auto&& misbehave) {
        RtmpServerSession server({}, 1);
        RawClient client{server};
        client.shake_hands();
        misbehave(client);
        const auto event = client.try_send();
        return event ? std::string("accepted") : event.error().message;
    };
    CHECK(error_of([](RawClient& client) {
              client.command({"publish", 1.0, Amf0Value::Null{}, "x"});
          }).find("before it has connected") != std::string::npos);
    CHECK(error_of([](RawClient& client) {
              client.writer.write({RtmpChunkStream::kCommand, RtmpType::kCommandAmf0, 0, 0},
                                  {},
                                  std::vector<std::byte>(1 << 20),
                                  client.bytes);
          }).find("limit") != std::string::npos);
    CHECK(error_of([](RawClient& client) {
              client.connect("live");
              for (int i = 0; i < 100; ++i) {
                  client.command({"createStream", 2.0, Amf0Value::Null{}});
              }
          }).find("streams") != std::string::npos);
    CHECK(error_of([](RawClient& client) {
              client.connect("live");
              client.command({"publish", 3.0, Amf0Value::Null{}, "cam", "live"}, 1);
              CHECK(client.send() == ServerEvent::kPublish);
              client.server.accept_publish();
              // Parts without a body: 15 bytes each.
              std::vector<std::byte> parts(15 * 5000);
              for (std::size_t at = 0; at < parts.size(); at += 15) parts[at] = std::byte{8};
              client.writer.write(
                  {RtmpChunkStream::kVideo, RtmpType::kAggregate, 1, 0}, {}, parts, client.bytes);
          }).find("parts") != std::string::npos);
}

TEST_CASE("other protocols are recognised at their first byte") {
    for (const std::string_view greeting : {"GET / HTTP/1.1\r\n", "\x16\x03\x01", "\x06"}) {
        RtmpServerSession server({}, 1);
        std::span<const std::byte> input = std::as_bytes(std::span(greeting));
        CHECK_FALSE(server.advance(input));
    }
}

#include <functional>

#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <formats/amf0.hpp>
#include <protocols/rtmp_chunk_writer.hpp>
#include <protocols/rtmp_client.hpp>
#include <protocols/rtmp_server.hpp>
#include <support/catch.hpp>
#include <support/thread_limit.hpp>

#include "rtmp_bytes.hpp"

using namespace sg;
using namespace sg::protocols;
namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

struct Sink final : RtmpPublishSink {
    std::vector<RtmpMessage> messages;
    std::vector<std::size_t> batches;
    std::optional<RtmpClosed> closed;
    std::size_t elsewhere = 0;

    void on_messages(std::span<RtmpMessage> batch) override {
        batches.push_back(batch.size());
        for (RtmpMessage& message : batch) messages.push_back(std::move(message));
    }
    void on_closed(const RtmpClosed& why) override {
        CHECK_FALSE(closed);
        closed = why;
    }
    [[nodiscard]] std::size_t backlog() const override { return elsewhere; }
};

struct Handler final : RtmpPublishHandler {
    std::function<void(RtmpPublishOffer)> answer = [this](RtmpPublishOffer offer) {
        connection = offer.connection();
        offer.accept(sink);
    };
    std::shared_ptr<Sink> sink = std::make_shared<Sink>();
    RtmpConnectionHandle connection;
    std::vector<RtmpPublishRequest> requests;

    void on_publish(RtmpPublishOffer offer) override {
        requests.push_back(offer.request());
        answer(std::move(offer));
    }
};

struct Publisher final : RtmpClientHandler {
    bool ready = false;
    std::optional<Error> closed;
    std::function<void()> when_ready = [] {};

    void on_ready() override {
        ready = true;
        when_ready();
    }
    void on_messages(std::span<RtmpMessage>) override {}
    void on_closed(const Error& why) override { closed = why; }
};

struct House {
    asio::io_context context;
    Handler handler;
    std::shared_ptr<RtmpAdmission> admission = std::make_shared<RtmpAdmission>(100, 100);
    std::unique_ptr<RtmpServer> server;
    tcp::endpoint endpoint;

    explicit House(RtmpServerOptions options = {}, std::size_t places = 100)
        : admission(std::make_shared<RtmpAdmission>(100, places)) {
        server = std::make_unique<RtmpServer>(context, options, admission, handler);
        auto bound = server->listen(
            {asio::ip::make_address("127.0.0.1"), 0}, RtmpServer::Security::kPlain, false);
        REQUIRE(bound);
        endpoint = *bound;
    }
    ~House() {
        server.reset();
        context.restart();
        context.run_for(2s);
    }
    /// Runs until the condition holds; fails when it never does.
    void until(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < deadline);
            context.restart();
            context.run_one_for(50ms);
        }
    }
    [[nodiscard]] RtmpClientOptions to(std::string_view path) const {
        auto url = parse_rtmp_url("rtmp://127.0.0.1:" + std::to_string(endpoint.port()) +
                                  std::string(path));
        REQUIRE(url);
        RtmpClientOptions options;
        options.url = *url;
        return options;
    }
    tcp::socket raw() {
        tcp::socket socket(context);
        socket.connect(endpoint);
        return socket;
    }
    /// True once the server has closed its side.
    bool hung_up(tcp::socket& socket) {
        socket.non_blocking(true);
        std::byte bytes[4096];
        boost::system::error_code error;
        while (socket.read_some(asio::buffer(bytes), error) > 0) {
        }
        return error && error != asio::error::would_block;
    }
};

}  // namespace

TEST_CASE("a publisher's messages arrive whole and in order, many in one batch") {
    House house;
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam?key=k"), publisher);
    client.start();
    house.until([&] { return publisher.ready; });
    CHECK(house.handler.requests.at(0).argument("key") == "k");

    const auto head = from_hex("2701000000");
    for (std::uint32_t i = 0; i < 300; ++i) {
        CHECK(client.send(i % 3 ? RtmpType::kAudio : RtmpType::kVideo,
                          i * 10,
                          head,
                          std::vector<std::byte>(i * 11, static_cast<std::byte>(i))));
    }
    Sink& sink = *house.handler.sink;
    house.until([&] { return sink.messages.size() == 300; });
    for (std::uint32_t i = 0; i < 300; ++i) {
        CHECK(sink.messages[i].timestamp == i * 10);
        CHECK(sink.messages[i].payload.size() == i * 11 + 5);
    }
    CHECK(sink.batches.size() < 150);
    CHECK(house.handler.connection.stats().messages == 300);
    CHECK(house.handler.connection.stats().bytes > 300 * 299 / 2 * 11);

    client.finish();
    house.until([&] { return sink.closed && publisher.closed; });
    CHECK(sink.closed->cause == RtmpClosed::Cause::kEnded);
    CHECK(publisher.closed->code == Errc::kCancelled);
    house.until([&] { return house.server->connections() == 0; });
    CHECK(house.admission->admitted() == 0);
}

TEST_CASE("an answer may come later, and a refusal says why") {
    House house;
    std::optional<RtmpPublishOffer> waiting;
    house.handler.answer = [&](RtmpPublishOffer offer) { waiting.emplace(std::move(offer)); };
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam"), publisher);
    client.start();
    house.until([&] { return waiting.has_value(); });
    waiting->refuse("NetStream.Publish.Denied", "The key is not known.");
    house.until([&] { return publisher.closed.has_value(); });
    CHECK(publisher.closed->message.find("The key is not known.") != std::string::npos);
    CHECK_FALSE(publisher.ready);
}

TEST_CASE("an offer that nobody answers is refused") {
    RtmpServerOptions options;
    SECTION("because it was dropped") {}
    SECTION("because its time is over") {
        options.decision_timeout = 50ms;
    }
    House house(options);
    std::optional<RtmpPublishOffer> waiting;
    house.handler.answer = [&](RtmpPublishOffer offer) {
        if (options.decision_timeout == 50ms) waiting.emplace(std::move(offer));
    };
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam"), publisher);
    client.start();
    house.until([&] { return publisher.closed.has_value(); });
    CHECK(publisher.closed->message.find("did not decide") != std::string::npos);
    if (waiting) {
        waiting->accept(house.handler.sink);
        house.until([&] { return house.handler.sink->closed.has_value(); });
        CHECK(house.handler.sink->closed->cause == RtmpClosed::Cause::kLost);
    }
}

TEST_CASE("a publisher can be sent away and hears the reason") {
    House house;
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam"), publisher);
    client.start();
    house.until([&] { return publisher.ready; });
    house.handler.connection.disconnect("Another publisher takes over.");
    house.until([&] { return publisher.closed && house.handler.sink->closed; });
    CHECK(house.handler.sink->closed->cause == RtmpClosed::Cause::kOwner);
    CHECK(publisher.closed->message.find("Another publisher takes over.") != std::string::npos);
}

TEST_CASE("a server that drains takes nobody new while its publishers go on") {
    House house;
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam"), publisher);
    client.start();
    house.until([&] { return publisher.ready; });
    const auto head = from_hex("2701000000");
    CHECK(client.send(RtmpType::kVideo, 0, head, head));
    Sink& sink = *house.handler.sink;
    house.until([&] { return sink.messages.size() == 1; });

    house.server->drain("The server is being updated.");
    Publisher late;
    RtmpClient other(house.context, house.to("/live/other"), late);
    other.start();
    house.until([&] { return late.closed.has_value(); });
    CHECK_FALSE(late.ready);
    CHECK(client.send(RtmpType::kVideo, 40, head, head));
    house.until([&] { return sink.messages.size() == 2; });
    CHECK_FALSE(sink.closed);
}

TEST_CASE("a publisher is not read while its sink has not looked at what came") {
    House house;
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam"), publisher);
    client.start();
    house.until([&] { return publisher.ready; });
    Sink& sink = *house.handler.sink;
    sink.elsewhere = 64 << 20;
    const auto head = from_hex("2701000000");
    for (int i = 0; i < 30; ++i)
        CHECK(client.send(RtmpType::kVideo, 0, head, std::vector<std::byte>(100'000)));
    for (int i = 0; i < 20; ++i) {
        house.context.restart();
        house.context.run_for(10ms);
    }
    CHECK(sink.messages.size() < 30);
    sink.elsewhere = 0;
    house.until([&] { return sink.messages.size() == 30; });
}

TEST_CASE("a publisher that falls silent is closed") {
    RtmpServerOptions options;
    options.idle_timeout = 100ms;
    House house(options);
    Publisher publisher;
    RtmpClient client(house.context, house.to("/live/cam"), publisher);
    client.start();
    house.until([&] { return house.handler.sink->closed.has_value(); });
    CHECK(house.handler.sink->closed->cause == RtmpClosed::Cause::kTimeout);
}

TEST_CASE("a publisher that vanishes is told from one that ends its stream") {
    House house;
    Publisher publisher;
    auto client = std::make_unique<RtmpClient>(house.context, house.to("/live/cam"), publisher);
    client->start();
    house.until([&] { return publisher.ready; });
    client.reset();
    house.until([&] { return house.handler.sink->closed.has_value(); });
    CHECK(house.handler.sink->closed->cause == RtmpClosed::Cause::kLost);
}

TEST_CASE("slow, silent and nonsensical clients are hung up on") {
    RtmpServerOptions options;
    options.setup_timeout = 200ms;
    House house(options);
    tcp::socket silent = house.raw();
    tcp::socket slow = house.raw();
    tcp::socket garbage = house.raw();
    asio::write(garbage, asio::buffer(std::string_view("GET / HTTP/1.1\r\n\r\n")));
    house.until([&] { return house.hung_up(garbage); });

    // One byte at a time keeps nobody connected.
    asio::steady_timer drip(house.context);
    std::function<void()> next = [&] {
        boost::system::error_code error;
        slow.write_some(asio::buffer("\x03", 1), error);
        drip.expires_after(20ms);
        drip.async_wait([&](boost::system::error_code stopped) {
            if (!stopped) next();
        });
    };
    next();
    house.until([&] { return house.hung_up(silent) && house.hung_up(slow); });
    drip.cancel();
    house.until([&] { return house.server->connections() == 0; });
}

TEST_CASE("a client that is refused and asks again and again is hung up on all the same") {
    RtmpServerOptions options;
    options.setup_timeout = 300ms;
    House house(options);
    house.handler.answer = [](RtmpPublishOffer offer) {
        offer.refuse("NetStream.Publish.Denied", "no");
    };
    tcp::socket client = house.raw();
    std::vector<std::byte> bytes(1 + 2 * RtmpHandshake::kPartSize);
    bytes[0] = std::byte{3};
    RtmpChunkWriter writer;
    const auto command = [&](const std::vector<formats::Amf0Value>& values) {
        std::vector<std::byte> payload;
        for (const auto& value : values) formats::write_amf0(value, payload);
        writer.write({RtmpChunkStream::kCommand, RtmpType::kCommandAmf0, 1, 0}, payload, {}, bytes);
    };
    formats::Amf0Value::Object object;
    object.properties = {{"app", "live"}};
    command({"connect", 1.0, object});
    asio::write(client, asio::buffer(bytes));
    asio::steady_timer again(house.context);
    std::function<void()> next = [&] {
        bytes.clear();
        command({"publish", 2.0, formats::Amf0Value::Null{}, "cam", "live"});
        boost::system::error_code error;
        client.write_some(asio::buffer(bytes), error);
        again.expires_after(50ms);
        again.async_wait([&](boost::system::error_code stopped) {
            if (!stopped) next();
        });
    };
    next();
    house.until([&] { return house.hung_up(client); });
    CHECK(house.handler.requests.size() > 1);
    again.cancel();
    house.until([&] { return house.server->connections() == 0; });
}

TEST_CASE("an address has no more places than it is given") {
    House house({}, 2);
    tcp::socket first = house.raw();
    tcp::socket second = house.raw();
    house.until([&] { return house.admission->admitted() == 2; });
    tcp::socket third = house.raw();
    house.until([&] { return house.hung_up(third); });
    CHECK(house.admission->refused() == 1);
    first.close();
    house.until([&] { return house.admission->admitted() == 1; });
}

TEST_CASE("thousands of rapid connections leave nothing behind") {
    House house;
    for (int i = 0; i < 2000; ++i) {
        tcp::socket socket = house.raw();
        if (i % 2) {
            boost::system::error_code ignored;
            socket.write_some(asio::buffer("\x03 nonsense"), ignored);
            socket.set_option(asio::socket_base::linger(true, 0), ignored);
        }
        socket.close();
        house.context.restart();
        house.context.poll();
    }
    house.until([&] { return house.server->connections() == 0; });
    CHECK(house.admission->admitted() == 0);
}

TEST_CASE("what a full queue drops is counted") {
    House house;
    Publisher publisher;
    RtmpClientOptions options = house.to("/live/cam");
    options.queue_bytes = 100'000;
    RtmpClient client(house.context, options, publisher);
    client.start();
    house.until([&] { return publisher.ready; });
    const std::vector<std::byte> picture(60'000);
    CHECK(client.send(RtmpType::kVideo, 0, {}, picture));
    CHECK_FALSE(client.send(RtmpType::kVideo, 40, {}, picture));
    CHECK(client.stats().dropped_messages == 1);
    CHECK(client.stats().dropped_bytes == 60'000);
    house.until([&] { return client.stats().queued_bytes == 0; });
    CHECK(client.send(RtmpType::kVideo, 80, {}, picture));
}

TEST_CASE("a server that is not there, or says nothing, is an error in words") {
    asio::io_context context;
    tcp::acceptor mute(context, {asio::ip::make_address("127.0.0.1"), 0});
    const auto url =
        "rtmp://127.0.0.1:" + std::to_string(mute.local_endpoint().port()) + "/live/secret";
    RtmpClientOptions options;
    options.url = *parse_rtmp_url(url);
    options.setup_timeout = 100ms;
    SECTION("silent") {}
    SECTION("gone") {
        mute.close();
    }
    Publisher publisher;
    RtmpClient client(context, options, publisher);
    client.start();
    context.run_for(10s);
    REQUIRE(publisher.closed);
    CHECK(publisher.closed->message.find("rtmp://127.0.0.1") != std::string::npos);
    CHECK(publisher.closed->message.find("secret") == std::string::npos);
}

TEST_CASE("a client whose name could not even be asked for is told so in time") {
    test::where_threads_can_be_limited([]() -> std::string {
        asio::io_context context;
        Publisher publisher;
        RtmpClientOptions options;
        options.url = *parse_rtmp_url("rtmp://localhost:9/live/cam");
        options.setup_timeout = 200ms;
        RtmpClient client(context, options, publisher);
        static_cast<void>(test::limit_threads(true));
        client.start();
        for (;;) {
            try {
                context.run_for(20s);
                break;
            } catch (const boost::system::system_error&) {
                // As the service does: the others on its thread go on.
            }
        }
        return publisher.closed ? "" : "it waits for ever";
    });
}

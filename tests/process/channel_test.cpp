#include <chrono>
#include <cstring>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sys/socket.h>

#include <base/file.hpp>
#include <process/channel.hpp>
#include <support/catch.hpp>

using namespace sg;
using namespace sg::process;

namespace {

struct Ends {
    Channel a;
    Channel b;
};

Ends connected(std::size_t max_fds = 0) {
    MessageLimits limits;
    limits.max_fds = max_fds;
    auto pair = std::move(Channel::make_pair(limits)).value();
    return Ends{std::move(pair.ours), Channel(std::move(pair.theirs), limits)};
}

struct PipeEnds {
    UniqueFd read;
    UniqueFd write;
};

PipeEnds make_pipe() {
    int fds[2] = {-1, -1};
    REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
    return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Whether every copy of the write end is closed.
bool is_orphaned(const PipeEnds& pipe) {
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    char byte = 0;
    return ::read(pipe.read.get(), &byte, 1) == 0;
}

}  // namespace

TEST_CASE("a channel carries a payload far larger than a socket buffer") {
    auto ends = connected();
    const std::string payload(std::size_t{20} << 20, 'p');
    Status sent;
    std::thread sender([&] { sent = ends.a.send(MessageType::kResult, payload); });
    const auto message = ends.b.receive();
    sender.join();
    REQUIRE(sent);
    REQUIRE(message);
    CHECK(message->payload == payload);
}

TEST_CASE("a sender that must not block keeps the rest for later") {
    auto ends = connected();
    REQUIRE(ends.a.send_later(MessageType::kRequest, std::string(std::size_t{4} << 20, 'p')));
    REQUIRE(ends.a.send_later(MessageType::kRequest, "second"));
    CHECK(ends.a.wants_write());
    std::optional<Message> message;
    while (!message) {
        message = ends.b.try_receive().value();
        REQUIRE(ends.a.flush());
    }
    CHECK(message->payload.size() == std::size_t{4} << 20);
    CHECK(ends.b.receive().value().payload == "second");
    CHECK_FALSE(ends.a.wants_write());
}

TEST_CASE("nothing to receive is not an error") {
    auto ends = connected();
    CHECK_FALSE(ends.b.try_receive().value().has_value());
}

TEST_CASE("descriptors arrive with their own message") {
    auto ends = connected(2);
    auto first = make_pipe();
    auto second = make_pipe();
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(first.write));
    fds.push_back(std::move(second.write));
    REQUIRE(ends.a.send(MessageType::kProgress, "none"));
    REQUIRE(ends.a.send(MessageType::kRequest, "two", std::move(fds)));
    REQUIRE(ends.a.send(MessageType::kProgress, "none"));
    CHECK(ends.b.receive().value().fds.empty());
    auto message = ends.b.receive().value();
    CHECK(ends.b.receive().value().fds.empty());
    REQUIRE(message.fds.size() == 2);
    CHECK((::fcntl(message.fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
    REQUIRE(write_all(message.fds[1].get(), std::as_bytes(std::span("x", 1)), "pipe"));
    char byte = 0;
    CHECK(::read(second.read.get(), &byte, 1) == 1);
    CHECK(byte == 'x');
}

TEST_CASE("descriptors that are not accepted are closed and end the conversation") {
    auto ends = connected(0);
    auto pipe = make_pipe();
    std::vector<UniqueFd> fds;
    fds.push_back(std::move(pipe.write));
    REQUIRE(ends.a.send(MessageType::kRequest, "r", std::move(fds)));
    CHECK(ends.b.try_receive().error().code == Errc::kBadData);
    CHECK(is_orphaned(pipe));
}

TEST_CASE("more descriptors than fit are refused without a leak") {
    auto ends = connected(kMaxMessageFds);
    auto pipe = make_pipe();
    constexpr std::size_t kCount = 40;
    char byte = 'S';
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kCount)] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        const int fd = pipe.write.get();
        std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof fd);
    }
    REQUIRE(::sendmsg(ends.a.fd(), &header, 0) == 1);
    pipe.write.reset();
    CHECK(ends.b.try_receive().error().code == Errc::kBadData);
    CHECK(is_orphaned(pipe));
}

TEST_CASE("a peer that goes away is the end of the stream, not a signal") {
    auto ends = connected();
    ends.a = Channel(UniqueFd(), {});
    CHECK(ends.b.receive().error().code == Errc::kEndOfStream);
    CHECK_FALSE(ends.b.send(MessageType::kResult, "r"));
    CHECK_FALSE(ends.b.send(MessageType::kResult, "r"));
}

TEST_CASE("a message cut off by the peer's end is told apart") {
    auto ends = connected();
    REQUIRE(::send(ends.a.fd(), "SGPM", 4, 0) == 4);
    ends.a = Channel(UniqueFd(), {});
    const auto message = ends.b.receive();
    CHECK(message.error().code == Errc::kEndOfStream);
    CHECK(message.error().message.find("middle of a message") != std::string::npos);
}

TEST_CASE("a blocked receive ends at its deadline and the channel still works") {
    auto ends = connected();
    const Wait wait{{}, std::chrono::steady_clock::now() + std::chrono::milliseconds(5)};
    CHECK(ends.b.receive(wait).error().code == Errc::kTimeout);
    REQUIRE(ends.a.send(MessageType::kProgress, "later"));
    CHECK(ends.b.receive().value().payload == "later");
}

TEST_CASE("a stop request wakes a blocked receive") {
    auto ends = connected();
    std::stop_source stop;
    std::thread stopper([&] { stop.request_stop(); });
    CHECK(ends.b.receive({stop.get_token(), std::nullopt}).error().code == Errc::kCancelled);
    stopper.join();
}

TEST_CASE("a stop request wakes a blocked send, after which nothing can follow") {
    auto ends = connected();
    std::stop_source stop;
    std::thread stopper([&] { stop.request_stop(); });
    const std::string payload(std::size_t{20} << 20, 'p');
    CHECK(ends.a.send(MessageType::kResult, payload, {}, {stop.get_token(), {}}).error().code ==
          Errc::kCancelled);
    stopper.join();
    CHECK_FALSE(ends.a.send(MessageType::kResult, "r"));
}

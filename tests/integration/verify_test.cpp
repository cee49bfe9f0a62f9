#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <base/unique_fd.hpp>
#include <support/catch.hpp>

#include "program.hpp"

using namespace sg;
using namespace sg::test;

namespace {

/// Takes connections and never says a word.
class SilentServer {
  public:
    SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(socket_.get(), any, size) == 0);
        REQUIRE(::listen(socket_.get(), 16) == 0);
        REQUIRE(::getsockname(socket_.get(), any, &size) == 0);
        url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/index.m3u8";
    }
    [[nodiscard]] const std::string& url() const { return url_; }

  private:
    UniqueFd socket_;
    std::string url_;
};

pid_t child_of(const Program& program) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < until) {
        if (const auto children = program.children(); !children.empty()) return children.front();
        std::this_thread::yield();
    }
    FAIL("it started no child");
    return -1;
}

}  // namespace

TEST_CASE("verification that dies of what it reads is one clear error") {
    const SilentServer server;
    Program program({"verify", server.url()});
    // As a file that is cut short while it is mapped would do.
    REQUIRE(::kill(child_of(program), SIGBUS) == 0);
    const auto ended = program.finish();
    INFO(ended.out << ended.err);
    CHECK(ended.exit_code == 1);
    CHECK(ended.out.empty());
    CHECK(std::count(ended.err.begin(), ended.err.end(), '\n') == 1);
    CHECK(ended.err.find("SIGBUS") != std::string::npos);
}

TEST_CASE("Ctrl-C ends verification of an address that does not answer") {
    const SilentServer server;
    Program program({"verify", server.url()});
    static_cast<void>(child_of(program));
    program.signal(SIGINT);
    CHECK(program.finish().exit_code == 130);
}

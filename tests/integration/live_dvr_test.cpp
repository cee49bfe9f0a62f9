#include <csignal>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <formats/bmff_reader.hpp>
#include <formats/m3u8.hpp>
#include <support/catch.hpp>

#include "program.hpp"

using namespace sg;
namespace fs = std::filesystem;

namespace {

/// Until it holds; a generous deadline.
bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return true;
}

/// Body of a GET; empty unless 200.
std::string get(int port, const std::string& path) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string answer;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
        const std::string ask = "GET " + path + " HTTP/1.0\r\n\r\n";
        (void)::send(fd, ask.data(), ask.size(), MSG_NOSIGNAL);
        char buffer[16384];
        for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
            answer.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    const auto body = answer.find("\r\n\r\n");
    if (body == std::string::npos || answer.find(" 200 ") > 12) return {};
    return answer.substr(body + 4);
}

int port_behind(const std::string& text, const std::string& scheme) {
    const auto at = text.find(scheme + "://127.0.0.1:");
    if (at == std::string::npos) return 0;
    return std::atoi(text.c_str() + at + scheme.size() + 13);
}

/// The service on a data folder, and an encoder that sends to it.
struct Service {
    explicit Service(const fs::path& folder) {
        const auto config = folder / "config.yaml";
        std::ofstream(config) << "listen: {rtmp: '127.0.0.1:0', srt: 'off', http: '127.0.0.1:0'}\n"
                              << "data: '" << (folder / "data").string() << "'\n"
                              << "templates:\n"
                              << "  - match: 'live/*'\n"
                              << "    output: {segment: 1s, target: 2s, window: 10s, dvr: 10m}\n"
                              << "    recording: {enabled: true}\n";
        program.emplace(std::vector<std::string>{"serve", "-c", config.string()});
        REQUIRE(eventually([this] {
            rtmp = port_behind(program->err(), "rtmp");
            http = port_behind(program->err(), "http");
            return rtmp != 0 && http != 0;
        }));
    }
    ~Service() {
        if (encoder <= 0) return;
        ::kill(encoder, SIGKILL);
        ::waitpid(encoder, nullptr, 0);
    }
    void publish() {
        const std::string url = "rtmp://127.0.0.1:" + std::to_string(rtmp) + "/live/cam";
        const std::string command =
            "exec ffmpeg -nostdin -v quiet -re -f lavfi -i testsrc2=s=192x108:r=25 -f lavfi -i "
            "sine=r=48000 -c:v libx264 -preset ultrafast -g 25 -bf 2 -c:a aac -f flv " +
            url;
        encoder = ::fork();
        if (encoder == 0) {
            ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
            ::_exit(127);
        }
    }
    std::optional<formats::m3u8::Media> playlist() const {
        const auto parsed = formats::m3u8::parse(get(http, "/live/cam/video/index.m3u8"));
        if (!parsed || !std::holds_alternative<formats::m3u8::Media>(*parsed)) return std::nullopt;
        return std::get<formats::m3u8::Media>(*parsed);
    }
    /// Until playlists list so many segments.
    bool has_segments(std::size_t count) const {
        return eventually([&] {
            const auto list = playlist();
            return list && list->segments.size() >= count;
        });
    }

    std::optional<test::Program> program;
    pid_t encoder = -1;
    int rtmp = 0;
    int http = 0;
};

}  // namespace

TEST_CASE("a service that was killed goes on with its DVR window, and its recording plays") {
    if (std::system("ffmpeg -version >/dev/null 2>&1") != 0) return;
    test::TempFolder temp;
    std::set<std::string> before;
    {
        Service service(temp.path());
        service.publish();
        REQUIRE(service.has_segments(5));
        const auto list = service.playlist();
        REQUIRE(list);
        for (const auto& segment : list->segments) before.insert(segment.uri);
        service.program->signal(SIGKILL);
        (void)service.program->finish();
    }
    // What was recorded plays up to its last fragment.
    const auto folder = temp.path() / "data" / "recordings" / "live" / "cam";
    REQUIRE(fs::exists(folder));
    const auto recording = fs::directory_iterator(folder)->path();
    const std::string check = "ffmpeg -v error -i '" + recording.string() + "' -f null - 2>'" +
                              (temp / "errors").string() + "'";
    CHECK(std::system(check.c_str()) == 0);
    CHECK(fs::file_size(temp / "errors") == 0);

    Service service(temp.path());
    service.publish();
    REQUIRE(service.has_segments(before.size() + 3));
    const auto list = service.playlist();
    REQUIRE(list);
    CHECK(list->media_sequence == 0);
    std::size_t discontinuities = 0;
    std::size_t kept = 0;
    for (const auto& segment : list->segments) {
        discontinuities += segment.discontinuity ? 1U : 0U;
        if (!before.contains(segment.uri)) continue;
        ++kept;
        const auto bytes = get(service.http, "/live/cam/video/" + segment.uri);
        CHECK(formats::parse_segment(std::as_bytes(std::span(bytes)), {}));
    }
    CHECK(kept == before.size());
    CHECK(discontinuities == 1);

    // A film of both sides of it.
    const auto clip = (temp / "clip").string();
    const auto made = test::streamgate(
        {"live", "clip", "cam", "--data", (temp / "data").string(), "--json", "-o", clip});
    REQUIRE(made.exit_code == 0);
    const auto facts = nlohmann::json::parse(made.out);
    CHECK(facts["stretches"].size() == 2);
    CHECK(facts["notes"].empty());
    const auto checked = test::streamgate({"verify", "--full", clip});
    INFO(checked.out);
    CHECK(checked.exit_code == 0);
}

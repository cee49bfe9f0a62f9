#include "live_service.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <sys/wait.h>

#include <protocols/http_client.hpp>
#include <support/make_clip.hpp>

namespace sg::test {
namespace {

using namespace std::chrono_literals;

std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// "scheme://127.0.0.1:1234" of the first line that begins with the scheme.
std::string base_of(const std::string& text, const std::string& scheme) {
    const auto at = text.find("  " + scheme + "://");
    if (at == std::string::npos) return {};
    const auto from = at + 2;
    return text.substr(from, text.find_first_of("/?\n", from + scheme.size() + 3) - from);
}

}  // namespace

bool becomes(const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(20ms);
    }
    return true;
}

Beside::Beside(const std::vector<std::string>& words, const std::filesystem::path& log) {
    auto copy = words;
    std::vector<char*> argv;
    for (auto& word : copy) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ > 0) return;
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

Beside::~Beside() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Beside::signal(int number) const {
    if (pid_ > 0) ::kill(pid_, number);
}

bool Beside::running() {
    if (pid_ <= 0) return false;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    return false;
}

int Beside::ended() {
    return becomes([this] { return !running(); }) ? code_ : -1;
}

LiveService::LiveService(const std::string& config) {
    write_config(config);
    process_ = std::make_unique<Beside>(std::vector<std::string>{SG_TEST_STREAMGATE,
                                                                 "serve",
                                                                 "--config",
                                                                 (folder_ / "c.yaml").string(),
                                                                 "--rtmp",
                                                                 "127.0.0.1:0",
                                                                 "--srt",
                                                                 "127.0.0.1:0",
                                                                 "--http",
                                                                 "127.0.0.1:0"},
                                        folder_ / "log");
    if (!becomes(
            [this] { return log().find("(DASH)") != std::string::npos || !process_->running(); }))
        throw std::runtime_error("streamgate serve does not start: " + log());
    const auto text = log();
    rtmp_ = base_of(text, "rtmp");
    srt_ = base_of(text, "srt");
    http_ = base_of(text, "http");
}

void LiveService::write_config(const std::string& text) const {
    std::ofstream(folder_ / "c.yaml") << "data: data\nthreads: 2\n" << text;
}

std::string LiveService::rtmp(const std::string& stream) const {
    return rtmp_ + "/" + stream;
}

std::string LiveService::srt(const std::string& stream_id) const {
    return srt_ + "?streamid=" + stream_id;
}

std::string LiveService::get(const std::string& path) const {
    protocols::HttpRequest request;
    request.url = http_ + path;
    request.max_bytes = 16U << 20;
    std::string body;
    const auto answer =
        protocols::HttpClient().get(request,
                                    [&body](std::span<const std::byte> bytes) -> Status {
                                        for (const auto byte : bytes)
                                            body += static_cast<char>(byte);
                                        return {};
                                    },
                                    {});
    return answer ? body : std::string();
}

std::string LiveService::playlist(const std::string& channel) const {
    const auto multivariant = get("/" + channel + "/index.m3u8");
    std::size_t at = 0;
    while (at < multivariant.size()) {
        const auto end = std::min(multivariant.find('\n', at), multivariant.size());
        const auto line = multivariant.substr(at, end - at);
        if (!line.empty() && line.front() != '#') return get("/" + channel + "/" + line);
        at = end + 1;
    }
    return {};
}

std::string LiveService::log() const {
    return contents(folder_ / "log");
}

std::vector<std::string> endless(const std::filesystem::path& folder,
                                 const std::string& format,
                                 const std::string& target) {
    const auto clip = folder / "clip.mp4";
    if (!std::filesystem::exists(clip)) {
        ClipOptions options;
        options.video.front().seconds = 4;
        options.audio.front().seconds = 4;
        make_clip(clip, options);
    }
    return {"ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-re",
            "-stream_loop",
            "-1",
            "-i",
            clip.string(),
            "-c",
            "copy",
            "-f",
            format,
            target};
}

}  // namespace sg::test

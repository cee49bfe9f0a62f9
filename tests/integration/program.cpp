#include "program.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <sys/wait.h>

#include <support/catch.hpp>

namespace sg::test {
namespace {

using nlohmann::json;

std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] void become(std::vector<std::string> words, int out, const std::string& err_file) {
    words.insert(words.begin(), SG_TEST_STREAMGATE);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int err = ::open(err_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

}  // namespace

std::vector<json> Ended::events(const std::string& type) const {
    std::vector<json> found;
    std::size_t at = 0;
    while (at < out.size()) {
        const auto end = std::min(out.find('\n', at), out.size());
        auto event = json::parse(out.substr(at, end - at));
        if (type.empty() || event.at("type") == type) found.push_back(std::move(event));
        at = end + 1;
    }
    return found;
}

json Ended::one(const std::string& type) const {
    const auto found = events(type);
    INFO(type << "\n" << out << err);
    REQUIRE(found.size() == 1);
    return found.front().at("data");
}

Program::Program(const std::vector<std::string>& words) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    const auto err = (folder_ / "err").string();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork failed");
    if (pid_ == 0) become(words, ends[1], err);
    ::close(ends[1]);
    out_ = ends[0];
}

Program::~Program() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (out_ >= 0) ::close(out_);
}

std::optional<std::string> Program::line() {
    constexpr int kPatienceMs = 120'000;
    while (true) {
        if (const auto end = read_.find('\n', handed_); end != std::string::npos) {
            auto text = read_.substr(handed_, end - handed_);
            handed_ = end + 1;
            return text;
        }
        pollfd waiting{out_, POLLIN, 0};
        if (::poll(&waiting, 1, kPatienceMs) <= 0) throw std::runtime_error("streamgate is silent");
        char buffer[16384];
        const auto got = ::read(out_, buffer, sizeof buffer);
        if (got <= 0) return std::nullopt;
        read_.append(buffer, static_cast<std::size_t>(got));
    }
}

bool Program::read_until(const std::string& type) {
    while (const auto text = line()) {
        if (json::parse(*text).at("type") == type) return true;
    }
    return false;
}

void Program::signal(int number) const {
    ::kill(pid_, number);
}

std::vector<pid_t> Program::children() const {
    std::vector<pid_t> found;
    std::error_code gone;
    const auto threads = "/proc/" + std::to_string(pid_) + "/task";
    std::filesystem::directory_iterator thread(threads, gone);
    for (; !gone && thread != std::filesystem::directory_iterator(); thread.increment(gone)) {
        std::ifstream list(thread->path() / "children");
        for (pid_t pid = 0; list >> pid;) found.push_back(pid);
    }
    return found;
}

bool Program::over() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == pid_;
}

std::string Program::err() const {
    return contents(folder_ / "err");
}

Ended Program::finish() {
    while (line()) {
    }
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) throw std::runtime_error("waitpid failed");
    pid_ = -1;
    Ended ended;
    ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ended.out = read_;
    ended.err = contents(folder_ / "err");
    return ended;
}

Ended streamgate(const std::vector<std::string>& words) {
    return Program(words).finish();
}

}  // namespace sg::test

#include "run_program.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <sys/wait.h>

#include <support/temp_folder.hpp>

namespace sg::test {
namespace {

[[noreturn]] void become(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
}

int wait_for(pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid failed");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& words,
                          const std::filesystem::path& input) {
    const TempFolder folder;
    const auto out = folder / "out";
    const auto err = folder / "err";
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        const auto attach = [](const std::filesystem::path& path, int flags, int to) {
            const int fd = ::open(path.c_str(), flags, 0600);
            if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(126);
        };
        attach(input.empty() ? "/dev/null" : input, O_RDONLY, STDIN_FILENO);
        attach(out, O_WRONLY | O_CREAT, STDOUT_FILENO);
        attach(err, O_WRONLY | O_CREAT, STDERR_FILENO);
        become(words);
    }
    ProgramResult result;
    result.exit_code = wait_for(child);
    result.out = contents(out);
    result.err = contents(err);
    return result;
}

TerminalResult run_on_terminal(const std::vector<std::string>& words,
                               const std::string& interrupt_after) {
    winsize size{};
    size.ws_col = 100;
    size.ws_row = 24;
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
    if (child < 0) throw std::runtime_error("forkpty failed");
    if (child == 0) {
        ::setenv("TERM", "xterm", 1);
        ::setenv("LC_ALL", "C.UTF-8", 1);
        ::setenv("NO_COLOR", "1", 1);
        become(words);
    }
    constexpr int kPatienceMs = 120'000;
    TerminalResult result;
    bool interrupted = interrupt_after.empty();
    while (true) {
        pollfd waiting{terminal, POLLIN, 0};
        if (::poll(&waiting, 1, kPatienceMs) <= 0) break;
        char buffer[4096];
        const auto got = ::read(terminal, buffer, sizeof buffer);
        if (got <= 0) break;
        result.text.append(buffer, static_cast<std::size_t>(got));
        if (!interrupted && result.text.find(interrupt_after) != std::string::npos) {
            interrupted = true;
            constexpr char kCtrlC = '\x03';
            if (::write(terminal, &kCtrlC, 1) != 1) break;
        }
    }
    ::close(terminal);
    result.exit_code = wait_for(child);
    return result;
}

}  // namespace sg::test

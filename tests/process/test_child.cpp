// The child of the process tests: the request, or the first argument, says how it behaves.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <process/channel.hpp>
#include <process/signals.hpp>
#include <process/supervisor.hpp>
#include <process/task_server.hpp>

namespace {

using sg::Errc;
using sg::Error;
using sg::Result;
using sg::process::Channel;
using sg::process::kTaskChannelFd;
using sg::process::MessageLimits;
using sg::process::MessageType;
using sg::process::Outcome;
using sg::process::ProgressSender;
using sg::process::StopSignals;
using sg::process::Supervisor;
using sg::process::Task;

[[noreturn]] void hang() {
    for (;;) ::pause();
}

void wait_for(const std::stop_token& stop) {
    Channel::Pair pair = std::move(Channel::make_pair(MessageLimits{})).value();
    [[maybe_unused]] const auto cancelled = pair.ours.receive({stop, std::nullopt});
}

std::string read_all(int fd) {
    std::string text;
    char buffer[256];
    for (;;) {
        const ssize_t n = ::read(fd, buffer, sizeof buffer);
        if (n <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(n));
    }
}

class OneHangingTask final : public sg::process::TaskSource, public sg::process::TaskObserver {
  public:
    explicit OneHangingTask(const ProgressSender& progress) : progress_(progress) {}

    std::optional<Task> next() override {
        if (std::exchange(given_, true)) return std::nullopt;
        Task task;
        task.id = "grandchild";
        task.request = "hang";
        task.spawn.argv = {"grandchild", "serve"};
        return task;
    }
    bool finished() const override { return given_; }
    void on_started(std::string_view, pid_t pid) override { pid_ = pid; }
    void on_progress(std::string_view, std::string_view) override {
        [[maybe_unused]] const auto sent = progress_(std::to_string(pid_));
    }
    void on_finished(Outcome) override {}

  private:
    const ProgressSender& progress_;
    bool given_ = false;
    pid_t pid_ = 0;
};

Result<std::string> supervise_another(const ProgressSender& progress, std::stop_token stop) {
    auto supervisor = Supervisor::create({});
    if (!supervisor) return supervisor.error();
    OneHangingTask task(progress);
    auto report = supervisor->run(task, task, std::move(stop));
    if (!report) return report.error();
    return std::string("the grandchild ended");
}

Result<std::string> use_memory(const ProgressSender& progress, const std::stop_token& stop) {
    constexpr std::size_t kBlock = std::size_t{16} << 20;
    std::vector<std::string> blocks;
    for (int i = 0; i < 48; ++i) blocks.emplace_back(kBlock, 'x');
    [[maybe_unused]] const auto sent = progress("full");
    wait_for(stop);
    return std::to_string(blocks.size());
}

Result<std::string> handle(std::string_view request,
                           std::vector<sg::UniqueFd> fds,
                           const ProgressSender& progress,
                           std::stop_token stop) {
    if (request.starts_with("echo ")) return std::string(request.substr(5));
    if (request == "read fds") {
        std::string text;
        for (const auto& fd : fds) text += "[" + read_all(fd.get()) + "]";
        return text;
    }
    if (request == "big") return std::string(std::size_t{9} << 20, 'b');
    if (request == "fail") return Error{Errc::kBadData, "read film.mov: \x1b[31mtruncated\nat 10"};
    if (request == "throw") throw std::runtime_error("thrown");
    if (request == "exit") ::_exit(0);
    if (request == "abort") {
        std::fputs("first line\n\nassertion failed: cake\n", stderr);
        std::abort();
    }
    if (request == "flood") {
        const auto send_many = [&progress] {
            for (int i = 0; i < 10000; ++i) [[maybe_unused]] const auto sent = progress("{}");
        };
        std::thread other(send_many);
        send_many();
        other.join();
        return std::string("flooded");
    }
    if (request == "memory") return use_memory(progress, stop);
    if (request == "supervise") return supervise_another(progress, stop);

    if (auto sent = progress("ready"); !sent) return sent.error();
    if (request == "hang") hang();
    if (request == "byte") {
        char byte = 0;
        if (::read(fds.at(0).get(), &byte, 1) != 1) return Error{Errc::kIo, "no byte"};
        return std::string(1, byte);
    }
    wait_for(stop);
    if (request == "finish when stopped") return std::string("finished");
    return Error{Errc::kCancelled, "stopped"};
}

int send_garbage() {
    constexpr std::string_view kText = "hello, this is not a message at all";
    if (::write(kTaskChannelFd, kText.data(), kText.size()) < 0) return errno;
    hang();
}

int talk_after_result() {
    Channel channel(sg::UniqueFd(kTaskChannelFd), MessageLimits{});
    if (!channel.send(MessageType::kResult, "done")) return 1;
    if (!channel.send(MessageType::kProgress, "more")) return 1;
    hang();
}

int linger_after_result() {
    Channel channel(sg::UniqueFd(kTaskChannelFd), MessageLimits{});
    if (!channel.send(MessageType::kResult, "done")) return 1;
    hang();
}

int close_channel() {
    ::close(kTaskChannelFd);
    hang();
}

int wait_for_signals() {
    auto signals = StopSignals::install(StopSignals::Second::kExit);
    if (!signals) return 1;
    Channel channel(sg::UniqueFd(kTaskChannelFd), MessageLimits{});
    if (!channel.send(MessageType::kProgress, "ready")) return 1;
    wait_for((*signals)->token());
    if (!channel.send(MessageType::kProgress, std::to_string((*signals)->received()))) return 1;
    hang();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (mode == "serve") return sg::process::serve_task(kTaskChannelFd, handle);
    if (mode == "garbage") return send_garbage();
    if (mode == "talk after result") return talk_after_result();
    if (mode == "linger after result") return linger_after_result();
    if (mode == "close channel") return close_channel();
    if (mode == "signals") return wait_for_signals();
    return 2;
}

#include "srt_poller.hpp"

#include <array>
#include <string_view>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include <base/log.hpp>

#include "srt_socket.hpp"

namespace sg::protocols {
namespace {

using namespace std::chrono_literals;

constexpr int kForever = -1;
constexpr int kLingerMs = 100;
constexpr int kSocketWaitMs = 10;
/// Pause after reading: what arrives meanwhile is read in one go.
constexpr auto kGather = 8ms;

/// Most of what libsrt calls an error is one peer's doing.
void take_log_line(void*, int level, const char*, int, const char* area, const char* message) {
    std::string_view text = message != nullptr ? message : "";
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    log::at(level <= LOG_CRIT ? log::Level::kError : log::Level::kDebug,
            "srt area={} said=\"{}\"",
            area != nullptr ? area : "",
            text);
}

}  // namespace

Result<std::shared_ptr<SrtPoller>> SrtPoller::create() {
    std::shared_ptr<SrtPoller> poller(new SrtPoller);
    poller->wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!poller->wake_.valid())
        return Error{Errc::kIo, "start the SRT service: no event descriptor"};
    poller->thread_ = std::thread([raw = poller.get()] { raw->run(); });
    pthread_setname_np(poller->thread_.native_handle(), "srt");
    return poller;
}

SrtPoller::~SrtPoller() {
    shutdown();
}

Status SrtPoller::begin() {
    if (epoll_ >= 0) return {};
    srt_setlogflags(SRT_LOGF_DISABLE_TIME | SRT_LOGF_DISABLE_THREADNAME |
                    SRT_LOGF_DISABLE_SEVERITY | SRT_LOGF_DISABLE_EOL);
    srt_setloglevel(log::enabled(log::Level::kDebug) ? LOG_ERR : LOG_CRIT);
    srt_setloghandler(nullptr, take_log_line);
    if (srt_startup() < 0) {
        // It counts those that fail as well, and would do nothing the next time.
        srt_cleanup();
        return Error{Errc::kLimit, "start libsrt: no thread could be started"};
    }
    epoll_ = srt_epoll_create();
    if (epoll_ < 0) {
        Error error = srt_error("wait for SRT sockets");
        srt_cleanup();
        return error;
    }
    return {};
}

void SrtPoller::post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        tasks_.push_back(std::move(task));
        if (tasks_.size() > 1) return;
    }
    const std::uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
}

void SrtPoller::shutdown() {
    if (!thread_.joinable()) return;
    post([this] { stopping_ = true; });
    thread_.join();
    const std::lock_guard lock(mutex_);
    tasks_.clear();
}

void SrtPoller::watch(SRTSOCKET socket, int events, std::shared_ptr<SrtWatcher> watcher) {
    if (sockets_.empty()) last_tick_ = std::chrono::steady_clock::now();
    sockets_[socket] = std::move(watcher);
    srt_epoll_add_usock(epoll_, socket, &events);
}

void SrtPoller::change(SRTSOCKET socket, int events) {
    if (sockets_.contains(socket)) srt_epoll_update_usock(epoll_, socket, &events);
}

void SrtPoller::forget(SRTSOCKET socket) {
    if (sockets_.erase(socket) > 0) srt_epoll_remove_usock(epoll_, socket);
}

void SrtPoller::watch_fd(int fd, std::function<void()> ready) {
    fds_[fd] = std::move(ready);
}

void SrtPoller::forget_fd(int fd) {
    fds_.erase(fd);
}

void SrtPoller::linger(std::function<bool()> done) {
    lingering_.push_back(std::move(done));
}

void SrtPoller::run() {
    while (!stopping_) {
        if (!sockets_.empty()) {
            wait_for_sockets();
            wait_for_fds(0);
            tick();
        } else {
            wait_for_fds(lingering_.empty() ? kForever : kLingerMs);
        }
        std::erase_if(lingering_, [](const auto& done) { return done(); });
        run_tasks();
    }
    for (const auto& [socket, watcher] : std::exchange(sockets_, {})) watcher->on_shutdown();
    fds_.clear();
    lingering_.clear();
    if (epoll_ < 0) return;
    srt_epoll_release(epoll_);
    srt_cleanup();
}

void SrtPoller::run_tasks() {
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
}

void SrtPoller::wait_for_fds(int timeout_ms) {
    std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
    for (const auto& [fd, ready] : fds_) polled.push_back({fd, POLLIN, 0});
    if (poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
    if (polled[0].revents != 0) {
        std::uint64_t count = 0;
        (void)!read(wake_.get(), &count, sizeof count);
    }
    for (std::size_t i = 1; i < polled.size(); ++i) {
        if (polled[i].revents == 0) continue;
        // A copy: it may forget itself.
        const auto found = fds_.find(polled[i].fd);
        if (found == fds_.end()) continue;
        const std::function<void()> ready = found->second;
        ready();
    }
}

void SrtPoller::wait_for_sockets() {
    std::array<SRT_EPOLL_EVENT, 64> events{};
    const int count =
        srt_epoll_uwait(epoll_, events.data(), static_cast<int>(events.size()), kSocketWaitMs);
    for (int i = 0; i < count && i < static_cast<int>(events.size()); ++i) {
        const SRT_EPOLL_EVENT& event = events[static_cast<std::size_t>(i)];
        const auto found = sockets_.find(event.fd);
        if (found == sockets_.end()) continue;
        const std::shared_ptr<SrtWatcher> watcher = found->second;
        watcher->on_ready(event.events);
    }
    if (count > 0) std::this_thread::sleep_for(kGather);
}

void SrtPoller::tick() {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_tick_ < 1s) return;
    last_tick_ = now;
    std::vector<std::shared_ptr<SrtWatcher>> watchers;
    watchers.reserve(sockets_.size());
    for (const auto& [socket, watcher] : sockets_) watchers.push_back(watcher);
    for (const auto& watcher : watchers) watcher->on_tick(now);
}

}  // namespace sg::protocols

#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <srt/srt.h>

#include <base/result.hpp>
#include <base/unique_fd.hpp>

namespace sg::protocols {

/// SRT_EPOLL_* as the plain numbers that libsrt's functions take.
inline constexpr int kSrtIn = static_cast<int>(SRT_EPOLL_IN);
inline constexpr int kSrtOut = static_cast<int>(SRT_EPOLL_OUT);
inline constexpr int kSrtError = static_cast<int>(SRT_EPOLL_ERR);

/// Somebody who waits for an SRT socket. Called on the poll thread.
class SrtWatcher {
  public:
    using Now = std::chrono::steady_clock::time_point;

    virtual ~SrtWatcher() = default;
    /// Flags as above.
    virtual void on_ready(int events) = 0;
    /// About once a second while any SRT socket is watched.
    virtual void on_tick(Now now) = 0;
    /// The service ends: the socket must be closed now.
    virtual void on_shutdown() = 0;
};

/// The thread that waits for all SRT sockets. libsrt can wait for its own sockets only by looking
/// every 10 ms, so while there are none, plain file descriptors are waited for instead.
class SrtPoller {
  public:
    [[nodiscard]] static Result<std::shared_ptr<SrtPoller>> create();
    ~SrtPoller();

    /// Runs `task` on the poll thread, soon. Any thread; nothing happens after shutdown().
    void post(std::function<void()> task);
    /// Ends the thread; every watcher is told. Not from the poll thread.
    void shutdown();

    // The rest on the poll thread only.

    /// Starts libsrt, whose threads do not quite sleep, when it is first needed: call it before any
    /// function of libsrt.
    [[nodiscard]] Status begin();
    void watch(SRTSOCKET socket, int events, std::shared_ptr<SrtWatcher> watcher);
    void change(SRTSOCKET socket, int events);
    void forget(SRTSOCKET socket);
    /// Calls `ready` when there is something to read, again and again until it is forgotten.
    void watch_fd(int fd, std::function<void()> ready);
    void forget_fd(int fd);
    /// Asks `done` every 100 ms until it says true.
    void linger(std::function<bool()> done);

  private:
    SrtPoller() = default;

    void run();
    void run_tasks();
    void wait_for_fds(int timeout_ms);
    void wait_for_sockets();
    void tick();

    int epoll_ = -1;
    UniqueFd wake_;
    std::unordered_map<SRTSOCKET, std::shared_ptr<SrtWatcher>> sockets_;
    std::map<int, std::function<void()>> fds_;
    std::vector<std::function<bool()>> lingering_;
    SrtWatcher::Now last_tick_{};

    std::mutex mutex_;
    std::vector<std::function<void()>> tasks_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace sg::protocols

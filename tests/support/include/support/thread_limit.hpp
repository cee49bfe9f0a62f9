#pragma once

#include <functional>
#include <string>
#include <system_error>
#include <thread>

#include <unistd.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include <support/catch.hpp>

namespace sg::test {

inline bool limit_threads(bool none) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NPROC, &limit) != 0) return false;
    limit.rlim_cur = none ? 0 : limit.rlim_max;
    return ::setrlimit(RLIMIT_NPROC, &limit) == 0;
}

/// In a child process, whose user is not the superuser: nothing limits that one's threads.
/// `work` says what is wrong, or nothing.
inline void where_threads_can_be_limited(const std::function<std::string()>& work) {
    constexpr int kWrong = 1;
    constexpr int kNotLimited = 2;
    constexpr uid_t kNobody = 65534;
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(kNotLimited);
        bool limited = limit_threads(true);
        try {
            std::thread([] {}).join();
            limited = false;
        } catch (const std::system_error&) {
        }
        if (!limited || !limit_threads(false)) ::_exit(kNotLimited);
        const std::string wrong = work();
        (void)!::write(STDERR_FILENO, wrong.data(), wrong.size());
        ::_exit(wrong.empty() ? 0 : kWrong);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status));
    if (WEXITSTATUS(status) == kNotLimited) {
        WARN("threads cannot be limited here");
        return;
    }
    CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace sg::test

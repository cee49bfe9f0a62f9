// Tries in its sandbox what an attacker would, and tells what came of it: one line an attempt.

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <process/sandbox.hpp>

namespace {

void tell(const char* what, bool happened) {
    std::printf("%s: %s\n", what, happened ? "done" : std::strerror(errno));
    std::fflush(stdout);
}

bool opens(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) return false;
    ::close(fd);
    return true;
}

bool forks() {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    if (pid > 0) ::waitpid(pid, nullptr, 0);
    return pid >= 0;
}

bool executes() {
    const std::array<char*, 2> argv{const_cast<char*>("true"), nullptr};
    ::execv("/usr/bin/true", argv.data());
    return false;
}

bool starts_thread() {
    std::atomic<bool> ran = false;
    std::thread([&ran] { ran = true; }).join();
    return ran;
}

void attack(const std::string& folder, const std::string& outside) {
    tell("read shadow", opens("/etc/shadow", O_RDONLY));
    tell("read passwd", opens("/etc/passwd", O_RDONLY));
    tell("read environ", opens("/proc/self/environ", O_RDONLY));
    tell("read parent's memory", opens("/proc/" + std::to_string(::getppid()) + "/mem", O_RDONLY));
    tell("read outside", opens(outside + "/secret", O_RDONLY));
    tell("write outside", opens(outside + "/made", O_WRONLY | O_CREAT));
    tell("leave by ..", opens(folder + "/../outside/secret", O_RDONLY));
    tell("leave by link", opens(folder + "/link", O_RDONLY));
    tell("make link", ::symlink("/etc", (folder + "/new-link").c_str()) == 0);
    tell("link outside's file",
         ::link((outside + "/secret").c_str(), (folder + "/linked").c_str()) == 0);
    tell("truncate outside", ::truncate((outside + "/secret").c_str(), 0) == 0);
    tell("remove outside", ::unlink((outside + "/secret").c_str()) == 0);
    tell("make device", ::mknod((folder + "/device").c_str(), S_IFCHR | 0600, 0x103) == 0);
    tell("tcp socket", ::socket(AF_INET, SOCK_STREAM, 0) >= 0);
    tell("udp socket", ::socket(AF_INET, SOCK_DGRAM, 0) >= 0);
    tell("unix socket", ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    tell("netlink socket", ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
    tell("fork", forks());
    tell("exec", executes());
    tell("kill parent", ::kill(::getppid(), 0) == 0);
    tell("become root", ::setuid(0) == 0);
    rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
    tell("raise limit", ::setrlimit(RLIMIT_CORE, &limit) == 0);
    tell("open terminal", ::ioctl(0, 0x5412, "x") == 0);
    // What a task does.
    tell("write inside", opens(folder + "/made", O_WRONLY | O_CREAT));
    tell("rename inside", ::rename((folder + "/made").c_str(), (folder + "/renamed").c_str()) == 0);
    tell("make folder", ::mkdir((folder + "/folder").c_str(), 0700) == 0);
    tell("remove inside", ::unlink((folder + "/renamed").c_str()) == 0);
    tell("read library", opens("/usr/lib/os-release", O_RDONLY));
    tell("write library", opens("/usr/lib/os-release", O_WRONLY));
    tell("thread", starts_thread());
    tell("read given", opens("/dev/urandom", O_RDONLY));
}

/// Each of these ends the process.
void attack_deadly(std::string_view how) {
    if (how == "ptrace") ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr);
    if (how == "mount") ::syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr);
    if (how == "unshare") ::syscall(SYS_unshare, CLONE_NEWUSER);
    if (how == "bpf") ::syscall(SYS_bpf, 0, nullptr, 0);
    if (how == "keyctl") ::syscall(SYS_keyctl, 0, 0, 0, 0, 0);
    if (how == "io_uring") ::syscall(SYS_io_uring_setup, 1, nullptr);
    if (how == "userfaultfd") ::syscall(SYS_userfaultfd, 0);
    if (how == "process_vm_readv")
        ::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0);
    if (how == "x32") ::syscall(0x40000000 + 39);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    const std::string_view mode = argv[1];
    const std::string folder = argv[2];
    sg::process::SandboxPolicy policy;
    policy.write.emplace_back(folder);
    policy.limits.cpu_seconds = mode == "cpu" ? 1 : 60;
    policy.limits.address_space_bytes = std::uint64_t{4} << 30;
    policy.limits.file_bytes = 1 << 20;
    policy.limits.open_files = 64;
    if (argc > 4) policy.user = sg::process::SandboxUser{65534, 65534};
    const auto report = sg::process::enter_sandbox(policy);
    if (!report) {
        std::printf("%s\n", report.error().message.c_str());
        return 3;
    }
    for (const auto& m : report->measures)
        std::printf(
            "measure %s %s: %s\n", m.name.c_str(), m.applied ? "yes" : "no", m.detail.c_str());
    std::printf("uid %u\n", ::geteuid());
    if (mode == "all") {
        attack(folder, argv[3]);
    } else if (mode == "cpu") {
        const volatile bool forever = true;
        while (forever) {
        }
    } else if (mode == "memory") {
        void* const memory = ::mmap(nullptr,
                                    std::size_t{5} << 30,
                                    PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS,
                                    -1,
                                    0);
        tell("memory", memory != MAP_FAILED);
    } else if (mode == "file") {
        const int fd = ::open((folder + "/large").c_str(), O_WRONLY | O_CREAT, 0600);
        std::signal(SIGXFSZ, SIG_IGN);
        tell("large file", ::ftruncate(fd, 2 << 20) == 0);
    } else {
        attack_deadly(mode);
        std::printf("survived\n");
    }
    return 0;
}

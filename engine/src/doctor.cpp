#include <array>
#include <cstdlib>
#include <thread>
#include <utility>

#include <dlfcn.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <base/file.hpp>
#include <engine/doctor.hpp>
#include <engine/sandbox.hpp>
#include <media_av/libav.hpp>
#include <media_av/versions.hpp>

#include "task_sandbox.hpp"

namespace sg::engine {
namespace {

using State = Finding::State;

constexpr std::uint64_t kGiga = 1'000'000'000;
constexpr rlim_t kFewFiles = 4096;

struct Encoder {
    const char* name;
    const char* use;
};
constexpr std::array<Encoder, 6> kEncoders{{{"libx264", "H.264"},
                                            {"libx265", "HEVC"},
                                            {"libsvtav1", "AV1"},
                                            {"libvpx-vp9", "VP9"},
                                            {"aac", "AAC"},
                                            {"libopus", "Opus"}}};

const char* state_name(State state) {
    switch (state) {
        case State::kGood:
            return "good";
        case State::kWarning:
            return "warning";
        case State::kBad:
            return "bad";
    }
    return "bad";
}

Finding kernel() {
    utsname name{};
    if (::uname(&name) != 0) return {"kernel", State::kWarning, "it does not tell its name"};
    return {
        "kernel", State::kGood, fmt::format("{} {} {}", name.sysname, name.release, name.machine)};
}

Finding machine() {
    const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
    const auto page = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
    const auto memory = pages * page;
    return {"machine",
            memory < 2 * kGiga ? State::kWarning : State::kGood,
            fmt::format("{} processors, {:.1f} GB of memory{}",
                        std::thread::hardware_concurrency(),
                        static_cast<double>(memory) / static_cast<double>(kGiga),
                        memory < 2 * kGiga ? "; encoding 1080p takes about 1 GB a task" : "")};
}

void add_sandbox(std::vector<Finding>& findings) {
    if (!sandbox_wanted()) {
        findings.push_back(
            {"sandbox", State::kBad, fmt::format("turned off by {}; unset it", kSandboxVariable)});
        return;
    }
    TaskRequest request;
    request.kind = TaskKind::kVideo;
    const char* const user = std::getenv(kWorkerUserVariable);
    if (user != nullptr && !process::find_sandbox_user(user))
        findings.push_back(
            {"sandbox: user name",
             State::kBad,
             fmt::format("there is no user {}; make it, or change worker.user", user)});
    for (const auto& measure : process::look_at_sandbox(sandbox_policy(request)).measures)
        findings.push_back({"sandbox: " + measure.name,
                            measure.applied ? State::kGood : State::kWarning,
                            measure.detail});
}

Finding descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return {"open files", State::kWarning, "the limit cannot be read"};
    const bool few = limit.rlim_max < kFewFiles;
    return {"open files",
            few ? State::kWarning : State::kGood,
            fmt::format("{} now, {} at most{}",
                        limit.rlim_cur,
                        limit.rlim_max,
                        few ? "; a busy service needs more: raise LimitNOFILE or ulimit -n" : "")};
}

/// Not required: memory is watched by the parent as well.
Finding cgroups() {
    const auto controllers = read_file("/sys/fs/cgroup/cgroup.controllers", 4096);
    const bool memory = controllers && controllers->find("memory") != std::string::npos;
    return {"cgroups",
            State::kGood,
            memory ? "version 2 with memory: limits of the service's group hold for its tasks"
                   : "no version 2 with memory: each task's memory is watched by the service"};
}

void add_libraries(std::vector<Finding>& findings) {
    findings.push_back({"libav", State::kGood, av::library_versions()});
    for (const auto& encoder : kEncoders) {
        const bool there = avcodec_find_encoder_by_name(encoder.name) != nullptr;
        findings.push_back({fmt::format("encoder {}", encoder.name),
                            there ? State::kGood : State::kWarning,
                            there ? fmt::format("encodes {}", encoder.use)
                                  : fmt::format("this libavcodec cannot encode {}", encoder.use)});
    }
    void* const gst = ::dlopen("libgstreamer-1.0.so.0", RTLD_LAZY | RTLD_LOCAL);
    findings.push_back(
        {"gstreamer",
         State::kGood,
         gst != nullptr ? "there: RTSP inputs work" : "not installed: no RTSP inputs"});
    if (gst != nullptr) ::dlclose(gst);
}

Finding disk(const std::filesystem::path& folder) {
    const auto name = fmt::format("disk of {}", folder.string());
    struct statvfs room {};
    if (::statvfs(folder.c_str(), &room) != 0)
        return {name, State::kBad, errno_error(errno, "look at it").message};
    const std::uint64_t free = room.f_bavail * room.f_frsize;
    if (::access(folder.c_str(), W_OK) != 0)
        return {name, State::kBad, "it cannot be written to by this user"};
    const auto state =
        free < kGiga ? State::kBad : (free < 10 * kGiga ? State::kWarning : State::kGood);
    return {name,
            state,
            fmt::format("{:.1f} GB free{}",
                        static_cast<double>(free) / static_cast<double>(kGiga),
                        state == State::kGood ? "" : "; make room, outputs need it")};
}

}  // namespace

std::vector<Finding> examine_machine(const DoctorQuestions& questions) {
    std::vector<Finding> findings{kernel(), machine()};
    add_sandbox(findings);
    findings.push_back(descriptors());
    findings.push_back(cgroups());
    if (questions.libraries) add_libraries(findings);
    for (const auto& folder : questions.folders) findings.push_back(disk(folder));
    return findings;
}

std::string describe(const std::vector<Finding>& findings) {
    std::size_t width = 0;
    for (const auto& f : findings) width = std::max(width, f.name.size());
    std::string text;
    for (const auto& f : findings) {
        const char* mark = f.state == State::kGood ? "  " : f.state == State::kBad ? "x " : "! ";
        text += fmt::format("{}{:<{}}  {}\n", mark, f.name, width, f.detail);
    }
    return text;
}

std::string to_json(const std::vector<Finding>& findings) {
    auto all = nlohmann::ordered_json::array();
    for (const auto& f : findings)
        all.push_back({{"name", f.name}, {"state", state_name(f.state)}, {"detail", f.detail}});
    return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sg::engine

#include <filesystem>

#include <fmt/format.h>

#include <base/log.hpp>
#include <engine/crash_bundle.hpp>

#include "input_run.hpp"

namespace sg::engine {
namespace {

/// Empty for one without a name, such as the copy of a pipe.
std::string path_of(int fd) {
    std::error_code failed;
    const auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), failed);
    if (failed || path.string().ends_with(" (deleted)")) return {};
    return path.string();
}

}  // namespace

void InputRun::keep_crash(const Work& work, const process::Outcome& outcome) {
    if (setup_.options.crashes.empty()) return;
    // The request is what it was: nothing of it changes while its task runs.
    if (outcome.result || outcome.signal == 0 || outcome.from_outside) return;
    const auto bundle = crash_of(outcome, request_of(work).to_json(), path_of(source_.fd.get()));
    if (!bundle) return;
    const auto written = write_crash_bundle(setup_.options.crashes, *bundle);
    if (!written) {
        log::warn("crash_bundle_lost task={}: {}", outcome.id, written.error().message);
        return;
    }
    reporter_.emit("warning",
                   setup_.name,
                   {{"code", "crash_bundle"},
                    {"text",
                     fmt::format("a task crashed ({}); what is needed to find out why is in {}",
                                 bundle->signal,
                                 written->string())}});
}

}  // namespace sg::engine

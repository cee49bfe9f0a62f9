#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "one_task.hpp"
#include "task.hpp"
#include "verify_http.hpp"
#include "verify_names.hpp"

namespace sg::engine {
namespace {

/// As many as the child reads renditions at once.
constexpr std::size_t kSockets = 4;
/// The child may have been taken over by what it reads.
constexpr process::MessageLimits kQuestions{std::size_t{64} << 10, 0};
/// Each object takes a minute at most, and each is told.
constexpr std::chrono::seconds kStall{120};

}  // namespace

Result<VerifyReport> verify_in_task(const std::string& location, const VerifyOptions& options) {
    TaskRequest request;
    request.kind = TaskKind::kVerify;
    request.verify = options.mode;
    request.location = location;
    process::Task task;
    task.id = "verify";
    task.request = request.to_json();
    task.progress_timeout = kStall;
    task.spawn.environment = task_environment(TaskKind::kVerify);

    FetchServer server(location);
    // Ended by the child's end, or by going out of scope.
    std::vector<std::jthread> threads;
    if (!origin_of(location).empty()) {
        for (std::size_t i = 0; i < kSockets; ++i) {
            SG_TRY_ASSIGN(auto pair, process::Channel::make_pair(kQuestions));
            task.request_fds.push_back(std::move(pair.theirs));
            threads.emplace_back(
                [&server, channel = std::move(pair.ours)](std::stop_token stop) mutable {
                    server.serve(std::move(channel), stop);
                });
        }
    }
    bool reading = false;  // it was past the manifests
    const auto on_progress = [&](std::string_view payload) {
        const auto message = nlohmann::json::parse(payload, nullptr, false);
        if (!message.is_object()) return;
        const auto done = message.find("done");
        if (done == message.end() || !done->is_number_integer()) return;
        const auto fraction = std::clamp(done->get<double>() / 1000, 0.0, 1.0);
        reading |= fraction > 0;
        if (options.progress) options.progress(fraction);
    };
    SG_TRY_ASSIGN(const auto outcome, run_one_task(std::move(task), on_progress, options.stop));
    const auto& result = outcome.result;
    if (result) return VerifyReport::from_json(*result);
    const auto& error = result.error();
    const bool hung = error.code == Errc::kTimeout && reading;
    if (error.code == Errc::kCrashed || hung)
        return Error{Errc::kCrashed,
                     fmt::format("verify {}: {}; a file changed while it was read, or the media "
                                 "breaks a decoder",
                                 protocols::printable_url(location),
                                 error.message)};
    return error;
}

}  // namespace sg::engine

#include "progress.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace sg::engine {

using Clock = std::chrono::steady_clock;

void Progress::start_stage(const char* stage, std::int64_t total) {
    stage_ = stage;
    total_ = total;
    done_before_ = 0;
    done_ = 0;
    running_.clear();
    stage_start_ = Clock::now();
    last_report_ = {};
}

void Progress::task_finished(const std::string& task, std::int64_t units) {
    running_.erase(task);
    done_ += units;
}

bool Progress::task_progress(const std::string& task, const nlohmann::json& message, bool counts) {
    if (!message.is_object() || !message.contains("done")) return false;
    const auto number = [&](const char* key) {
        const auto at = message.find(key);
        return at != message.end() && at->is_number_integer()
                   ? std::max<std::int64_t>(0, at->get<std::int64_t>())
                   : 0;
    };
    running_[task] = {counts ? number("done") : 0, number("bytes")};
    if (total_ == 0 && counts) total_ = number("total");
    return true;
}

double Progress::fraction() const {
    if (total_ <= 0) return 0;
    auto done = done_before_ + done_;
    for (const auto& [task, r] : running_) done += r.done;
    return std::clamp(static_cast<double>(done) / static_cast<double>(total_), 0.0, 1.0);
}

double Progress::gained() const {
    const double before =
        total_ > 0 ? static_cast<double>(done_before_) / static_cast<double>(total_) : 0;
    return std::max(0.0, fraction() - before);
}

double Progress::elapsed_seconds() const {
    return std::chrono::duration<double>(Clock::now() - stage_start_).count();
}

double Progress::speed() const {
    const double elapsed = elapsed_seconds();
    return elapsed > 0 ? gained() * media_seconds_ / elapsed : 0;
}

std::optional<nlohmann::json> Progress::report(bool force) {
    const auto now = Clock::now();
    if (!force && now - last_report_ < std::chrono::milliseconds(250)) return std::nullopt;
    last_report_ = now;
    const double elapsed = elapsed_seconds();
    const double all = fraction();
    const double new_here = gained();
    auto bytes = bytes_done_;
    for (const auto& [task, r] : running_) bytes += r.bytes;
    nlohmann::json data = {{"stage", stage_},
                           {"percent", all * 100},
                           {"bytes", bytes},
                           {"tasks_running", running_.size()}};
    if (counts_frames_) {
        data["frames"] = static_cast<std::int64_t>(all * static_cast<double>(total_));
        data["fps"] = elapsed > 0 ? new_here * static_cast<double>(total_) / elapsed : 0.0;
    }
    if (media_seconds_ > 0 && elapsed > 0) data["speed"] = speed();
    if (new_here > 0.005) data["eta_s"] = elapsed / new_here * (1 - all);
    return data;
}

}  // namespace sg::engine

#include "job_watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "text_width.hpp"

namespace sg::apps {
namespace {

using nlohmann::json;
using Steady = std::chrono::steady_clock;

constexpr auto kUnreachable = std::chrono::seconds(30);
constexpr auto kPause = std::chrono::milliseconds(500);
/// Ids in one query; more are watched by all events.
constexpr std::size_t kMostSubjects = 50;

std::string text_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

engine::Event event_of(const char* type, std::string_view label, json data) {
    engine::Event event;
    event.type = type;
    event.subject = label;
    event.data = data.dump(-1, ' ', false, json::error_handler_t::replace);
    return event;
}

/// The figures of the job's inputs, as the display's last line has them.
json finished_data(const json& job) {
    json data = json::object();
    const auto result = job.find("result");
    if (result == job.end() || !result->is_object()) return data;
    const auto inputs = result->find("inputs");
    if (inputs == result->end() || !inputs->is_array() || inputs->empty()) return data;
    double length = 0;
    for (const auto& input : *inputs) {
        if (const auto found = input.find("duration_s"); found != input.end() && found->is_number())
            length += found->get<double>();
    }
    data["duration_s"] = length;
    if (const auto wall = result->find("wall_s"); wall != result->end()) data["wall_s"] = *wall;
    if (const auto wall = data.value("wall_s", 0.0); wall > 0) data["speed"] = length / wall;
    if (inputs->size() == 1) data["folder"] = text_of(inputs->front(), "folder");
    return data;
}

class Watcher {
  public:
    Watcher(const ServerClient& client, WatchRequest& request, Display* display)
        : client_(client), request_(request), display_(display) {
        for (auto& job : request.jobs) jobs_[job.id] = &job;
    }

    Result<WatchEnd> run(const std::stop_token& stop) {
        // Jobs that have ended tell nothing any more; also makes sure that they are there.
        for (auto& job : request_.jobs) {
            SG_TRY_ASSIGN(const auto found, get(job.id, stop));
            if (is_open(text_of(found, "state"))) continue;
            if (request_.raw) SG_TRY(tell_history(job, stop));
            ended(job, found);
        }
        Steady::time_point lost_since{};
        while (left() > 0) {
            if (stop.stop_requested()) return WatchEnd::kInterrupted;
            const auto before = last_;
            const auto status = client_.stream(
                path(), last_, [this](std::string_view data) { return take(data); }, stop);
            if (left() == 0 || gone_) break;
            if (stop.stop_requested()) return WatchEnd::kInterrupted;
            const bool network = !status && (status.error().code == Errc::kIo ||
                                             status.error().code == Errc::kTimeout ||
                                             status.error().code == Errc::kInternal);
            if (!status && !network) return status.error();
            const auto now = Steady::now();
            if (last_ != before || lost_since == Steady::time_point{}) lost_since = now;
            if (!status && now - lost_since > kUnreachable) return status.error();
            pause(stop);
        }
        return WatchEnd::kAllEnded;
    }

  private:
    static bool is_open(std::string_view state) {
        return state != "succeeded" && state != "failed" && state != "cancelled";
    }

    [[nodiscard]] std::size_t left() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            request_.jobs, [](const auto& job) { return job.outcome.empty(); }));
    }

    [[nodiscard]] std::string path() const {
        // Of one job: its history is found at once, and its end closes the stream.
        if (request_.jobs.size() == 1)
            return "/v1/jobs/" + url_escaped(request_.jobs.front().id) + "/events";
        std::string subjects;
        for (const auto& job : request_.jobs) {
            if (!job.outcome.empty()) continue;
            subjects += (subjects.empty() ? "" : ",") + url_escaped(job.id);
        }
        const bool all = request_.jobs.size() > kMostSubjects;
        return all ? std::string("/v1/events?types=job.*,task.failed")
                   : "/v1/events?subject=" + subjects;
    }

    Result<json> get(const std::string& id, const std::stop_token& stop) const {
        SG_TRY_ASSIGN(const auto reply, client_.call({"GET", "/v1/jobs/" + url_escaped(id)}, stop));
        auto job = json::parse(reply.body, nullptr, false);
        if (!job.is_object())
            return Error{Errc::kBadData, "the server's answer is no JSON; is it StreamGate?"};
        return job;
    }

    /// Of a job that has ended, whose stream closes after it.
    Status tell_history(const WatchedJob& job, const std::stop_token& stop) {
        return client_.stream(
            "/v1/jobs/" + url_escaped(job.id) + "/events",
            0,
            [this](std::string_view data) {
                gone_ = gone_ || !request_.raw(data);
                return !gone_;
            },
            stop);
    }

    static void pause(const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any woken;
        std::unique_lock lock(mutex);
        woken.wait_for(lock, stop, kPause, [] { return false; });
    }

    void ended(WatchedJob& job, const json& found) {
        job.outcome = text_of(found, "state");
        job.message = text_of(found, "message");
        if (display_ == nullptr) return;
        if (job.outcome == "succeeded") {
            display_->on_event(event_of("input.finished", job.label, finished_data(found)));
        } else {
            const json data{{"code", job.outcome == "cancelled" ? "cancelled" : "failed"},
                            {"message", job.message}};
            display_->on_event(event_of("input.failed", job.label, data));
        }
    }

    void show(const WatchedJob& job, const std::string& type, const json& data) {
        const auto event = display_event(type, job.label, data.dump());
        auto& failures = failures_[job.id];
        const std::pair key{data.value("input", json(0)).dump(), text_of(data, "task")};
        if (event && type == "task.failed") {
            failures.insert_or_assign(key, *event);
            return;
        }
        // Told only when it is tried again: else the job's failure says why.
        if (type == "job.failed" || type == "job.cancelled") failures.clear();
        std::erase_if(failures, [&](const auto& failure) {
            const bool again =
                type == "job.queued" || (type == "task.started" && failure.first == key);
            if (again) display_->on_event(failure.second);
            return again;
        });
        if (event) display_->on_event(*event);
    }

    bool take(std::string_view text) {
        const auto event = json::parse(text, nullptr, false);
        if (!event.is_object()) return true;
        if (const auto seq = event.find("seq"); seq != event.end() && seq->is_number_integer())
            last_ = std::max(last_, seq->get<std::int64_t>());
        const auto found = jobs_.find(text_of(event, "subject"));
        if (found == jobs_.end() || !found->second->outcome.empty()) return true;
        auto& job = *found->second;
        if (request_.raw && !request_.raw(text)) {
            gone_ = true;
            return false;
        }
        const auto type = text_of(event, "type");
        const auto data = event.find("data");
        const bool detailed = data != event.end() && data->is_object();
        if (display_ != nullptr) show(job, type, detailed ? *data : json::object());
        if (!type.starts_with("job.") || is_open(type.substr(4))) return true;
        // Events of an earlier attempt come first: only what it is now counts.
        const auto now = get(job.id, {});
        if (now && !is_open(text_of(*now, "state"))) ended(job, *now);
        return left() > 0;
    }

    const ServerClient& client_;
    WatchRequest& request_;
    Display* display_;
    std::map<std::string, WatchedJob*, std::less<>> jobs_;
    using Failures = std::map<std::pair<std::string, std::string>, engine::Event>;
    std::map<std::string, Failures, std::less<>> failures_;  ///< by job; then input and task
    std::int64_t last_ = 0;
    bool gone_ = false;
};

}  // namespace

std::optional<engine::Event> display_event(std::string_view type,
                                           std::string_view label,
                                           std::string_view data) {
    auto facts = json::parse(data, nullptr, false);
    if (!facts.is_object()) facts = json::object();
    // Without a stage: nothing is at work any more, and the job's end follows.
    if (type == "job.progress" && text_of(facts, "stage").empty()) return std::nullopt;
    if (type == "job.progress") return event_of("progress", label, std::move(facts));
    if (type == "task.failed") {
        facts["retry"] = true;  // it is shown only then
        return event_of("task.failed", label, std::move(facts));
    }
    if (!type.starts_with("job.")) return std::nullopt;
    const auto state = type.substr(4);
    const char* stage = nullptr;
    if (state == "accepted") stage = "waiting";
    if (state == "queued") stage = "queued";
    if (state == "planning") stage = "plan";
    if (state == "running") stage = "encode";
    if (state == "verifying") stage = "verify";
    if (state == "publishing") stage = "publish";
    if (stage == nullptr) return std::nullopt;
    return event_of("progress", label, {{"stage", stage}});
}

Result<WatchEnd> watch_jobs(const ServerClient& client,
                            WatchRequest& request,
                            Display* display,
                            std::stop_token stop) {
    std::stop_source ending;
    const std::stop_callback forward(stop, [&ending] { ending.request_stop(); });
    bool late = false;
    std::jthread alarm;
    if (request.timeout) {
        alarm =
            std::jthread([&ending, &late, limit = *request.timeout](const std::stop_token& over) {
                std::mutex mutex;
                std::condition_variable_any woken;
                std::unique_lock lock(mutex);
                woken.wait_for(lock, over, limit, [] { return false; });
                if (over.stop_requested()) return;
                late = true;
                ending.request_stop();
            });
    }
    auto end = Watcher(client, request, display).run(ending.get_token());
    if (alarm.joinable()) {
        alarm.request_stop();
        alarm.join();
    }
    const bool cut = end ? *end == WatchEnd::kInterrupted : end.error().code == Errc::kCancelled;
    if (cut && late) return WatchEnd::kTimedOut;
    if (cut) return WatchEnd::kInterrupted;
    return end;
}

}  // namespace sg::apps

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <base/log.hpp>

#include "runner_core.hpp"
#include "wall_time.hpp"

// Accepted jobs: durable, but their inputs are not at hand.
namespace sg::jobs {
namespace {

constexpr std::string_view kUpload = "upload:";

}  // namespace

void RunnerCore::find_accepted() {
    JobFilter filter;
    filter.states = {JobState::kAccepted};
    filter.limit = 1000;
    for (;;) {
        std::vector<Job> found;
        {
            auto reader = database_.read();
            auto list =
                reader ? list_jobs(**reader, filter) : Result<std::vector<Job>>(reader.error());
            if (!list) {
                log::error("accepted_unreadable error=\"{}\"", list.error().message);
                return;
            }
            found = std::move(*list);
        }
        for (const auto& job : found) examine(job.id);
        if (found.size() < static_cast<std::size_t>(filter.limit)) return;
        filter.before_seq = found.back().seq;
    }
}

void RunnerCore::examine(const std::string& id) {
    auto& entry = accepted_[id];
    if (entry.fetching) return;
    if (removing_.contains(id)) {
        // Retried by hand before its folder was gone: at the next tick.
        entry.again = millis_of(clock_);
        return;
    }
    Job job;
    {
        auto reader = database_.read();
        auto found = reader ? find_job(**reader, id, {}) : Result<Job>(reader.error());
        if (!found || found->state != JobState::kAccepted) {
            accepted_.erase(id);
            return;
        }
        job = std::move(*found);
    }
    entry.owner = job.owner;
    std::vector<engine::JobFault> faults;
    const auto document = engine::read_job(job.document, engine::JobSyntax::kJson, faults);
    if (!document) {
        on_fetched(id,
                   Error{Errc::kInvalidArgument,
                         fmt::format("the job's document: {}",
                                     faults.empty() ? "cannot be read" : faults.front().message)});
        return;
    }
    for (const auto& input : document->inputs) {
        if (!input.uri.starts_with(kUpload) || !options_.upload) continue;
        const auto file = options_.upload(input.uri.substr(kUpload.size()), job.owner);
        if (!file) {
            on_fetched(id, file.error());
            return;
        }
        if (!*file) return;  // upload.finished will tell
    }
    auto order = missing_files(id, *document);
    if (order.files.empty()) {
        on_fetched(id, {});
        return;
    }
    entry.fetching = true;
    fetches_.want(std::move(order));
}

void RunnerCore::on_fetched(const std::string& id, const Status& status) {
    if (const auto at = jobs_.find(id); at != jobs_.end()) {
        auto& job = *at->second;
        if (!job.fetching) return;
        job.fetching = false;
        if (job.fate != RunnerJob::Fate::kRun) return;
        if (status) {
            start_run(job);
        } else {
            fail(job, status.error().within("fetch its input"));
        }
        return;
    }
    const auto at = accepted_.find(id);
    if (at == accepted_.end()) return;
    at->second.fetching = false;
    const auto now = millis_of(clock_);
    if (status) {
        accepted_.erase(at);
        write_freely(
            [id, now](sql::Connection& db) { return queue_job(db, id, "inputs_at_hand", now); },
            [](const Status&) {});
        return;
    }
    const auto& error = status.error();
    const auto why = retry_class_of(error, "open", false);
    const int failures = ++at->second.failures;
    if (worth_retrying(why, failures, options_.attempts)) {
        const auto pause = backoff(
            why, failures, options_.backoff, std::uniform_real_distribution<>(0, 1)(chance_));
        at->second.again = now + pause.count();
        metrics_.retried(why);
        log::warn(
            "fetch_failed job={} retry_in_ms={} error=\"{}\"", id, pause.count(), error.message);
        return;
    }
    accepted_.erase(at);
    removing_.insert(id);
    write_freely(
        [id, error, why, now](sql::Connection& db) {
            return fail_accepted(db, id, errc_name(error.code), error.message, why, now);
        },
        [this, id](const Status&) { janitor_.remove(id, {work_folder(options_.data, id)}); });
}

void RunnerCore::retry_fetches() {
    const auto now = millis_of(clock_);
    std::vector<std::string> due;
    for (auto& [id, entry] : accepted_) {
        if (entry.again == 0 || entry.again > now) continue;
        entry.again = 0;
        due.push_back(id);
    }
    for (const auto& id : due) examine(id);
}

void RunnerCore::tell_fetching(const std::string& id, const FetchProgress& progress) {
    Event event;
    event.time = millis_of(clock_);
    event.type = "job.progress";
    event.subject = id;
    if (const auto at = jobs_.find(id); at != jobs_.end()) {
        event.owner = at->second->job.owner;
    } else if (const auto entry = accepted_.find(id); entry != accepted_.end()) {
        event.owner = entry->second.owner;
    } else {
        return;
    }
    nlohmann::json data{{"stage", "fetch"}, {"percent", 0}, {"bytes", progress.bytes}};
    if (progress.total) data["total_bytes"] = *progress.total;
    event.data = data.dump();
    events_.tell(std::move(event));
}

}  // namespace sg::jobs

#include "job_json.hpp"

#include <array>
#include <string_view>

namespace sg::api {
namespace {

constexpr std::array kStates{jobs::JobState::kAccepted,
                             jobs::JobState::kQueued,
                             jobs::JobState::kPlanning,
                             jobs::JobState::kRunning,
                             jobs::JobState::kVerifying,
                             jobs::JobState::kPublishing,
                             jobs::JobState::kSucceeded,
                             jobs::JobState::kFailed,
                             jobs::JobState::kCancelled};

void write_facts(JsonWriter& out, const jobs::Job& job) {
    out.member("id", job.id)
        .member("state", jobs::name_of(job.state))
        .member("reason", job.reason)
        .member("message", job.message)
        .member("retry_class", jobs::name_of(job.retry_class))
        .member("owner", job.owner)
        .member("preset", job.preset)
        .member("external_id", job.external_id)
        .member("priority", jobs::name_of(job.priority))
        .member("percent", job.percent)
        .member("cancel_requested", job.cancel_requested)
        .member("version", job.version);
    out.key("deadline").time(job.deadline);
    out.key("created").time(job.created);
    out.key("tags").begin_object();
    for (const auto& [key, value] : job.tags) out.member(key, value);
    out.end_object();
}

void write_attempt(JsonWriter& out, const jobs::Attempt& attempt) {
    out.begin_object().member("number", attempt.number).member("worker", attempt.worker);
    out.key("started").time(attempt.started).key("ended").time(attempt.ended);
    out.member("outcome", attempt.outcome)
        .member("code", attempt.code)
        .member("message", attempt.message)
        .end_object();
}

void write_task(JsonWriter& out, const jobs::Task& task) {
    out.begin_object()
        .member("input", task.input)
        .member("name", task.name)
        .member("state", jobs::name_of(task.state))
        .member("attempt", task.attempt)
        .member("worker", task.worker);
    out.key("started").time(task.started).key("ended").time(task.ended);
    out.member("expected_s", task.expected_s)
        .member("media_s", task.media_s)
        .member("speed", task.speed)
        .member("percent", task.percent)
        .member("code", task.code)
        .member("message", task.message)
        .end_object();
}

}  // namespace

std::string job_text(const jobs::Job& job, const JobDetail& detail) {
    constexpr std::size_t kRest = 1536;
    constexpr std::size_t kPerTask = 256;
    JsonWriter out(job.document.size() + job.result.size() + kRest +
                   detail.tasks.size() * kPerTask);
    out.begin_object();
    write_facts(out, job);
    out.key("entered").begin_object();
    for (const auto state : kStates) {
        const auto entered = job.entered.find(jobs::name_of(state));
        if (entered != job.entered.end() && entered->second > 0)
            out.key(entered->first).time(entered->second);
    }
    out.end_object();
    out.key("not_before").time(job.not_before);
    out.key("queue_position");
    if (detail.queue_position) {
        out.value(*detail.queue_position);
    } else {
        out.null();
    }
    out.key("eta");
    if (detail.eta) {
        out.begin_object()
            .member("seconds", detail.eta->seconds)
            .member("low", detail.eta->low)
            .member("high", detail.eta->high)
            .end_object();
    } else {
        out.null();
    }
    out.member("worker", job.worker);
    out.key("attempts").begin_array();
    for (const auto& attempt : job.attempts) write_attempt(out, attempt);
    out.end_array().key("tasks").begin_array();
    for (const auto& task : detail.tasks) write_task(out, task);
    out.end_array();
    out.key("document").raw(job.document);
    out.key("result").raw(job.result);
    out.key("outputs").begin_object().member("bytes", job.outputs_bytes);
    out.key("deleted").time(job.outputs_deleted).end_object();
    const auto self = "/v1/jobs/" + job.id;
    out.key("links").begin_object().member("self", self);
    out.member("events", self + "/events").member("outputs", self + "/outputs").end_object();
    out.end_object();
    return out.take();
}

void write_item(JsonWriter& out, const jobs::Job& job) {
    out.begin_object();
    write_facts(out, job);
    const auto entered = job.entered.find(jobs::name_of(job.state));
    out.key("since").time(entered == job.entered.end() ? 0 : entered->second);
    out.end_object();
}

}  // namespace sg::api

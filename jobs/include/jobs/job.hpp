#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sg::jobs {

/// accepted: durable, its inputs not at hand yet (upload open, URL not fetched). queued: could
/// start. The last three never change again, but by retry.
enum class JobState {
    kAccepted,
    kQueued,
    kPlanning,
    kRunning,
    kVerifying,
    kPublishing,
    kSucceeded,
    kFailed,
    kCancelled,
};

enum class TaskState { kWaiting, kRunning, kSucceeded, kFailed, kCancelled };

/// What to do about a failure. transient: again, anywhere, soon. resource: again with more room or
/// less beside it. input: the source is at fault, again only by hand. bug: ours; once more, then a
/// crash bundle.
enum class RetryClass { kNone, kTransient, kResource, kInput, kBug };

/// Higher classes start first; waiting lifts a job by a class now and then, so that none starves.
enum class Priority { kBulk, kLow, kNormal, kHigh, kUrgent };

// Stable lower-case names, as in JSON and in the database: "planning", "transient", "normal".
[[nodiscard]] const char* name_of(JobState state) noexcept;
[[nodiscard]] const char* name_of(TaskState state) noexcept;
[[nodiscard]] const char* name_of(RetryClass value) noexcept;
[[nodiscard]] const char* name_of(Priority value) noexcept;
[[nodiscard]] std::optional<JobState> job_state(std::string_view name) noexcept;
[[nodiscard]] std::optional<TaskState> task_state(std::string_view name) noexcept;
[[nodiscard]] std::optional<RetryClass> retry_class(std::string_view name) noexcept;
[[nodiscard]] std::optional<Priority> priority(std::string_view name) noexcept;
[[nodiscard]] bool ended(JobState state) noexcept;

/// Milliseconds since 1970, UTC; 0: not yet, or none.
using Millis = std::int64_t;

/// One go at a job, from its lease to its end or loss.
struct Attempt {
    std::int64_t number = 0;  ///< from 1
    std::string worker;
    Millis started = 0;
    Millis ended = 0;
    std::string outcome;  ///< "succeeded", "failed", "lost", "cancelled", "handed_back"
    std::string code;     ///< of the error: errc_name, or "worker_lost"
    std::string message;
};

struct Job {
    std::string id;        ///< "job_<uuidv7>"
    std::int64_t seq = 0;  ///< grows with creation; the order of lists
    std::string owner;
    std::string document;  ///< engine::JobDocument as JSON
    std::string preset;    ///< "web-hd@1", for lists
    std::string external_id;
    std::map<std::string, std::string> tags;
    Priority priority = Priority::kNormal;
    Millis deadline = 0;
    JobState state = JobState::kAccepted;
    std::string
        reason;  ///< stable code of why it is in this state: "waiting_for_slot", "bad_data", ...
    std::string message;  ///< the same for people
    RetryClass retry_class = RetryClass::kNone;
    Millis created = 0;
    std::map<std::string, Millis> entered;  ///< state name to when it was last entered
    Millis not_before = 0;                  ///< of a retry: back-off
    std::vector<Attempt> attempts;
    bool cancel_requested = false;
    double expected_s = 0;  ///< predicted heavy seconds that are left; 0: not known yet
    double percent = 0;
    std::string worker;        ///< that holds its lease
    std::string result;        ///< JSON: summaries of its inputs; empty before the end
    std::string traceparent;   ///< of the request that made it
    std::int64_t version = 1;  ///< grows with each change: the ETag
    std::int64_t outputs_bytes = 0;
    Millis outputs_deleted = 0;
};

struct Task {
    std::string job;
    std::int64_t input = 0;  ///< index in the document
    std::string name;  ///< "plan", "chunk-00003", "audio", "copy", "package", "verify", "publish"
    TaskState state = TaskState::kWaiting;
    std::int64_t attempt = 0;
    std::string worker;
    Millis started = 0;
    Millis ended = 0;
    double expected_s = 0;
    double media_s = 0;  ///< length of what it makes
    double speed = 0;    ///< media_s over its wall time
    double percent = 0;
    std::string code;
    std::string message;
};

}  // namespace sg::jobs

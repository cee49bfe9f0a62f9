#include "runner_core.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <base/log.hpp>

#include "wall_time.hpp"

namespace sg::jobs {

using engine::TaskWeight;

RunnerCore::RunnerCore(const RunnerOptions& options,
                       sql::Database& database,
                       EventHub& events,
                       const Clock& clock,
                       Metrics& metrics,
                       AllowedRoots roots,
                       std::shared_ptr<RunnerMailbox> mailbox)
    : options_(options),
      database_(database),
      events_(events),
      clock_(clock),
      metrics_(metrics),
      roots_(std::move(roots)),
      mailbox_(std::move(mailbox)),
      chance_(std::random_device{}()),
      janitor_([this](const std::string& job) {
          mailbox_->post([this, job] {
              removing_.erase(job);
              look_ = true;
          });
      }),
      leases_(
          database,
          clock,
          options.lease,
          [this](const Renewal& renewal) { mailbox_->post([this, renewal] { tick(renewal); }); }),
      fetches_(
          options.fetches,
          options.allow_private_addresses,
          [this](const std::string& job, const Status& status) {
              mailbox_->post([this, job, status] { on_fetched(job, status); });
          },
          [this](const std::string& job, const FetchProgress& progress) {
              mailbox_->post([this, job, progress] { tell_fetching(job, progress); });
          }) {
    policy_.jobs_per_owner = options.jobs_per_owner;
    metrics_.slots(options_.heavy_slots, options_.light_slots);
    show_status();
}

RunnerCore::~RunnerCore() = default;

std::optional<process::Task> RunnerCore::next() {
    for (auto& letter : mailbox_->take()) letter();
    const bool idle = jobs_.empty() && !taking_;
    if (stop_at_ && !handing_back_ && (idle || clock_.now() >= *stop_at_)) {
        handing_back_ = true;
        for (auto& [id, job] : jobs_) give_up(*job, RunnerJob::Fate::kHandBack);
    }
    look();
    for (auto* job : in_order()) {
        auto task = job->run->next(room_for(*job));
        after_step(*job);
        if (!task) continue;
        auto& in_hand = job->tasks[task->task.id];
        in_hand.facts = task->facts;
        in_hand.started = millis_of(clock_);
        in_hand.begun = clock_.now();
        owners_[task->task.id] = job;
        if (in_hand.facts.weight == TaskWeight::kHeavy)
            recent_.served(job->job.owner, job->job.priority, in_hand.started);
        count(in_hand, 1);
        show_status();
        return std::move(task->task);
    }
    end_those_that_can();
    show_status();
    return std::nullopt;
}

bool RunnerCore::finished() const {
    return handing_back_ && jobs_.empty() && !taking_ && mailbox_->quiet();
}

void RunnerCore::on_started(std::string_view id, pid_t pid) {
    const auto owner = owners_.find(id);
    if (owner == owners_.end()) return;
    auto& job = *owner->second;
    auto& in_hand = job.tasks[owner->first];
    in_hand.pid = pid;
    auto record = record_of(job, in_hand.facts);
    record.state = TaskState::kRunning;
    record.started = in_hand.started;
    write(job,
          [lease = job.lease, record = std::move(record), now = in_hand.started](
              sql::Connection& db) { return write_task(db, lease, record, now); });
}

void RunnerCore::on_progress(std::string_view id, std::string_view payload) {
    const auto owner = owners_.find(id);
    if (owner == owners_.end()) return;
    auto& job = *owner->second;
    job.run->on_progress(id, payload);
    after_step(job);
    tell_progress(job);
}

void RunnerCore::on_finished(process::Outcome outcome) {
    const auto owner = owners_.extract(outcome.id);
    if (owner.empty()) return;
    auto& job = *owner.mapped();
    const auto node = job.tasks.extract(outcome.id);
    const auto& in_hand = node.mapped();
    count(in_hand, -1);
    const auto& facts = in_hand.facts;
    const double seconds = std::chrono::duration<double>(clock_.now() - in_hand.begun).count();
    const auto now = millis_of(clock_);
    if (facts.weight != TaskWeight::kLight) recent_.add(job.job.owner, seconds, now);

    auto record = record_of(job, facts);
    record.started = in_hand.started;
    record.ended = now;
    std::optional<Error> error;
    const bool from_outside = outcome.from_outside;
    if (!outcome.result) error = outcome.result.error();
    job.run->on_finished(std::move(outcome));
    // What came back can still be wrong.
    if (!error && job.run->error(facts.input) != nullptr) error = *job.run->error(facts.input);
    const char* kind = facts.name.starts_with("chunk-") ? "chunk" : facts.name.c_str();
    if (job.fate != RunnerJob::Fate::kRun) {
        record.state = TaskState::kCancelled;
    } else if (error) {
        record.state = TaskState::kFailed;
        record.code = errc_name(error->code);
        record.message = error->message;
        const auto why = retry_class_of(*error, facts.name, from_outside);
        metrics_.task_ended(kind, name_of(why), seconds);
        if (facts.name == "verify") metrics_.verify_failed();
    } else {
        record.state = TaskState::kSucceeded;
        record.percent = 100;
        if (facts.media_s > 0 && seconds > 0) record.speed = facts.media_s / seconds;
        metrics_.task_ended(kind, name_of(TaskState::kSucceeded), seconds);
        if (facts.name.starts_with("chunk-")) {
            auto& measured = job.measured[facts.input];
            measured.media_s += facts.media_s;
            measured.wall_s += seconds;
            const auto cost = job.run->cost(facts.input);
            metrics_.speed(cost.codec, cost.height, record.speed);
        }
    }
    if (job.fate != RunnerJob::Fate::kForget) {
        write(job, [lease = job.lease, record = std::move(record), now](sql::Connection& db) {
            return write_task(db, lease, record, now);
        });
    }
    after_step(job);
    tell_progress(job);
}

void RunnerCore::drain() {
    draining_ = true;
    show_status();
}

void RunnerCore::resume() {
    if (stop_at_) return;
    draining_ = false;
    look_ = true;
    show_status();
}

void RunnerCore::stop(std::chrono::milliseconds grace) {
    draining_ = true;
    const auto at = clock_.now() + grace;
    stop_at_ = stop_at_ ? std::min(*stop_at_, at) : at;
}

void RunnerCore::look_again() {
    find_accepted();
    look_ = true;
}

bool RunnerCore::concerns(const Event& event) {
    static constexpr std::array<std::string_view, 7> kTypes{"job.queued",
                                                            "job.changed",
                                                            "job.accepted",
                                                            "job.cancelling",
                                                            "job.cancelled",
                                                            "job.failed",
                                                            "upload.finished"};
    return std::find(kTypes.begin(), kTypes.end(), event.type) != kTypes.end();
}

void RunnerCore::hear(const Event& event) {
    if (event.type == "job.queued" || event.type == "job.changed") {
        look_ = true;
        if (const auto at = jobs_.find(event.subject); at != jobs_.end()) read_again(*at->second);
    } else if (event.type == "job.accepted") {
        examine(event.subject);
    } else if (event.type == "job.cancelling") {
        if (const auto at = jobs_.find(event.subject); at != jobs_.end())
            give_up(*at->second, RunnerJob::Fate::kCancel);
    } else if (event.type == "job.cancelled" || event.type == "job.failed") {
        accepted_.erase(event.subject);
        if (const auto at = jobs_.find(event.subject); at != jobs_.end()) {
            // Perhaps instead of being queued again, as we asked.
            at->second->ended_as = job_state(std::string_view(event.type).substr(4));
            return;
        }
        fetches_.drop(event.subject);
        if (removing_.insert(event.subject).second) {
            janitor_.remove(event.subject,
                            {own_output_folder(options_.data, event.subject),
                             work_folder(options_.data, event.subject)});
        }
    } else if (event.type == "upload.finished") {
        find_accepted();
    }
}

void RunnerCore::read_again(RunnerJob& job) {
    auto reader = database_.read();
    const auto found = reader ? find_job(**reader, job.job.id, {}) : Result<Job>(reader.error());
    if (!found) return;
    job.job.priority = found->priority;
    job.job.deadline = found->deadline;
}

WorkerStatus RunnerCore::status() const {
    const std::scoped_lock lock(status_mutex_);
    return status_;
}

void RunnerCore::write(RunnerJob& job, sql::Database::Work work, std::function<void(Status)> then) {
    const auto id = job.job.id;
    const auto token = job.lease.token;
    write_freely(std::move(work), [this, id, token, then = std::move(then)](const Status& status) {
        auto* held = find(id, token);
        if (!status && held != nullptr) {
            if (status.error().code == Errc::kPermission) {
                log::warn("lease_lost job={} token={}", id, token);
                give_up(*held, RunnerJob::Fate::kForget);
            } else {
                log::error("write_failed job={} error=\"{}\"", id, status.error().message);
            }
        }
        if (then) then(status);
    });
}

void RunnerCore::write_freely(sql::Database::Work work, std::function<void(Status)> then) {
    mailbox_->expect();
    database_.write(std::move(work), [mailbox = mailbox_, then = std::move(then)](Status status) {
        mailbox->deliver([then, status] { then(status); });
    });
}

RunnerJob* RunnerCore::find(const std::string& id, std::int64_t token) {
    const auto at = jobs_.find(id);
    return at != jobs_.end() && at->second->lease.token == token ? at->second.get() : nullptr;
}

engine::TaskRoom RunnerCore::room_for(const RunnerJob& job) const {
    engine::TaskRoom room;
    const auto heavy = slots_beside_live(options_.heavy_slots, live_encoders_);
    room.light = light_running_ < options_.light_slots;
    room.heavy = heavy_running_ < heavy;
    // Sound of what is planned ahead must not take the processors from what is encoded.
    room.beside = beside_running_ <= heavy;
    room.publish = job.publish_unconfirmed == 0;
    // Whoever lacked room has the machine to itself.
    const auto alone = std::find_if(jobs_.begin(), jobs_.end(), [](const auto& entry) {
        return entry.second->alone && entry.second->run && !entry.second->end;
    });
    if (alone == jobs_.end()) return room;
    const bool mine = alone->second.get() == &job;
    room.heavy = room.heavy && mine && heavy_running_ == 0;
    room.beside = room.beside && mine;
    return room;
}

std::vector<RunnerJob*> RunnerCore::in_order() const {
    std::vector<std::pair<Candidate, RunnerJob*>> all;
    for (const auto& [id, job] : jobs_) {
        if (job->run && job->fate == RunnerJob::Fate::kRun && !job->end)
            all.emplace_back(job->standing(), job.get());
    }
    const auto use = uses(true);
    const auto now = millis_of(clock_);
    std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
        return comes_before(a.first, b.first, use, policy_, now);
    });
    std::vector<RunnerJob*> jobs;
    for (const auto& [standing, job] : all) jobs.push_back(job);
    return jobs;
}

Uses RunnerCore::uses(bool by_tasks) const {
    Uses all;
    const auto now = millis_of(clock_);
    for (const auto& [id, job] : jobs_) {
        auto& use = all[job->job.owner];
        use.running += by_tasks ? job->tasks.size() : 1;
        // Tasks that run count by what they have had so far.
        for (const auto& [task, in_hand] : job->tasks)
            use.recent_s += std::chrono::duration<double>(clock_.now() - in_hand.begun).count();
    }
    for (auto& [owner, use] : all) {
        const auto recent = recent_.of(owner, now);
        use.recent_s += recent.recent_s;
        use.served = recent.served;
    }
    return all;
}

void RunnerCore::count(const RunnerJob::InHand& task, int by) {
    auto& counter = task.facts.weight == TaskWeight::kLight   ? light_running_
                    : task.facts.weight == TaskWeight::kHeavy ? heavy_running_
                                                              : beside_running_;
    counter = by > 0 ? counter + 1 : counter - 1;
}

void RunnerCore::show_status() {
    metrics_.in_use(heavy_running_, light_running_, jobs_.size());
    const std::scoped_lock lock(status_mutex_);
    status_.name = options_.worker;
    status_.draining = draining_;
    status_.heavy_slots = slots_beside_live(options_.heavy_slots, live_encoders_);
    status_.heavy_running = heavy_running_;
    status_.light_running = light_running_;
    status_.jobs.clear();
    for (const auto& [id, job] : jobs_) status_.jobs.push_back(id);
    status_.seen = millis_of(clock_);
}

}  // namespace sg::jobs

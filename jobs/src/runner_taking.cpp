#include <algorithm>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>
#include <jobs/job_folders.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "runner_core.hpp"
#include "wall_time.hpp"

// From the queue to a job whose tasks can run.
namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUpload = "upload:";
constexpr Millis kLookPause = 50;

bool is_url(const std::string& uri) {
    return uri.starts_with("http://") || uri.starts_with("https://");
}

/// A preset that is a file of this machine: fine on a command line, not from a network.
Status check_preset(const engine::JobDocument& document, const std::string& name) {
    const bool file = name.find('/') != std::string::npos || name.ends_with(".yaml") ||
                      name.ends_with(".yml") || name.ends_with(".json");
    if (!file || document.presets.contains(name)) return {};
    return Error{Errc::kPermission,
                 fmt::format("preset {}: a service reads no preset files; store the preset first, "
                             "or put it into the document under presets",
                             name)};
}

struct Taken {
    Job job;
    Lease lease;
};

}  // namespace

void RunnerCore::look() {
    if (!look_ || taking_ || draining_) return;
    const auto now = millis_of(clock_);
    const auto heavy = slots_beside_live(options_.heavy_slots, live_encoders_);
    // A flood of submissions must not cost a look each while there is enough to do.
    if (jobs_.size() > heavy && now >= looked_ && now - looked_ < kLookPause) return;
    look_ = false;
    looked_ = now;
    const auto begun = clock_.now();
    std::vector<Candidate> waiting;
    {
        auto reader = database_.read();
        auto found =
            reader ? candidates(**reader, now) : Result<std::vector<Candidate>>(reader.error());
        if (!found) {
            log::error("queue_unreadable error=\"{}\"", found.error().message);
            return;
        }
        waiting = std::move(*found);
    }
    std::vector<Candidate> active;
    for (const auto& [id, job] : jobs_) {
        if (!job->fetching) active.push_back(job->standing());
    }
    auto use = uses(false);
    for (const auto& c : waiting) {
        if (!use.contains(c.owner)) use[c.owner] = recent_.of(c.owner, now);
    }
    std::erase_if(waiting, [&](const Candidate& c) {
        return jobs_.contains(c.job) || removing_.contains(c.job) ||
               !worth_taking(c, active, use, heavy, policy_, now);
    });
    const auto best = choose(waiting, use, policy_, now, choices_);
    metrics_.scheduled(std::chrono::duration<double>(clock_.now() - begun).count());
    if (!best) return;
    ++choices_;
    taking_ = true;
    recent_.served(waiting[*best].owner, waiting[*best].priority, now);
    const auto taken = std::make_shared<Taken>();
    write_freely(
        [taken,
         id = waiting[*best].job,
         worker = options_.worker,
         lease = options_.lease.count(),
         &clock = clock_](sql::Connection& db) -> Status {
            const auto at = millis_of(clock);
            // Before it is taken: why it failed before is forgotten then.
            SG_TRY_ASSIGN(taken->job, find_job(db, id, {}));
            SG_TRY_ASSIGN(taken->lease, take_lease(db, id, worker, at, at + lease));
            return {};
        },
        [this, taken](const Status& status) {
            taking_ = false;
            look_ = true;
            if (status) {
                begin(std::move(taken->job), std::move(taken->lease));
            } else if (status.error().code != Errc::kNotFound) {
                log::error("lease_not_taken error=\"{}\"", status.error().message);
                look_ = false;
            }
        });
}

void RunnerCore::begin(Job job, Lease lease) {
    leases_.add(lease);
    auto made = std::make_unique<RunnerJob>();
    auto& begun = *made;
    begun.job = std::move(job);
    begun.lease = std::move(lease);
    begun.alone = begun.job.retry_class == RetryClass::kResource;
    log::info("job_taken job={} owner={} token={} attempt={}",
              begun.job.id,
              begun.job.owner,
              begun.lease.token,
              begun.job.attempts.size() + 1);
    metrics_.job_waited(static_cast<double>(millis_of(clock_) - begun.standing().queued) / 1000);
    jobs_[begun.job.id] = std::move(made);
    if (handing_back_) {
        give_up(begun, RunnerJob::Fate::kHandBack);
        return;
    }

    std::vector<engine::JobFault> faults;
    auto document = engine::read_job(begun.job.document, engine::JobSyntax::kJson, faults);
    if (!document) {
        fail(begun,
             Error{Errc::kInvalidArgument,
                   fmt::format("the job's document: {}",
                               faults.empty() ? "cannot be read" : faults.front().message)});
        return;
    }
    begun.document = std::move(*document);
    auto order = missing_files(begun.job.id, begun.document);
    if (order.files.empty()) {
        start_run(begun);
        return;
    }
    // A retry by hand: what was fetched for the first attempts is gone.
    begun.fetching = true;
    fetches_.want(std::move(order));
}

RunnerFetches::Order RunnerCore::missing_files(const std::string& id,
                                               const engine::JobDocument& document) const {
    RunnerFetches::Order order;
    order.job = id;
    for (std::size_t i = 0; i < document.inputs.size(); ++i) {
        if (!is_url(document.inputs[i].uri)) continue;
        auto file = fetched_input(options_.data, id, i);
        std::error_code ec;
        if (!fs::exists(file, ec)) order.files.emplace_back(document.inputs[i].uri, file);
    }
    return order;
}

void RunnerCore::start_run(RunnerJob& job) {
    if (auto status = prepare_run(job); !status) fail(job, status.error());
}

Status RunnerCore::prepare_run(RunnerJob& job) {
    auto& document = job.document;
    SG_TRY(check_preset(document, document.preset));
    for (const auto& input : document.inputs) {
        if (input.preset) SG_TRY(check_preset(document, *input.preset));
    }
    const auto folder = output_folder(options_.data, job.job);
    const auto own = own_output_folder(options_.data, job.job.id);
    if (folder == own) {
        SG_TRY(make_folders(own));
    } else {
        SG_TRY_ASSIGN(job.output, roots_.open_output(folder));
        for (const auto& [id, other] : jobs_) {
            if (other.get() == &job || !other->output || other->output->path != job.output->path)
                continue;
            // It waits for the other's end, and is told then what lies there.
            return Error{
                Errc::kAgain,
                fmt::format("job {} is writing to {}; this one waits", id, folder.string())};
        }
    }
    document.output = (job.output ? job.output->path : folder).string();

    engine::RunOptions run;
    run.overwrite = folder == own;
    run.memory_limit_bytes = static_cast<std::int64_t>(options_.task_memory_bytes);
    run.stall_seconds = static_cast<int>(options_.stall.count());
    run.program = options_.program;
    run.crashes = options_.data / "crashes";
    run.task_prefix = job.job.id + "/";
    run.work = work_folder(options_.data, job.job.id) / "inputs";
    run.open_source = [this, &job](const std::string& uri) { return open_source(job, uri); };
    SG_TRY_ASSIGN(job.run, engine::JobRun::create(document, run, job, clock_));
    job.stages.assign(job.run->inputs(), engine::InputStage::kWaiting);
    job.measured.assign(job.run->inputs(), {});
    job.publish_began.assign(job.run->inputs(), 0);
    return {};
}

Result<UniqueFd> RunnerCore::open_source(const RunnerJob& job, const std::string& uri) const {
    if (is_url(uri)) {
        const auto& inputs = job.document.inputs;
        const auto at = std::find_if(
            inputs.begin(), inputs.end(), [&](const auto& input) { return input.uri == uri; });
        return open_file(
            fetched_input(options_.data, job.job.id, static_cast<std::size_t>(at - inputs.begin())),
            O_RDONLY);
    }
    if (uri.starts_with(kUpload)) {
        const auto id = uri.substr(kUpload.size());
        if (!options_.upload) {
            return Error{Errc::kNotFound,
                         fmt::format("open {}: this service takes no uploads", uri)};
        }
        SG_TRY_ASSIGN(const auto file, options_.upload(id, job.job.owner));
        if (!file) return Error{Errc::kAgain, fmt::format("open {}: it is not whole yet", uri)};
        return open_file(*file, O_RDONLY);
    }
    return roots_.open_input(uri);
}

}  // namespace sg::jobs

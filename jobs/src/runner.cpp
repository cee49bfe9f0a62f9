#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <jobs/job_folders.hpp>
#include <jobs/runner.hpp>

#include <base/file.hpp>
#include <base/log.hpp>

#include "runner_core.hpp"
#include "wall_time.hpp"

namespace sg::jobs {
namespace {

namespace fs = std::filesystem;

/// "host-1234" of this host, and no process 1234 any more. Our own name: an earlier process that
/// had our number.
bool is_gone(const std::string& worker, const std::string& self) {
    if (worker == self) return true;
    const auto split = worker.rfind('-');
    if (split == std::string::npos || worker.substr(0, split) != self.substr(0, self.rfind('-')))
        return false;
    const auto number = worker.substr(split + 1);
    if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos ||
        number.size() > 9)
        return false;
    return ::kill(static_cast<pid_t>(std::stol(number)), 0) != 0 && errno == ESRCH;
}

/// What earlier processes of this service held is free at once.
Status take_back(sql::Database& database, const Clock& clock, const std::string& self) {
    std::vector<std::string> holders;
    {
        SG_TRY_ASSIGN(auto reader, database.read());
        SG_TRY_ASSIGN(holders, lease_holders(*reader));
    }
    for (const auto& holder : holders) {
        if (!is_gone(holder, self)) continue;
        for (bool more = true; more;) {
            const auto now = millis_of(clock);
            SG_TRY(database.write_now([&](sql::Connection& db) -> Status {
                SG_TRY_ASSIGN(const auto freed, expire_leases(db, now, holder));
                more = !freed.empty();
                for (const auto& job : freed)
                    log::info("lease_taken_back job={} from={}", job, holder);
                return {};
            }));
        }
    }
    return {};
}

/// A process that was killed after a job's end and before its folder was gone.
Status remove_forgotten_work(sql::Database& database, const fs::path& data) {
    std::error_code ec;
    std::vector<fs::path> folders;
    for (fs::directory_iterator it(data / "work", ec), end; !ec && it != end; it.increment(ec))
        folders.push_back(it->path());
    if (folders.empty()) return {};
    SG_TRY_ASSIGN(auto reader, database.read());
    for (const auto& folder : folders) {
        const auto job = find_job(*reader, folder.filename().string(), {});
        if (job ? !ended(job->state) : job.error().code != Errc::kNotFound) continue;
        std::vector<fs::path> gone;
        if (job)
            gone = unfinished_outputs(data, job->id, job->state, job->outputs_bytes, job->result);
        // Last: by it the next start finds what a kill leaves of the others.
        gone.push_back(folder);
        for (const auto& each : gone) {
            fs::remove_all(each, ec);
            if (ec) log::warn("remove_failed folder={} error=\"{}\"", each.string(), ec.message());
        }
    }
    return {};
}

}  // namespace

struct Runner::Impl {
    explicit Impl(process::Supervisor made)
        : supervisor(std::move(made)), mailbox(std::make_shared<RunnerMailbox>(supervisor)) {}

    process::Supervisor supervisor;
    std::shared_ptr<RunnerMailbox> mailbox;
    std::unique_ptr<RunnerCore> core;
    EventHub::Subscription subscription;
    std::function<void()> done;  ///< of stop(); used on the runner's thread
    std::jthread thread;

    void run() {
        const auto report = supervisor.run(*core, *core, {});
        if (!report) log::error("runner_failed error=\"{}\"", report.error().message);
        if (done) done();
    }
};

Runner::Runner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Runner>> Runner::start(RunnerOptions options,
                                              sql::Database& database,
                                              EventHub& events,
                                              const Clock& clock,
                                              Metrics& metrics) {
    if (options.heavy_slots == 0)
        options.heavy_slots = (std::max(1U, std::thread::hardware_concurrency()) + 1) / 2;
    SG_TRY_ASSIGN(auto roots, AllowedRoots::open(options.roots, options.closed));
    options.data = fs::absolute(options.data);
    SG_TRY(make_folders(options.data / "outputs"));
    SG_TRY(make_folders(options.data / "work"));
    SG_TRY(take_back(database, clock, options.worker));
    SG_TRY(remove_forgotten_work(database, options.data));
    process::SupervisorOptions supervision;
    // Slots are counted by kind, in the core.
    supervision.max_running = 1'000'000;
    SG_TRY_ASSIGN(auto supervisor, process::Supervisor::create(supervision));
    auto impl = std::make_unique<Impl>(std::move(supervisor));
    impl->core = std::make_unique<RunnerCore>(
        options, database, events, clock, metrics, std::move(roots), impl->mailbox);
    impl->subscription = events.subscribe(
        [mailbox = impl->mailbox, core = impl->core.get()](const EventHub::Batch& batch) {
            for (const auto& event : batch) {
                if (!RunnerCore::concerns(*event)) continue;
                mailbox->post([core, event] { core->hear(*event); });
            }
        });
    // Between the core's look at accepted jobs and the subscription others may have come.
    impl->mailbox->post([core = impl->core.get()] { core->look_again(); });
    impl->thread = std::jthread([impl = impl.get()] { impl->run(); });
    log::info("worker_started worker={} heavy_slots={} light_slots={}",
              options.worker,
              options.heavy_slots,
              options.light_slots);
    return std::unique_ptr<Runner>(new Runner(std::move(impl)));
}

Runner::~Runner() {
    impl_->mailbox->post([core = impl_->core.get()] { core->stop(std::chrono::milliseconds(0)); });
    impl_->thread.join();
    impl_->subscription = {};
    impl_->mailbox->wait_for_all();
}

void Runner::drain() {
    impl_->mailbox->post([core = impl_->core.get()] { core->drain(); });
}

void Runner::resume() {
    impl_->mailbox->post([core = impl_->core.get()] { core->resume(); });
}

void Runner::stop(std::chrono::milliseconds grace, std::function<void()> done) {
    impl_->mailbox->post([impl = impl_.get(), grace, done = std::move(done)] {
        if (done) impl->done = done;
        impl->core->stop(grace);
    });
}

void Runner::set_live_encoders(std::size_t count) {
    impl_->core->set_live_encoders(count);
    impl_->supervisor.wake();
}

WorkerStatus Runner::status() const {
    return impl_->core->status();
}

}  // namespace sg::jobs

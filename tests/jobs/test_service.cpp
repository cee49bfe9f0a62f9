// A job service without its API, for tests that kill it: `SERVICE DATABASE DATA ROOT` works off the
// queue and ends when every job has ended. Also the program of its own task children.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>

#include <unistd.h>

#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <jobs/job_table.hpp>
#include <jobs/runner.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/log.hpp>
#include <base/metric.hpp>
#include <engine/transcode.hpp>

namespace {

using namespace sg;

Result<bool> all_ended(sql::Database& database) {
    SG_TRY_ASSIGN(auto reader, database.read());
    SG_TRY_ASSIGN(const auto totals, jobs::queue_totals(*reader));
    for (const auto& [state, count] : totals.jobs) {
        if (count > 0 && !jobs::ended(state)) return false;
    }
    return true;
}

Status serve(char** words) {
    const SystemClock clock;
    NullMetrics metrics;
    sql::DatabaseOptions open;
    open.path = words[1];
    open.migrations = jobs::migrations();
    SG_TRY_ASSIGN(const auto database, sql::Database::open(open, metrics));
    jobs::EventHub events(*database, clock);

    std::mutex mutex;
    std::condition_variable changed;
    bool look = true;
    const auto ended = events.subscribe([&](const jobs::EventHub::Batch&) {
        const std::scoped_lock lock(mutex);
        look = true;
        changed.notify_all();
    });

    jobs::RunnerOptions options;
    options.worker = fmt::format("chaos-{}", ::getpid());
    options.data = words[2];
    options.roots = {words[3]};
    options.heavy_slots = 2;
    options.backoff = std::chrono::milliseconds(50);
    SG_TRY_ASSIGN(const auto runner,
                  jobs::Runner::start(options, *database, events, clock, metrics));
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
        {
            std::unique_lock lock(mutex);
            changed.wait_for(lock, std::chrono::seconds(1), [&] { return look; });
            look = false;
        }
        SG_TRY_ASSIGN(const bool done, all_ended(*database));
        if (done) return {};
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "task") == 0) return engine::serve_task(3);
    if (argc != 4) return 2;
    log::init(log::Level::kWarn);
    const auto status = serve(argv);
    if (status) return 0;
    fmt::print(stderr, "{}\n", status.error().message);
    return 1;
}

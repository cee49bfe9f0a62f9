#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include <poll.h>

#include <fmt/format.h>
#include <jobs/job_table.hpp>
#include <jobs/watch_folder.hpp>

#include <base/log.hpp>
#include <process/waker.hpp>

#include "watch_report.hpp"
#include "watch_rule.hpp"
#include "watch_scan.hpp"
#include "watch_table.hpp"

namespace sg::jobs {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kInFlight = 64;         // submissions that wait for their commit
constexpr std::size_t kBusyDatabase = 2'000;  // writes of others: we wait
constexpr std::size_t kEndsAtOnce = 100;      // between two looks at the folders
constexpr milliseconds kFirstPause{1'000};    // of a rule whose submissions are refused for now
constexpr milliseconds kLongestPause{60'000};
constexpr milliseconds kTryMoveAgain{60'000};
constexpr milliseconds kNap{1'000};

/// Else the database or the machine is, and the file stays where it is.
bool is_at_fault(Errc code) {
    return code == Errc::kInvalidArgument || code == Errc::kUnsupported ||
           code == Errc::kNotFound || code == Errc::kPermission || code == Errc::kBadData;
}

Millis now_ms(const Clock& clock) {
    return std::chrono::duration_cast<milliseconds>(clock.wall().time_since_epoch()).count();
}

/// What a submission came to.
struct Answer {
    std::size_t rule = 0;
    WatchedFile file;
    Status status;
};

/// Between the writer's thread and ours; outlives us when writes are still waiting.
struct Mailbox {
    explicit Mailbox(process::Waker made) : waker(std::move(made)) {}

    process::Waker waker;
    std::mutex mutex;
    std::unordered_set<std::string> jobs;  ///< of ours that have not ended
    std::vector<Answer> answers;
    std::deque<std::string> ended;
    std::string problems;
};

struct Rule {
    WatchRule rule;
    std::set<FileIdentity> known;
    std::unique_ptr<WatchScan> scan;
    milliseconds pause{0};
    Clock::Monotonic paused_until{};
    Counter submitted;
    Counter refused;
    Counter done;
    Counter failed;
    Gauge waiting;
    Gauge up;
};

void connect(Rule& rule, Metrics& metrics) {
    const auto counter = [&](const char* result) {
        return metrics.counter("streamgate_watch_files_total",
                               "Files of watch folders by what became of them.",
                               {{"rule", rule.rule.name}, {"result", result}});
    };
    rule.submitted = counter("submitted");
    rule.refused = counter("refused");
    rule.done = counter("done");
    rule.failed = counter("failed");
    rule.waiting = metrics.gauge("streamgate_watch_waiting_files",
                                 "Files that are growing or wait for their submission.",
                                 {{"rule", rule.rule.name}});
    rule.up = metrics.gauge("streamgate_watch_folder_up",
                            "1 while the folder can be watched.",
                            {{"rule", rule.rule.name}});
}

}  // namespace

struct WatchFolders::Impl {
    Impl(WatchOptions given, sql::Database& db, const Clock& time, process::Waker waker)
        : options(std::move(given)),
          database(db),
          clock(time),
          mailbox(std::make_shared<Mailbox>(std::move(waker))) {}

    ~Impl() {
        subscription = {};
        thread.request_stop();
        mailbox->waker.wake();
    }

    Status load(Metrics& metrics);
    void listen(EventHub& events);
    void run(const std::stop_token& stop);
    void wait(const std::stop_token& stop);
    void look(bool rescan);
    void submit();
    void send(std::size_t number, FoundFile found);
    void on_answer(Answer& answer);
    void settle_ends();
    void settle(const WatchedFile& file, sql::Connection& db);
    void tell_state();
    Rule* rule_named(const std::string& name);

    WatchOptions options;
    sql::Database& database;
    const Clock& clock;
    std::shared_ptr<Mailbox> mailbox;
    std::vector<Rule> rules;
    std::unordered_map<std::string, WatchedFile> files;  ///< by job
    std::vector<std::string> stuck;                      ///< jobs whose source could not be moved
    Clock::Monotonic try_stuck{};
    Clock::Monotonic next_rescan{};
    std::size_t in_flight = 0;
    std::size_t turn = 0;
    EventHub::Subscription subscription;
    std::jthread thread;
};

Rule* WatchFolders::Impl::rule_named(const std::string& name) {
    const auto found = std::find_if(
        rules.begin(), rules.end(), [&](auto& each) { return each.rule.name == name; });
    return found == rules.end() ? nullptr : &*found;
}

Status WatchFolders::Impl::load(Metrics& metrics) {
    SG_TRY_ASSIGN(auto completed, completed_rules(std::move(options.rules)));
    rules.resize(completed.size());
    for (std::size_t i = 0; i < rules.size(); ++i) {
        rules[i].rule = std::move(completed[i]);
        rules[i].scan = std::make_unique<WatchScan>(rules[i].rule, rules[i].known, clock);
        connect(rules[i], metrics);
    }
    SG_TRY_ASSIGN(auto reader, database.read());
    SG_TRY_ASSIGN(auto seen, watched_files(*reader));
    for (auto& file : seen) {
        auto* rule = rule_named(file.rule);
        if (rule == nullptr) continue;
        rule->known.insert(file.identity);
        mailbox->jobs.insert(file.job);
        // Its end may have come while nobody listened.
        mailbox->ended.push_back(file.job);
        files.emplace(file.job, std::move(file));
    }
    return {};
}

void WatchFolders::Impl::listen(EventHub& events) {
    subscription = events.subscribe([box = mailbox](const EventHub::Batch& batch) {
        bool any = false;
        const std::lock_guard lock(box->mutex);
        for (const auto& event : batch) {
            if (event->type != "job.succeeded" && event->type != "job.failed" &&
                event->type != "job.cancelled") {
                continue;
            }
            if (!box->jobs.contains(event->subject)) continue;
            box->ended.push_back(event->subject);
            any = true;
        }
        if (any) box->waker.wake();
    });
}

void WatchFolders::Impl::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        const auto now = clock.now();
        const bool rescan = now >= next_rescan;
        if (rescan) next_rescan = now + options.rescan;
        look(rescan);
        std::vector<Answer> answers;
        {
            const std::lock_guard lock(mailbox->mutex);
            answers.swap(mailbox->answers);
        }
        for (auto& answer : answers) on_answer(answer);
        settle_ends();
        submit();
        tell_state();
        wait(stop);
    }
}

void WatchFolders::Impl::look(bool rescan) {
    for (auto& rule : rules) {
        rule.scan->read_events();
        if (rescan || (rule.scan->left_some() && rule.scan->waiting() == 0)) rule.scan->rescan();
    }
}

void WatchFolders::Impl::wait(const std::stop_token& stop) {
    std::vector<pollfd> polled{{mailbox->waker.fd(), POLLIN, 0}};
    auto until = std::min(clock.now() + kNap, next_rescan);
    for (auto& rule : rules) {
        if (rule.scan->fd() >= 0) polled.push_back({rule.scan->fd(), POLLIN, 0});
        if (in_flight >= kInFlight) continue;  // the answer wakes us
        if (const auto due = rule.scan->next_due()) {
            until = std::min(until, std::max(*due, rule.paused_until));
        }
    }
    const auto left = std::chrono::ceil<milliseconds>(until - clock.now());
    bool busy = stop.stop_requested();
    {
        const std::lock_guard lock(mailbox->mutex);
        busy = busy || !mailbox->ended.empty() || !mailbox->answers.empty();
    }
    // Never at once again: a database that is busy may be why something is due and not taken.
    const auto timeout = busy ? milliseconds(0) : std::clamp(left, milliseconds(5), kNap);
    poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
    mailbox->waker.clear();
}

void WatchFolders::Impl::submit() {
    const auto now = clock.now();
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (in_flight >= kInFlight || database.waiting() > kBusyDatabase) return;
        // Each rule is the first one in its turn.
        const auto number = (turn + i) % rules.size();
        auto& rule = rules[number];
        if (now < rule.paused_until) continue;
        for (auto& found : rule.scan->take_ready(kInFlight - in_flight)) {
            // Two names of one file are one.
            if (rule.known.insert(found.identity).second) send(number, std::move(found));
        }
    }
    if (!rules.empty()) turn = (turn + 1) % rules.size();
}

void WatchFolders::Impl::send(std::size_t number, FoundFile found) {
    ++in_flight;
    const auto& rule = rules[number].rule;
    auto file = std::make_shared<WatchedFile>(
        WatchedFile{rule.name, std::move(found.path), found.identity, {}, now_ms(clock)});
    database.write(
        [file, rule, submit_file = options.submit](sql::Connection& db) -> Status {
            SG_TRY_ASSIGN(file->job, submit_file(db, rule, rule.folder / file->path));
            return insert_watched(db, *file);
        },
        [file, number, box = mailbox](Status status) {
            const std::lock_guard lock(box->mutex);
            if (status) box->jobs.insert(file->job);
            box->answers.push_back({number, std::move(*file), std::move(status)});
            box->waker.wake();
        });
}

void WatchFolders::Impl::on_answer(Answer& answer) {
    --in_flight;
    auto& rule = rules[answer.rule];
    auto& file = answer.file;
    if (answer.status) {
        rule.pause = milliseconds(0);
        rule.submitted.add();
        log::info("watch_submitted rule={} job={} file=\"{}\"", file.rule, file.job, file.path);
        files.emplace(file.job, std::move(file));
        return;
    }
    const auto& error = answer.status.error();
    if (!is_at_fault(error.code)) {
        if (clock.now() >= rule.paused_until) {
            rule.pause = std::clamp(2 * rule.pause, kFirstPause, kLongestPause);
            rule.paused_until = clock.now() + rule.pause;
            log::warn("watch_not_submitted rule={} file=\"{}\" error=\"{}\" next=\"in {} ms\"",
                      file.rule,
                      file.path,
                      error.message,
                      rule.pause.count());
        }
        rule.known.erase(file.identity);
        rule.scan->put_back({file.path, file.identity}, rule.pause);
        return;
    }
    rule.refused.add();
    log::warn(
        "watch_refused rule={} file=\"{}\" error=\"{}\"", file.rule, file.path, error.message);
    file.job.clear();
    const WatchedEnd end{false, "refused", errc_name(error.code), error.message, now_ms(clock), {}};
    if (const auto moved = settle_source(rule.rule, file, end); moved) {
        rule.known.erase(file.identity);
    } else {
        // Stays known, so that it is not tried again and again.
        log::error("watch_not_moved rule={} error=\"{}\"", file.rule, moved.error().message);
    }
}

void WatchFolders::Impl::settle_ends() {
    std::vector<std::string> ended;
    {
        const std::lock_guard lock(mailbox->mutex);
        const auto count = std::min(kEndsAtOnce, mailbox->ended.size());
        const auto last = mailbox->ended.begin() + static_cast<std::ptrdiff_t>(count);
        ended.assign(mailbox->ended.begin(), last);
        mailbox->ended.erase(mailbox->ended.begin(), last);
    }
    if (clock.now() >= try_stuck && !stuck.empty()) {
        ended.insert(ended.end(), stuck.begin(), stuck.end());
        stuck.clear();
        try_stuck = clock.now() + kTryMoveAgain;
    }
    if (ended.empty()) return;
    auto reader = database.read();
    for (const auto& job : ended) {
        const auto found = files.find(job);
        if (found == files.end()) continue;
        if (reader) {
            const auto file = found->second;  // it goes from the map
            settle(file, **reader);
        } else {
            stuck.push_back(job);
        }
    }
}

void WatchFolders::Impl::settle(const WatchedFile& file, sql::Connection& db) {
    const auto job = find_job(db, file.job, {});
    WatchedEnd end{false, "unknown", "not_found", "its record was removed", now_ms(clock), {}};
    if (job) {
        if (!ended(job->state)) return;
        const auto entered = job->entered.find(name_of(job->state));
        end = {job->state == JobState::kSucceeded,
               name_of(job->state),
               job->reason,
               job->message,
               entered == job->entered.end() ? 0 : entered->second,
               job->result};
    } else if (job.error().code != Errc::kNotFound) {
        stuck.push_back(file.job);
        return;
    }
    auto& rule = *rule_named(file.rule);
    if (const auto moved = settle_source(rule.rule, file, end); !moved) {
        log::warn("watch_not_moved rule={} job={} error=\"{}\" next=\"tried again\"",
                  file.rule,
                  file.job,
                  moved.error().message);
        stuck.push_back(file.job);
        try_stuck = std::max(try_stuck, clock.now() + kTryMoveAgain);
        return;
    }
    (end.succeeded ? rule.done : rule.failed).add();
    rule.known.erase(file.identity);
    {
        const std::lock_guard lock(mailbox->mutex);
        mailbox->jobs.erase(file.job);
    }
    database.write([job_id = file.job](sql::Connection& to) { return remove_watched(to, job_id); },
                   [](const Status&) {});
    files.erase(file.job);
}

void WatchFolders::Impl::tell_state() {
    std::string problems;
    for (auto& rule : rules) {
        const auto& problem = rule.scan->problem();
        if (!problem.empty()) {
            problems += fmt::format("{}{} ({}): {}",
                                    problems.empty() ? "" : "; ",
                                    rule.rule.folder.native(),
                                    rule.rule.name,
                                    problem);
        }
        rule.up.set(problem.empty() ? 1 : 0);
        rule.waiting.set(static_cast<double>(rule.scan->waiting()));
    }
    const std::lock_guard lock(mailbox->mutex);
    mailbox->problems = std::move(problems);
}

Result<std::unique_ptr<WatchFolders>> WatchFolders::start(WatchOptions options,
                                                          sql::Database& database,
                                                          EventHub& events,
                                                          const Clock& clock,
                                                          Metrics& metrics) {
    SG_TRY_ASSIGN(auto waker, process::Waker::create());
    auto impl = std::make_unique<Impl>(std::move(options), database, clock, std::move(waker));
    SG_TRY(impl->load(metrics));
    impl->listen(events);
    impl->thread =
        std::jthread([raw = impl.get()](const std::stop_token& stop) { raw->run(stop); });
    return std::unique_ptr<WatchFolders>(new WatchFolders(std::move(impl)));
}

WatchFolders::WatchFolders(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WatchFolders::~WatchFolders() = default;

void WatchFolders::stop() {
    impl_->thread.request_stop();
    impl_->mailbox->waker.wake();
}

std::string WatchFolders::problems() const {
    const std::lock_guard lock(impl_->mailbox->mutex);
    return impl_->mailbox->problems;
}

}  // namespace sg::jobs

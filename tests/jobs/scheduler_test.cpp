#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <jobs/scheduler.hpp>

#include <support/catch.hpp>

using namespace sg;
using namespace sg::jobs;

namespace {

constexpr Millis kMinute = 60'000;

Candidate waiting(std::string job,
                  std::string owner,
                  Priority priority = Priority::kNormal,
                  Millis queued = 0,
                  Millis deadline = 0) {
    Candidate c;
    c.job = std::move(job);
    c.owner = std::move(owner);
    c.priority = priority;
    c.queued = queued;
    c.deadline = deadline;
    return c;
}

std::string chosen(const std::vector<Candidate>& queue,
                   const Uses& uses = {},
                   const SchedulePolicy& policy = {},
                   Millis now = 0,
                   std::size_t count = 0) {
    const auto at = choose(queue, uses, policy, now, count);
    return at ? queue[*at].job : "";
}

/// One slot, jobs of one second, the queue's heads as candidates() gives them.
class Machine {
  public:
    void add(Candidate job) { queue_.push_back(std::move(job)); }

    /// Runs the next job. Its id, or nothing when the queue is empty.
    std::string step(Millis takes = 1000) {
        std::map<std::pair<std::string, Priority>, Candidate> heads;
        for (const auto& c : queue_) {
            const auto [at, made] = heads.try_emplace({c.owner, c.priority}, c);
            if (!made && c.queued < at->second.queued) at->second = c;
        }
        std::vector<Candidate> candidates;
        Uses uses;
        for (const auto& [key, c] : heads) {
            candidates.push_back(c);
            uses[c.owner] = recent_.of(c.owner, now);
        }
        const auto at = choose(candidates, uses, policy, now, count_++);
        if (!at) return "";
        const auto job = candidates[*at];
        std::erase_if(queue_, [&](const Candidate& c) { return c.job == job.job; });
        recent_.served(job.owner, job.priority, now);
        now += takes;
        recent_.add(job.owner, static_cast<double>(takes) / 1000, now);
        served[job.owner] += takes;
        waited[job.job] = now - takes - job.queued;
        return job.job;
    }

    SchedulePolicy policy;
    Millis now = 0;
    std::map<std::string, Millis> served;
    std::map<std::string, Millis> waited;

  private:
    std::vector<Candidate> queue_;
    RecentUse recent_;
    std::size_t count_ = 0;
};

}  // namespace

TEST_CASE("higher classes come first, whatever else is said for the others") {
    CHECK(chosen({waiting("a", "x", Priority::kBulk, 0, 1),
                  waiting("b", "y", Priority::kUrgent, 100),
                  waiting("c", "x", Priority::kHigh, 0, 1)},
                 {{"y", {5, 100.0, {}}}}) == "b");
}

TEST_CASE("within a class the earlier deadline comes first, and any before none") {
    CHECK(chosen({waiting("none", "x", Priority::kNormal, 0),
                  waiting("late", "x", Priority::kNormal, 1, 9000),
                  waiting("soon", "x", Priority::kNormal, 2, 8000)}) == "soon");
}

TEST_CASE("without deadlines the owner with less comes first, then who waits longer") {
    const std::vector<Candidate> queue{waiting("a", "x", Priority::kNormal, 0),
                                       waiting("b", "y", Priority::kNormal, 50),
                                       waiting("c", "z", Priority::kNormal, 60)};
    CHECK(chosen(queue) == "a");
    CHECK(chosen(queue, {{"x", {1, 0.0, {}}}}) == "b");
    CHECK(chosen(queue, {{"x", {1, 0.0, {}}}, {"y", {0, 3.0, {}}}}) == "c");
}

TEST_CASE("an owner at the limit waits, also with urgent jobs") {
    SchedulePolicy policy;
    policy.jobs_per_owner = 2;
    const std::vector<Candidate> queue{waiting("a", "x", Priority::kUrgent),
                                       waiting("b", "y", Priority::kBulk)};
    CHECK(chosen(queue, {{"x", {1, 0.0, {}}}}, policy) == "a");
    CHECK(chosen(queue, {{"x", {2, 0.0, {}}}}, policy) == "b");
    CHECK(chosen(queue, {{"x", {2, 0.0, {}}}, {"y", {2, 0.0, {}}}}, policy) == "");
}

TEST_CASE("waiting lifts a job class by class, and not above urgent") {
    const SchedulePolicy policy;
    const auto bulk = waiting("a", "x", Priority::kBulk);
    CHECK(class_of(bulk, {}, policy, 14 * kMinute) == Priority::kBulk);
    CHECK(class_of(bulk, {}, policy, 15 * kMinute) == Priority::kLow);
    CHECK(class_of(bulk, {}, policy, 31 * kMinute) == Priority::kNormal);
    CHECK(class_of(bulk, {}, policy, 10'000 * kMinute) == Priority::kUrgent);
    // A queue that moves does not age.
    Uses uses;
    uses["x"].served[static_cast<std::size_t>(Priority::kBulk)] = 60 * kMinute;
    CHECK(class_of(bulk, uses, policy, 70 * kMinute) == Priority::kBulk);
    CHECK(class_of(bulk, uses, policy, 76 * kMinute) == Priority::kLow);
    // A clock that was set back lowers nobody.
    CHECK(class_of(waiting("a", "x", Priority::kHigh, 5000), {}, policy, 0) == Priority::kHigh);
}

TEST_CASE("now and then whoever waits longest is chosen") {
    const std::vector<Candidate> queue{waiting("old", "x", Priority::kBulk, 0),
                                       waiting("new", "y", Priority::kUrgent, 100)};
    int old = 0;
    for (std::size_t count = 0; count < 80; ++count)
        old += chosen(queue, {}, {}, 200, count) == "old" ? 1 : 0;
    CHECK(old == 10);
}

TEST_CASE(
    "property: owners with endless queues converge to equal shares, however many jobs each has") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 20; ++round) {
        Machine machine;
        const int owners = 2 + static_cast<int>(random() % 5);
        for (int owner = 0; owner < owners; ++owner) {
            const auto jobs = 300 + random() % 700;
            for (std::uint64_t i = 0; i < jobs; ++i)
                machine.add(waiting(std::to_string(owner) + "-" + std::to_string(i),
                                    std::to_string(owner),
                                    Priority::kNormal,
                                    static_cast<Millis>(i)));
        }
        const int steps = 250 * owners;
        for (int i = 0; i < steps; ++i) machine.step(500 + static_cast<Millis>(random() % 1000));
        Millis all = 0;
        for (const auto& [owner, ms] : machine.served) all += ms;
        const double fair = static_cast<double>(all) / owners;
        for (const auto& [owner, ms] : machine.served)
            CHECK(static_cast<double>(ms) == Approx(fair).epsilon(0.2));
    }
}

TEST_CASE("property: an owner who comes late gets a share at once, not what was missed") {
    Machine machine;
    for (int i = 0; i < 2000; ++i) machine.add(waiting("a" + std::to_string(i), "a"));
    for (int i = 0; i < 500; ++i) machine.step();
    const auto before = machine.served["a"];
    for (int i = 0; i < 2000; ++i)
        machine.add(waiting("b" + std::to_string(i), "b", Priority::kNormal, machine.now));
    for (int i = 0; i < 2400; ++i) machine.step();
    const auto late = machine.served["a"] - before;
    CHECK(machine.served["b"] > machine.served["a"] - before);
    CHECK(late > 2400 * 1000 / 4);
}

TEST_CASE("property: nothing starves under endless better work") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 20; ++round) {
        Machine machine;
        machine.add(waiting("victim", "quiet", Priority::kBulk, 0));
        int next = 0;
        bool served = false;
        for (int i = 0; i < 3000 && !served; ++i) {
            // Two urgent ones with deadlines, of two loud owners, for each that is served.
            for (int k = 0; k < 2; ++k) {
                machine.add(waiting("u" + std::to_string(next++),
                                    k == 0 ? "loud" : "louder",
                                    Priority::kUrgent,
                                    machine.now,
                                    machine.now + 1 + static_cast<Millis>(random() % 5000)));
            }
            served = machine.step() == "victim";
        }
        CHECK(served);
        CHECK(machine.waited["victim"] <= 16'000);
    }
}

TEST_CASE("property: urgent before bulk, but for the turns of those who wait longest") {
    std::mt19937_64 random(3);
    Machine machine;
    for (int i = 0; i < 400; ++i) {
        const auto id = std::to_string(i);
        machine.add(
            waiting("bulk" + id, "a", Priority::kBulk, static_cast<Millis>(random() % 100)));
        machine.add(
            waiting("urgent" + id, "a", Priority::kUrgent, static_cast<Millis>(random() % 100)));
    }
    int bulk = 0;
    for (int i = 0; i < 400; ++i) bulk += machine.step(10).starts_with("bulk") ? 1 : 0;
    CHECK(bulk <= 400 / 8);
}

TEST_CASE("property: the same queue gives the same choice in any order") {
    std::mt19937_64 random(5);
    for (int round = 0; round < 200; ++round) {
        std::vector<Candidate> queue;
        for (int i = 0; i < 12; ++i)
            queue.push_back(waiting(std::to_string(i),
                                    std::to_string(random() % 4),
                                    static_cast<Priority>(random() % 5),
                                    static_cast<Millis>(random() % 4),
                                    static_cast<Millis>(random() % 3)));
        const std::size_t count = random() % 16;
        const auto once = chosen(queue, {}, {}, 10, count);
        std::shuffle(queue.begin(), queue.end(), random);
        CHECK(chosen(queue, {}, {}, 10, count) == once);
    }
}

TEST_CASE("a few jobs are planned ahead; a higher class or a new owner does not wait for that") {
    const SchedulePolicy policy;
    const std::vector<Candidate> one{waiting("a", "x")};
    const std::vector<Candidate> two{waiting("a", "x"), waiting("b", "x")};
    CHECK(worth_taking(waiting("c", "x"), {}, {}, 1, policy, 0));
    CHECK(worth_taking(waiting("c", "x"), one, {}, 1, policy, 0));
    CHECK_FALSE(worth_taking(waiting("c", "x"), two, {}, 1, policy, 0));
    CHECK(worth_taking(waiting("c", "x"), two, {}, 2, policy, 0));
    CHECK(worth_taking(waiting("c", "y"), two, {}, 1, policy, 0));
    CHECK(worth_taking(waiting("c", "x", Priority::kHigh), two, {}, 1, policy, 0));
    CHECK_FALSE(worth_taking(waiting("c", "x", Priority::kLow), two, {}, 1, policy, 0));
    std::vector<Candidate> many;
    for (int i = 0; i < 32; ++i) many.push_back(waiting(std::to_string(i), std::to_string(i)));
    CHECK_FALSE(worth_taking(waiting("c", "y", Priority::kUrgent), many, {}, 1, policy, 0));
}

TEST_CASE("live encoders take heavy slots, but the last") {
    CHECK(slots_beside_live(4, 0) == 4);
    CHECK(slots_beside_live(4, 3) == 1);
    CHECK(slots_beside_live(4, 4) == 1);
    CHECK(slots_beside_live(4, 40) == 1);
    CHECK(slots_beside_live(1, 0) == 1);
}

TEST_CASE("use is forgotten by half each ten minutes") {
    RecentUse recent;
    recent.add("x", 80, 0);
    CHECK(recent.of("x", 0).recent_s == Approx(80));
    CHECK(recent.of("x", 10 * kMinute).recent_s == Approx(40));
    recent.add("x", 10, 10 * kMinute);
    CHECK(recent.of("x", 20 * kMinute).recent_s == Approx(25));
    CHECK(recent.of("y", 0).recent_s == 0);
}

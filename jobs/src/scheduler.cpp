#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include <jobs/scheduler.hpp>

namespace sg::jobs {
namespace {

constexpr double kHalfLifeMs = 10.0 * 60 * 1000;
/// More begun jobs than this only hold files and memory.
constexpr std::size_t kMostActive = 32;
constexpr std::size_t kPlannedAhead = 1;
/// Below this an owner's use is nothing: entries do not pile up.
constexpr double kForgotten = 0.01;
constexpr Millis kServedForgotten = Millis{24} * 3600 * 1000;

const OwnerUse& use_of(const Uses& uses, const std::string& owner) {
    static const OwnerUse kNothing;
    const auto at = uses.find(owner);
    return at == uses.end() ? kNothing : at->second;
}

double decayed(double seconds, Millis from, Millis to) {
    return seconds * std::exp2(-static_cast<double>(std::max<Millis>(0, to - from)) / kHalfLifeMs);
}

}  // namespace

Priority class_of(const Candidate& candidate,
                  const Uses& uses,
                  const SchedulePolicy& policy,
                  Millis now) {
    const auto served =
        use_of(uses, candidate.owner).served[static_cast<std::size_t>(candidate.priority)];
    const auto waited = std::max<Millis>(0, now - std::max(candidate.queued, served));
    const auto lifted = policy.ageing.count() > 0 ? waited / policy.ageing.count() : 0;
    const auto value = static_cast<Millis>(candidate.priority) + lifted;
    return static_cast<Priority>(std::min<Millis>(value, static_cast<Millis>(Priority::kUrgent)));
}

bool comes_before(const Candidate& a,
                  const Candidate& b,
                  const Uses& uses,
                  const SchedulePolicy& policy,
                  Millis now) {
    const auto rank = [&](const Candidate& c) {
        const auto deadline = c.deadline > 0 ? c.deadline : std::numeric_limits<Millis>::max();
        const auto& use = use_of(uses, c.owner);
        return std::tuple(-static_cast<int>(class_of(c, uses, policy, now)),
                          deadline,
                          use.running,
                          use.recent_s,
                          c.queued);
    };
    const auto first = rank(a);
    const auto second = rank(b);
    return first != second ? first < second : a.job < b.job;
}

std::optional<std::size_t> choose(const std::vector<Candidate>& candidates,
                                  const Uses& uses,
                                  const SchedulePolicy& policy,
                                  Millis now,
                                  std::size_t count) {
    const bool oldest = policy.oldest_every > 0 && (count + 1) % policy.oldest_every == 0;
    const auto before = [&](const Candidate& a, const Candidate& b) {
        if (oldest && a.queued != b.queued) return a.queued < b.queued;
        return comes_before(a, b, uses, policy, now);
    };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const auto& candidate = candidates[i];
        if (policy.jobs_per_owner > 0 &&
            use_of(uses, candidate.owner).running >= policy.jobs_per_owner)
            continue;
        if (!best || before(candidate, candidates[*best])) best = i;
    }
    return best;
}

bool worth_taking(const Candidate& candidate,
                  const std::vector<Candidate>& active,
                  const Uses& uses,
                  std::size_t heavy_slots,
                  const SchedulePolicy& policy,
                  Millis now) {
    if (active.size() >= std::max(kMostActive, heavy_slots + kPlannedAhead)) return false;
    if (active.size() < heavy_slots + kPlannedAhead) return true;
    const bool has_one = std::any_of(active.begin(), active.end(), [&](const Candidate& other) {
        return other.owner == candidate.owner;
    });
    if (!has_one) return true;
    return std::all_of(active.begin(), active.end(), [&](const Candidate& other) {
        return class_of(other, uses, policy, now) < class_of(candidate, uses, policy, now);
    });
}

std::size_t slots_beside_live(std::size_t heavy_slots, std::size_t live_encoders) {
    return heavy_slots > live_encoders ? heavy_slots - live_encoders : 1;
}

RecentUse::Use& RecentUse::entry(const std::string& owner, Millis now) {
    std::erase_if(uses_, [now](const auto& entry) {
        const auto& use = entry.second;
        const auto last = *std::max_element(use.served.begin(), use.served.end());
        return decayed(use.seconds, use.as_of, now) < kForgotten && now - last > kServedForgotten;
    });
    return uses_[owner];
}

void RecentUse::add(const std::string& owner, double seconds, Millis now) {
    auto& use = entry(owner, now);
    use.seconds = decayed(use.seconds, use.as_of, now) + seconds;
    use.as_of = now;
}

void RecentUse::served(const std::string& owner, Priority priority, Millis now) {
    entry(owner, now).served[static_cast<std::size_t>(priority)] = now;
}

OwnerUse RecentUse::of(std::string_view owner, Millis now) const {
    OwnerUse use;
    const auto at = uses_.find(owner);
    if (at == uses_.end()) return use;
    use.recent_s = decayed(at->second.seconds, at->second.as_of, now);
    use.served = at->second.served;
    return use;
}

}  // namespace sg::jobs

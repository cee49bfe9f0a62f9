#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <jobs/job.hpp>
#include <jobs/job_table.hpp>

// Which job next. Pure: the same queue, use and time give the same answer.

namespace sg::jobs {

struct SchedulePolicy {
    std::chrono::milliseconds ageing{std::chrono::minutes(15)};  ///< of waiting lift by one class
    std::size_t jobs_per_owner = 0;                              ///< running at once; 0: no limit
    /// Each so-manyth choice takes whoever waits longest, whatever its class: classes and deadlines
    /// of others can hold a job up, but not for ever.
    std::size_t oldest_every = 8;
};

inline constexpr std::size_t kPriorityCount = 5;

/// What an owner has of the machine.
struct OwnerUse {
    std::size_t running = 0;  ///< jobs, or tasks when those are chosen
    double recent_s = 0;      ///< seconds of slots, of which old ones count less
    /// When a job of each class was last given something; 0: long ago.
    std::array<Millis, kPriorityCount> served{};
};
using Uses = std::map<std::string, OwnerUse, std::less<>>;

/// Its class after ageing: at most kUrgent. Only time in which no job of its owner and class was
/// served counts: a long queue that moves does not push others back.
[[nodiscard]] Priority class_of(const Candidate& candidate,
                                const Uses& uses,
                                const SchedulePolicy& policy,
                                Millis now);

/// Higher class; then the earlier deadline; then the owner who has less; then who waits longer.
[[nodiscard]] bool comes_before(const Candidate& a,
                                const Candidate& b,
                                const Uses& uses,
                                const SchedulePolicy& policy,
                                Millis now);

/// Index of the one to start; nothing when all are over their owner's limit. `count`: of choices
/// made before.
[[nodiscard]] std::optional<std::size_t> choose(const std::vector<Candidate>& candidates,
                                                const Uses& uses,
                                                const SchedulePolicy& policy,
                                                Millis now,
                                                std::size_t count);

/// Whether to take one more job while `active` have begun. A few are planned ahead, so that slots
/// never wait; a job of a higher class than any, or of an owner who has none, does not wait for
/// their end.
[[nodiscard]] bool worth_taking(const Candidate& candidate,
                                const std::vector<Candidate>& active,
                                const Uses& uses,
                                std::size_t heavy_slots,
                                const SchedulePolicy& policy,
                                Millis now);

/// Heavy slots beside so many live encoders: live comes first, but one slot stays.
[[nodiscard]] std::size_t slots_beside_live(std::size_t heavy_slots, std::size_t live_encoders);

/// What owners have had lately: half of it is forgotten each ten minutes.
class RecentUse {
  public:
    void add(const std::string& owner, double seconds, Millis now);
    void served(const std::string& owner, Priority priority, Millis now);
    /// Without what runs.
    [[nodiscard]] OwnerUse of(std::string_view owner, Millis now) const;

  private:
    struct Use {
        double seconds = 0;
        Millis as_of = 0;
        std::array<Millis, kPriorityCount> served{};
    };
    [[nodiscard]] Use& entry(const std::string& owner, Millis now);

    std::map<std::string, Use, std::less<>> uses_;
};

}  // namespace sg::jobs

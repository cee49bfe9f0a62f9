#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <jobs/job.hpp>
#include <sql/connection.hpp>
#include <sql/database.hpp>

#include <base/clock.hpp>
#include <base/result.hpp>

namespace sg::jobs {

/// One fact: the envelope of docs/events.md, with the owner who may see it. Durable ones have a
/// sequence number of the whole service, without gaps; progress has 0 and is told once.
struct Event {
    std::int64_t seq = 0;
    std::string id;  ///< "evt_<uuidv7>"
    Millis time = 0;
    std::string type;     ///< "job.queued", "job.state", "task.finished", "channel.started", ...
    std::string subject;  ///< id of the job, or name of the channel
    std::string owner;    ///< empty: operators only
    int version = 1;
    std::string data = "{}";  ///< a JSON object

    [[nodiscard]] std::string to_json() const;
};

/// Inside a transaction: the event is told when it commits. seq is given here, id when it is empty.
[[nodiscard]] Status append_event(sql::Connection& db, Event event);

/// Durable events after `after`, oldest first. An empty owner means all.
[[nodiscard]] Result<std::vector<Event>> events_after(sql::Connection& db,
                                                      std::int64_t after,
                                                      std::string_view owner,
                                                      std::int64_t limit);
/// The same of one subject: the history of a job.
[[nodiscard]] Result<std::vector<Event>> events_of(sql::Connection& db,
                                                   std::string_view subject,
                                                   std::int64_t after,
                                                   std::int64_t limit);
/// 0 when there has been none.
[[nodiscard]] Result<std::int64_t> last_event(sql::Connection& db);
/// The oldest that is still kept; last_event() + 1 when none is.
[[nodiscard]] Result<std::int64_t> oldest_event(sql::Connection& db);
/// Removes the oldest ones, at most `limit`. Gives how many.
[[nodiscard]] Result<std::int64_t> purge_events(sql::Connection& db,
                                                Millis before,
                                                std::int64_t limit);

/// Tells events to whoever listens, in order of seq, soon after they are durable. Thread-safe.
class EventHub {
  public:
    using Batch = std::vector<std::shared_ptr<const Event>>;
    /// Called on the writer's thread (progress: on the teller's), never twice at once; must not
    /// block nor wait for a write. It may end its own subscription.
    using Listener = std::function<void(const Batch&)>;

    /// Takes the database's on_commit. The database must outlive it.
    EventHub(sql::Database& database, const Clock& clock);
    ~EventHub();
    EventHub(const EventHub&) = delete;
    EventHub& operator=(const EventHub&) = delete;

    class Subscription {
      public:
        Subscription() = default;
        Subscription(Subscription&&) noexcept;
        Subscription& operator=(Subscription&&) noexcept;
        /// The listener is not called any more when this returns: waits for a call that is under
        /// way, unless that is the caller's own.
        ~Subscription();

      private:
        friend class EventHub;
        EventHub* hub_ = nullptr;
        std::uint64_t number_ = 0;
    };
    [[nodiscard]] Subscription subscribe(Listener listener);

    /// Progress: not kept.
    void tell(Event event);

  private:
    struct Seat;
    void committed(sql::Connection& db);
    void pass_on(const Batch& batch);
    void remove(std::uint64_t number);

    sql::Database& database_;
    const Clock& clock_;
    std::int64_t told_ = -1;  // writer's thread, after the constructor
    std::mutex mutex_;        // of what follows
    std::uint64_t next_ = 1;
    std::vector<std::shared_ptr<Seat>> seats_;
};

}  // namespace sg::jobs

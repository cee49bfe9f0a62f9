#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <jobs/event_log.hpp>
#include <nlohmann/json.hpp>

#include <base/ids.hpp>

#include "counters.hpp"

namespace sg::jobs {
namespace {

std::string json_text(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Event event_of(const sql::Row& row) {
    Event event;
    event.seq = row.integer(0);
    event.id = row.text(1);
    event.time = row.integer(2);
    event.type = row.text(3);
    event.subject = row.text(4);
    event.owner = row.text(5);
    event.version = static_cast<int>(row.integer(6));
    event.data = row.text(7);
    return event;
}

#define SG_EVENT_COLUMNS \
    "SELECT seq, id, time, type, subject, owner, version, data FROM job_events "

Result<std::vector<Event>> read(sql::Connection& db,
                                std::string_view sql,
                                std::initializer_list<sql::Param> params) {
    std::vector<Event> events;
    SG_TRY(db.query(sql, params, [&](const sql::Row& row) -> Status {
        events.push_back(event_of(row));
        return {};
    }));
    return events;
}

}  // namespace

std::string Event::to_json() const {
    const Clock::Wall wall{std::chrono::milliseconds(time)};
    return fmt::format(
        R"({{"seq":{},"id":{},"time":"{}","type":{},"subject":{},"version":{},"data":{}}})",
        seq,
        json_text(id),
        rfc3339(wall),
        json_text(type),
        json_text(subject),
        version,
        data);
}

Status append_event(sql::Connection& db, Event event) {
    if (event.id.empty()) event.id = make_id("evt", SystemClock());
    SG_TRY_ASSIGN(event.seq, next_number(db, "event"));
    SG_TRY(
        db.run("INSERT INTO job_events(seq, id, time, type, subject, owner, version, data) "
               "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
               {event.seq,
                event.id,
                event.time,
                event.type,
                event.subject,
                event.owner,
                event.version,
                event.data}));
    return {};
}

Result<std::vector<Event>> events_after(sql::Connection& db,
                                        std::int64_t after,
                                        std::string_view owner,
                                        std::int64_t limit) {
    if (owner.empty())
        return read(db, SG_EVENT_COLUMNS "WHERE seq > $1 ORDER BY seq LIMIT $2", {after, limit});
    return read(db,
                SG_EVENT_COLUMNS "WHERE owner = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                {owner, after, limit});
}

Result<std::vector<Event>> events_of(sql::Connection& db,
                                     std::string_view subject,
                                     std::int64_t after,
                                     std::int64_t limit) {
    return read(db,
                SG_EVENT_COLUMNS "WHERE subject = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                {subject, after, limit});
}

Result<std::int64_t> last_event(sql::Connection& db) {
    return db.number("SELECT value FROM job_counters WHERE name = 'event'");
}

Result<std::int64_t> oldest_event(sql::Connection& db) {
    SG_TRY_ASSIGN(const auto oldest, db.number("SELECT coalesce(min(seq), 0) FROM job_events"));
    if (oldest > 0) return oldest;
    SG_TRY_ASSIGN(const auto last, last_event(db));
    return last + 1;
}

Result<std::int64_t> purge_events(sql::Connection& db, Millis before, std::int64_t limit) {
    // Only from the old end and without holes: a reader that is behind can tell what it missed.
    std::int64_t last = 0;
    bool reached = false;
    SG_TRY(db.query("SELECT seq, time FROM job_events ORDER BY seq LIMIT $1",
                    {limit},
                    [&](const sql::Row& row) -> Status {
                        reached = reached || row.integer(1) >= before;
                        if (!reached) last = row.integer(0);
                        return {};
                    }));
    if (last == 0) return 0;
    return db.run("DELETE FROM job_events WHERE seq <= $1", {last});
}

}  // namespace sg::jobs

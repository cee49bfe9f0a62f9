#include "counters.hpp"

#include <string>

namespace sg::jobs {

Result<std::int64_t> next_number(sql::Connection& db, std::string_view of) {
    std::int64_t number = 0;
    SG_TRY(db.query("UPDATE job_counters SET value = value + 1 WHERE name = $1 RETURNING value",
                    {of},
                    [&](const sql::Row& row) -> Status {
                        number = row.integer(0);
                        return {};
                    }));
    if (number == 0)
        return Error{Errc::kBadData, "database: counter " + std::string(of) + " is missing"};
    return number;
}

}  // namespace sg::jobs

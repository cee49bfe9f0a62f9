#include "counters.hpp"

#include <string>

namespace sg::jobs {

Result<std::int64_t> next_number(sql::Connection& db, std::string_view of) {
    SG_TRY_ASSIGN(
        const auto number,
        db.number("UPDATE job_counters SET value = value + 1 WHERE name = $1 RETURNING value",
                  {of}));
    if (number == 0)
        return Error{Errc::kBadData, "database: counter " + std::string(of) + " is missing"};
    return number;
}

}  // namespace sg::jobs

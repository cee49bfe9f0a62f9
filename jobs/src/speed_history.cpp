#include <algorithm>
#include <cmath>
#include <cstddef>

#include <jobs/job_table.hpp>

#include "counters.hpp"

namespace sg::jobs {
namespace {

constexpr std::int64_t kKept = 50;

}  // namespace

Status add_speed(sql::Connection& db, const SpeedSample& sample, Millis now) {
    SG_TRY_ASSIGN(const auto seq, next_number(db, "speed"));
    SG_TRY(
        db.run("INSERT INTO job_speeds(seq, codec, speed_preset, height, speed, measured) "
               "VALUES ($1, $2, $3, $4, $5, $6)",
               {seq, sample.codec, sample.speed_preset, sample.height, sample.speed, now}));
    SG_TRY(db.run(
        "DELETE FROM job_speeds WHERE codec = $1 AND speed_preset = $2 AND height = $3 AND seq <= "
        "(SELECT seq FROM job_speeds WHERE codec = $1 AND speed_preset = $2 AND height = $3 "
        "ORDER BY seq DESC LIMIT 1 OFFSET $4)",
        {sample.codec, sample.speed_preset, sample.height, kKept}));
    return {};
}

Result<std::optional<SpeedEstimate>> expected_speed(sql::Connection& db, const SpeedSample& like) {
    std::vector<double> speeds;
    SG_TRY(db.query(
        "SELECT speed FROM job_speeds WHERE codec = $1 AND speed_preset = $2 AND height = $3",
        {like.codec, like.speed_preset, like.height},
        [&](const sql::Row& row) -> Status {
            speeds.push_back(row.real(0));
            return {};
        }));
    if (speeds.empty()) return std::optional<SpeedEstimate>();
    std::sort(speeds.begin(), speeds.end());
    const auto quantile = [&](double q) {
        const auto last = static_cast<double>(speeds.size() - 1);
        return speeds[static_cast<std::size_t>(std::lround(q * last))];
    };
    return std::optional(SpeedEstimate{quantile(0.5), quantile(0.1), quantile(0.9)});
}

}  // namespace sg::jobs

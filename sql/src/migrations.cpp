#include "migrations.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include <fmt/format.h>

#include <base/log.hpp>

namespace sg::sql {
namespace {

Status apply(SqliteConnection& connection, const Migration& step) {
    const auto script = connection.script(step.script);
    if (!script) return script;
    SG_TRY(
        connection.run("INSERT INTO schema_versions(module, version) VALUES ($1, $2) "
                       "ON CONFLICT(module) DO UPDATE SET version = excluded.version",
                       {step.module, step.version}));
    return connection.script("COMMIT");
}

}  // namespace

Status migrate(SqliteConnection& connection, std::vector<Migration> steps) {
    SG_TRY(
        connection.script("CREATE TABLE IF NOT EXISTS schema_versions("
                          "module TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL)"));
    std::map<std::string, std::int64_t, std::less<>> current;
    SG_TRY(connection.query(
        "SELECT module, version FROM schema_versions", {}, [&](const Row& row) -> Status {
            current.emplace(std::string(row.text(0)), row.integer(1));
            return {};
        }));

    std::sort(steps.begin(), steps.end(), [](const Migration& a, const Migration& b) {
        return std::tie(a.module, a.version) < std::tie(b.module, b.version);
    });
    std::map<std::string, std::int64_t, std::less<>> known;
    for (const auto& step : steps) {
        if (step.version != ++known[step.module])
            return Error{Errc::kInternal,
                         fmt::format("tables of {}: step {} stands where {} belongs",
                                     step.module,
                                     step.version,
                                     known[step.module])};
    }
    // All of it is checked before anything is changed.
    for (const auto& [module, version] : known)
        if (const auto found = current.find(module);
            found != current.end() && found->second > version)
            return Error{Errc::kMismatch,
                         fmt::format("open database: its tables of {} have version {}, this "
                                     "program knows {}: it was used by a newer StreamGate; "
                                     "upgrade, or put back a copy from before",
                                     module,
                                     found->second,
                                     version)};
    for (const auto& step : steps) {
        if (const auto found = current.find(step.module);
            found != current.end() && step.version <= found->second)
            continue;
        SG_TRY(connection.script("BEGIN IMMEDIATE"));
        if (auto done = apply(connection, step); !done) {
            if (connection.in_transaction()) SG_TRY(connection.script("ROLLBACK"));
            return done.error().within(
                fmt::format("bring tables of {} to version {}", step.module, step.version));
        }
        log::debug("tables_updated module={} version={}", step.module, step.version);
    }
    return {};
}

}  // namespace sg::sql
